/*
 * Owns how a registry gets to know which documents refer to an image: by itself, or by the tag sha256-HEX where it has no
 * referrers API (OCI distribution-spec 1.1). Called by dfgen-push, behind the documents. Must not know what they are.
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

enum { INDEX_LIMIT = 4 * 1024 * 1024, NOT_FOUND = 404 };

static const char index_type[] = "application/vnd.oci.image.index.v1+json";

static char *failure(const struct push *push, const struct session *session, const char *what,
                     const struct client_response *response)
{
    char *text = xasprintf("%s of %s", what, push->repository);
    char *error = session_failure(session, text, response);
    free(text);
    return error;
}

/* An index that the registry has; *index is NULL when there is none. */
static char *get_index(const struct push *push, struct session *session, const char *path, json_t **index)
{
    char *accept = xasprintf("Accept: %s", index_type), *error = NULL, *why = NULL;
    const char *const headers[] = {accept};
    struct client_request request = {.method = "GET", .url = path, .headers = headers, .header_count = 1,
                                     .limit = INDEX_LIMIT};
    struct client_response response;
    session_send(session, &request, true, &response);
    *index = NULL;
    if (session_is_ok(&response)) {
        *index = json_parse((struct span){buf_text(&response.text), response.text.len}, &why);
        if (!json_is_array(json_object_get(*index, "manifests")))
            error = xasprintf("%s: what it has as %s of %s is no index%s%s. Remove it there",
                              session_place(session)->host, path, push->repository, why ? ": " : "", why ? why : "");
    } else if (response.status != NOT_FOUND) {
        error = failure(push, session, "get the list of documents", &response);
    }
    if (error) {
        json_decref(*index);
        *index = NULL;
    }
    client_response_free(&response);
    free(why);
    free(accept);
    return error;
}

static char *put_index(const struct push *push, struct session *session, const char *path, const json_t *index)
{
    struct buf text = {0};
    char *type = xasprintf("Content-Type: %s", index_type), *error = NULL;
    const char *const headers[] = {type};
    json_write(index, &text);
    struct client_request request = {.method = "PUT", .url = path, .headers = headers, .header_count = 1,
                                     .limit = INDEX_LIMIT, .data = buf_text(&text), .size = (int64_t)text.len};
    struct client_response response;
    session_send(session, &request, true, &response);
    if (!session_is_ok(&response))
        error = failure(push, session, "send the list of documents", &response);
    client_response_free(&response);
    buf_free(&text);
    free(type);
    return error;
}

/* False: it is there already. */
static bool add(json_t *index, const json_t *descriptor)
{
    json_t *manifests = json_object_get(index, "manifests");
    const char *digest = json_get_string(descriptor, "digest", "");
    for (size_t i = 0; i < json_array_size(manifests); i++)
        if (!strcmp(json_get_string(json_array_get(manifests, i), "digest", ""), digest))
            return false;
    json_t *json = json_pack("{s:s, s:s, s:I, s:s}", "mediaType", json_get_string(descriptor, "mediaType", ""),
                             "digest", digest, "size", (json_int_t)json_get_int(descriptor, "size", 0),
                             "artifactType", json_get_string(descriptor, "artifactType", ""));
    json_array_append_new(manifests, json);
    return true;
}

/* The tag of what is known of an image, with one document more. */
static char *update_tag(const struct push *push, struct session *session, const char *subject, const json_t *descriptor)
{
    char *path = xasprintf("manifests/sha256-%s", subject + strlen("sha256:"));
    json_t *index;
    char *error = get_index(push, session, path, &index);
    if (!error && !index)
        index = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", index_type, "manifests");
    if (!error && add(index, descriptor))
        error = put_index(push, session, path, index);
    json_decref(index);
    free(path);
    return error;
}

static char *tell(const struct push *push, struct session *session, const json_t *descriptors)
{
    char *error = NULL;
    for (size_t i = 0; i < json_array_size(descriptors) && !error; i++) {
        const json_t *descriptor = json_array_get(descriptors, i);
        const json_t *notes = json_object_get(descriptor, "annotations");
        const char *subject = json_get_string(notes, "vnd.docker.reference.digest", "");
        if (!digest_is_valid_name(subject))
            return xasprintf("a document about the image does not say whose it is");
        char *path = xasprintf("referrers/%s", subject);
        json_t *list = NULL;
        error = i ? NULL : get_index(push, session, path, &list);
        free(path);
        bool is_told = list;
        json_decref(list);
        if (is_told)
            return NULL;
        if (!error)
            error = update_tag(push, session, subject, descriptor);
    }
    return error;
}

char *push_referrers(const struct push *push, const json_t *descriptors)
{
    struct places places = {0};
    if (!json_array_size(descriptors))
        return NULL;
    char *error = registry_places(push->registry, push->repository, false, true, &places);
    if (!error) {
        struct session *session = session_new(push->registry, &places.items.items[0], "pull,push");
        error = tell(push, session, descriptors);
        session_free(session);
    }
    vec_free(&places.items);
    return error;
}
