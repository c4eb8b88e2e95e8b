/*
 * Owns the list of what refers to an image, for registries that keep none themselves (OCI distribution specification,
 * "Referrers Tag Schema"). Called by push. Must not know what the documents are.
 */
#include "runtime/registry/push.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/json.h"
#include "runtime/registry/hosts.h"
#include "runtime/registry/session.h"

enum { LIST_LIMIT = 4 * 1024 * 1024 };

static const char index_type[] = "application/vnd.oci.image.index.v1+json";

/* A list under its address, once it is known how that ended. */
struct list {
    const struct push *push;
    struct session *session;
    char *url;              /* "manifests/sha256-HEX" */
    json_t *json;           /* an index */
};

static char *failure(const struct list *list, const char *verb, const struct client_response *response)
{
    const char *tag = strchr(list->url, '/') + 1;
    char *what = xasprintf("%s the list of referrers %s of %s", verb, tag, list->push->repository);
    char *error = session_failure(list->session, what, response);
    free(what);
    return error;
}

static bool is_index(const struct client_response *response)
{
    char *type = client_header(response, "Content-Type", 0);
    bool is_one = type && !strncmp(type, index_type, sizeof index_type - 1);
    free(type);
    return is_one;
}

/* Does the registry list referrers itself? */
static bool has_lists(struct session *session, const char *subject)
{
    char *url = xasprintf("referrers/%s", subject);
    struct client_request request = {.method = "GET", .url = url, .limit = LIST_LIMIT};
    struct client_response response;
    session_send(session, &request, true, &response);
    bool has = session_is_ok(&response) && is_index(&response);
    client_response_free(&response);
    free(url);
    return has;
}

static char *get_list(struct list *list)
{
    static const char *const headers[] = {"Accept: application/vnd.oci.image.index.v1+json"};
    struct client_request request = {.method = "GET", .url = list->url, .headers = headers, .header_count = 1,
                                     .limit = LIST_LIMIT};
    struct client_response response;
    char *error = NULL;
    session_send(list->session, &request, true, &response);
    if (!response.error && response.status == 404)
        list->json = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", index_type, "manifests");
    else if (!session_is_ok(&response))
        error = failure(list, "get", &response);
    else
        list->json = json_parse((struct span){buf_text(&response.text), response.text.len}, NULL);
    if (!error && !json_is_array(json_object_get(list->json, "manifests")))
        error = xasprintf("%s: %s of %s, where referrers are listed, is no index: remove that tag",
                          session_place(list->session)->host, strchr(list->url, '/') + 1, list->push->repository);
    client_response_free(&response);
    return error;
}

static char *put_list(const struct list *list)
{
    static const char *const headers[] = {"Content-Type: application/vnd.oci.image.index.v1+json"};
    struct buf text = {0};
    json_write(list->json, &text);
    struct client_request request = {.method = "PUT", .url = list->url, .headers = headers, .header_count = 1,
                                     .limit = LIST_LIMIT, .data = text.data, .size = (int64_t)text.len};
    struct client_response response;
    session_send(list->session, &request, true, &response);
    char *error = session_is_ok(&response) ? NULL : failure(list, "send", &response);
    client_response_free(&response);
    buf_free(&text);
    return error;
}

/* False: it is there already. */
static bool add_entry(const struct list *list, const json_t *descriptor, const json_t *manifest)
{
    json_t *manifests = json_object_get(list->json, "manifests");
    const char *digest = json_get_string(descriptor, "digest", "");
    for (size_t i = 0; i < json_array_size(manifests); i++)
        if (!strcmp(json_get_string(json_array_get(manifests, i), "digest", ""), digest))
            return false;
    const char *config = json_get_string(json_object_get(manifest, "config"), "mediaType", "");
    json_t *entry = json_pack("{s:s, s:s, s:I, s:s}", "mediaType", json_get_string(descriptor, "mediaType", ""),
                              "digest", digest, "size", (json_int_t)json_get_int(descriptor, "size", 0),
                              "artifactType", json_get_string(manifest, "artifactType", config));
    json_t *annotations = json_object_get(manifest, "annotations");
    if (json_object_size(annotations))
        json_object_set(entry, "annotations", annotations);
    json_array_append_new(manifests, entry);
    return true;
}

char *push_list_referrer(const struct push *push, struct session *session, const json_t *descriptor,
                         const json_t *manifest)
{
    const char *subject = json_get_string(json_object_get(manifest, "subject"), "digest", "");
    if (!digest_is_valid_name(subject) || has_lists(session, subject))
        return NULL;
    struct list list = {push, session, xasprintf("manifests/sha256-%s", subject + 7), NULL};
    char *error = get_list(&list);
    if (!error && add_entry(&list, descriptor, manifest))
        error = put_list(&list);
    json_decref(list.json);
    free(list.url);
    return error;
}
