/*
 * Owns manifests that come from a registry, and the order in which mirrors are asked. Called by dfgen-registry. A registry is
 * believed nothing: its headers, the body and the descriptor must say the same.
 */
#include "runtime/registry/pull.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"
#include "runtime/registry/hosts.h"
#include "runtime/registry/session.h"
#include "runtime/registry/token.h"

static const char *const manifest_types[] = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
};

enum { TYPE_COUNT = sizeof manifest_types / sizeof *manifest_types };

struct wanted {
    const char *repository, *reference;
    const struct pull_descriptor *descriptor;   /* NULL: anything */
};

static bool is_digest(const char *reference)
{
    return strchr(reference, ':') != NULL;
}

static char *lies(const struct session *session, const struct wanted *wanted, const char *why)
{
    struct arena arena = {0};
    char *text = xasprintf("%s: the manifest of %s%s%s is not to be trusted: %s. Try again, or take the image from elsewhere",
                           session_place(session)->host, wanted->repository, is_digest(wanted->reference) ? "@" : ":",
                           wanted->reference, token_shown(&arena, why));
    arena_free(&arena);
    return text;
}

/* Content-Type without its parameters. */
static char *type_of(const struct client_response *response)
{
    char *type = client_header(response, "Content-Type", 0);
    if (type)
        type[strcspn(type, "; \t")] = 0;
    return type ? type : xstrdup("");
}

static char *check_type(const char *type)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (!strcmp(manifest_types[i], type))
            return NULL;
    if (strstr(type, "manifest.v1"))
        return xasprintf("it has Docker's old schema 1, which is not supported: push the image again with a tool of today");
    return xasprintf("it comes as \"%s\", which is no manifest: is a proxy or a login page in the way", type);
}

/* The header's type and the body's must agree, and it must be one thing only (CVE-2021-41190). */
static char *check_body(const char *type, const json_t *json)
{
    const char *own = json_get_string(json, "mediaType", type);
    bool is_index = json_object_get(json, "manifests"), is_manifest = json_object_get(json, "layers") || json_object_get(json, "config");
    bool should_be_index = !strcmp(type, manifest_types[0]) || !strcmp(type, manifest_types[1]);
    if (strcmp(own, type))
        return xasprintf("it calls itself %s, its header says %s", own, type);
    if (is_index && is_manifest)
        return xasprintf("it is a manifest and an index at once");
    if (should_be_index ? !is_index : !is_manifest)
        return xasprintf("it has not the form of %s", type);
    return NULL;
}

static char *check_digest(const struct wanted *wanted, const struct client_response *response,
                          const struct pull_descriptor *found)
{
    const struct pull_descriptor *want = wanted->descriptor;
    if (is_digest(wanted->reference) && strcmp(wanted->reference, found->digest))
        return xasprintf("its content has digest %s", found->digest);
    if (want && want->size >= 0 && want->size != found->size)
        return xasprintf("it has %lld bytes, its descriptor says %lld", (long long)found->size, (long long)want->size);
    if (want && *want->media_type && strcmp(want->media_type, found->media_type))
        return xasprintf("it is %s, its descriptor says %s", found->media_type, want->media_type);
    char *said = client_header(response, "Docker-Content-Digest", 0), *why = NULL;
    if (said && digest_is_valid_name(said) && strcmp(said, found->digest))
        why = xasprintf("its content has digest %s, its header says %s", found->digest, said);
    free(said);
    return why;
}

static char *judge(const struct wanted *wanted, const struct client_response *response, struct pull_descriptor *found)
{
    char *type = type_of(response), *why = check_type(type), *detail = NULL;
    json_t *json = why ? NULL : json_parse((struct span){buf_text(&response->text), response->text.len}, &detail);
    if (!why && !json_is_object(json))
        why = xasprintf("it is no JSON object%s%s", detail ? ": " : "", detail ? detail : "");
    free(detail);
    if (!why)
        why = check_body(type, json);
    struct digest digest = digest_of(buf_text(&response->text), response->text.len);
    char hex[DIGEST_HEX + 1];
    digest_hex(&digest, hex);
    snprintf(found->digest, sizeof found->digest, "sha256:%s", hex);
    snprintf(found->media_type, sizeof found->media_type, "%s", type);
    found->size = (int64_t)response->text.len;
    if (!why)
        why = check_digest(wanted, response, found);
    json_decref(json);
    free(type);
    return why;
}

static char *get_from(struct registry *registry, struct store *store, const struct place *place, const struct wanted *wanted,
                      struct pull_descriptor *found)
{
    struct session *session = session_new(registry, place, "pull");
    char *url = xasprintf("manifests/%s", wanted->reference), *accept = NULL, *error = NULL;
    struct buf types = {0};
    for (size_t i = 0; i < TYPE_COUNT; i++)
        buf_printf(&types, "%s%s", i ? ", " : "Accept: ", manifest_types[i]);
    accept = buf_take(&types);
    const char *const headers[] = {accept};
    struct client_request request = {.method = "GET", .url = url, .headers = headers, .header_count = 1,
                                     .limit = PULL_MANIFEST_LIMIT};
    struct client_response response;
    session_send(session, &request, true, &response);
    if (session_is_ok(&response)) {
        char *why = judge(wanted, &response, found), digest[72];
        if (why)
            error = lies(session, wanted, why);
        else if (store_blob_put(store, buf_text(&response.text), response.text.len, digest) < 0)
            error = xasprintf("cannot write to the store %s: %s", store->path, strerror(errno));
        free(why);
    } else {
        char *what = xasprintf("get the manifest of %s%s%s", wanted->repository, is_digest(wanted->reference) ? "@" : ":",
                               wanted->reference);
        error = session_failure(session, what, &response);
        free(what);
    }
    client_response_free(&response);
    session_free(session);
    free(accept);
    free(url);
    return error;
}

char *pull_manifest(struct registry *registry, struct store *store, const char *repository, const char *reference,
                    const struct pull_descriptor *want, struct pull_descriptor *found)
{
    struct places places = {0};
    struct wanted wanted = {repository, reference, want};
    char *error = registry_places(registry, repository, is_digest(reference), false, &places);
    for (size_t i = 0; i < places.items.count && (i == 0 || error); i++) {
        char *old = error;
        if (i == 0 && error)
            break;
        error = get_from(registry, store, &places.items.items[i], &wanted, found);
        /* All that were asked are named. */
        if (error && old) {
            char *both = xasprintf("%s; and %s", old, error);
            free(error);
            error = both;
        }
        free(old);
    }
    vec_free(&places.items);
    return error;
}
