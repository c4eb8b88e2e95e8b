/*
 * Owns the order in which an image goes to a registry: blobs, then manifests, the index last, the tag at the very end. Called by
 * dfgen-push and dfgen-registry. Must not know how a blob is sent.
 */
#include "runtime/registry/push.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/json.h"
#include "runtime/registry/hosts.h"
#include "runtime/registry/session.h"
#include "runtime/registry/token.h"

enum { MANIFEST_LIMIT = 4 * 1024 * 1024, DEPTH_LIMIT = 8, TEXT_LIMIT = 64 * 1024 };

/* A manifest's text, and what stands in it. */
struct document {
    struct buf text;
    json_t *json;
    const char *digest, *media_type;
    bool is_listed;         /* the registry says that it has noted the subject */
};

static void document_free(struct document *document)
{
    buf_free(&document->text);
    json_decref(document->json);
}

static char *read_document(const struct push *push, const json_t *descriptor, struct document *document)
{
    char hex[DIGEST_HEX + 1];
    document->digest = json_get_string(descriptor, "digest", "");
    document->media_type = json_get_string(descriptor, "mediaType", "");
    if (!digest_is_valid_name(document->digest))
        return xasprintf("the image has a descriptor without a sha256 digest");
    char *why = NULL, *error = push_read_manifest(push, descriptor, MANIFEST_LIMIT, &document->text);
    if (error)
        return error;
    struct digest digest = digest_of(buf_text(&document->text), document->text.len);
    digest_hex(&digest, hex);
    if (strcmp(hex, document->digest + 7))
        return xasprintf("%s of the image is damaged: its content has digest sha256:%s. Make the image again", document->digest, hex);
    document->json = json_parse((struct span){buf_text(&document->text), document->text.len}, &why);
    if (!document->json)
        error = xasprintf("%s of the image is not JSON: %s", document->digest, why);
    free(why);
    return error;
}

/* --- one manifest --- */

static char *failure(const struct push *push, const struct session *session, const char *reference,
                     const struct client_response *response)
{
    char *what = xasprintf("send the manifest of %s%s%s", push->repository, strchr(reference, ':') ? "@" : ":", reference);
    char *error = session_failure(session, what, response);
    free(what);
    return error;
}

/* Does the registry say that this is what the reference means? All that a manifest names is there, then: registries see to it. */
static bool has_manifest(struct session *session, const char *reference, const struct document *document)
{
    char *url = xasprintf("manifests/%s", reference), *accept = xasprintf("Accept: %s", document->media_type);
    const char *const headers[] = {accept};
    struct client_request request = {.method = "HEAD", .url = url, .headers = headers, .header_count = 1, .limit = TEXT_LIMIT};
    struct client_response response;
    session_send(session, &request, true, &response);
    char *digest = session_is_ok(&response) ? client_header(&response, "Docker-Content-Digest", 0) : NULL;
    bool has = digest && !strcmp(digest, document->digest);
    client_response_free(&response);
    free(digest);
    free(accept);
    free(url);
    return has;
}

static char *other_digest(const struct push *push, const struct session *session, const struct document *document,
                          const char *said)
{
    struct arena arena = {0};
    char *error = xasprintf("%s: it took the manifest of %s as %s, but it is %s. Try again, or ask who runs the "
                            "registry", session_place(session)->host, push->repository, token_shown(&arena, said),
                            document->digest);
    arena_free(&arena);
    return error;
}

static char *put_manifest(const struct push *push, struct session *session, const char *reference,
                          struct document *document)
{
    char *url = xasprintf("manifests/%s", reference), *type = xasprintf("Content-Type: %s", document->media_type), *error = NULL;
    const char *const headers[] = {type};
    struct client_request request = {.method = "PUT", .url = url, .headers = headers, .header_count = 1, .limit = TEXT_LIMIT,
                                     .data = buf_text(&document->text), .size = (int64_t)document->text.len};
    struct client_response response;
    session_send(session, &request, true, &response);
    char *said = client_header(&response, "Docker-Content-Digest", 0);
    char *subject = client_header(&response, "OCI-Subject", 0);
    document->is_listed = subject;
    free(subject);
    if (!session_is_ok(&response))
        error = failure(push, session, reference, &response);
    else if (said && strcmp(said, document->digest))
        error = other_digest(push, session, document, said);
    client_response_free(&response);
    free(said);
    free(type);
    free(url);
    return error;
}

/* --- what a manifest names --- */

typedef VEC(struct push_blob) blob_list;

static char *add_blob(const json_t *descriptor, blob_list *blobs)
{
    struct push_blob blob = {json_get_string(descriptor, "digest", ""), json_get_int(descriptor, "size", -1)};
    if (!digest_is_valid_name(blob.digest) || blob.size < 0)
        return xasprintf("the image has a descriptor without sha256 digest or size");
    for (size_t i = 0; i < blobs->count; i++)
        if (!strcmp(blobs->items[i].digest, blob.digest))
            return NULL;
    vec_push(blobs, blob);
    return NULL;
}

static char *send_blobs(const struct push *push, const json_t *manifest)
{
    blob_list blobs = {0};
    const json_t *layers = json_object_get(manifest, "layers");
    char *error = NULL;
    for (size_t i = 0; i < json_array_size(layers) && !error; i++)
        error = add_blob(json_array_get(layers, i), &blobs);
    if (!error)
        error = add_blob(json_object_get(manifest, "config"), &blobs);
    if (!error)
        error = push_blobs(push, blobs.items, blobs.count);
    vec_free(&blobs);
    return error;
}

static char *send_document(const struct push *push, struct session *session, const json_t *descriptor, const char *tag,
                           int depth);

static char *send_parts(const struct push *push, struct session *session, const struct document *document, int depth)
{
    const json_t *manifests = json_object_get(document->json, "manifests");
    char *error = NULL;
    for (size_t i = 0; i < json_array_size(manifests) && !error; i++)
        error = send_document(push, session, json_array_get(manifests, i), NULL, depth + 1);
    return manifests ? error : send_blobs(push, document->json);
}

static char *send_document(const struct push *push, struct session *session, const json_t *descriptor, const char *tag,
                           int depth)
{
    struct document document = {0};
    if (depth > DEPTH_LIMIT)
        return xasprintf("the image's indexes are nested too deep");
    char *error = read_document(push, descriptor, &document);
    const char *reference = tag ? tag : document.digest;
    if (!error && !has_manifest(session, reference, &document)) {
        if (!tag || !has_manifest(session, document.digest, &document))
            error = send_parts(push, session, &document, depth);
        if (!error)
            error = put_manifest(push, session, reference, &document);
    }
    if (!error && !document.is_listed && json_object_get(document.json, "subject"))
        error = push_list_referrer(push, session, descriptor, document.json);
    document_free(&document);
    return error;
}

char *push_image(const struct push *push, const json_t *descriptor)
{
    struct places places = {0};
    char *error = registry_places(push->registry, push->repository, false, true, &places);
    if (!error) {
        struct session *session = session_new(push->registry, &places.items.items[0], "pull,push");
        error = send_document(push, session, descriptor, push->tag, 0);
        session_free(session);
    }
    vec_free(&places.items);
    return error;
}
