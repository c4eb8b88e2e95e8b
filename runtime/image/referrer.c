/*
 * Owns the form of manifests that refer to an image, and of their descriptors. Called by dfgen-image, which has the documents, and by those that
 * read layouts. Must not know what a document says.
 */
#include <jansson.h>

#include "runtime/image/referrer.h"

#include <string.h>

#include "runtime/image/layout.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"
#include "runtime/lib/step.h"

static const char manifest_type[] = "application/vnd.oci.image.manifest.v1+json", empty_type[] = "application/vnd.oci.empty.v1+json";

/* Whose document it is stands in the descriptor as well, under names that builders and registries know. */
static const char note_digest[] = "vnd.docker.reference.digest", note_type[] = "vnd.docker.reference.type";

static json_t *put(struct step *step, struct digests *digests, const char *type, struct buf *text)
{
    char digest[72];
    if (store_blob_put(&step->store, text->data, text->len, digest) < 0)
        step_die(step, "cannot write to the store:");
    digests_add(digests, arena_strdup(step->arena, digest));
    json_t *json = json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)text->len);
    buf_free(text);
    return json;
}

static json_t *put_json(struct step *step, struct digests *digests, const char *type, json_t *json)
{
    struct buf text = {0};
    json_write(json, &text);
    json_decref(json);
    return put(step, digests, type, &text);
}

json_t *referrer_put(struct step *step, struct digests *digests, const json_t *subject, const char *type, json_t *document)
{
    struct buf nothing = {0};
    buf_puts(&nothing, "{}");
    /* What a statement is about stands in it; BuildKit's consumers look here. */
    const char *predicate = json_get_string(document, "predicateType", NULL);
    json_t *notes = predicate ? json_pack("{s:s}", "in-toto.io/predicate-type", predicate) : NULL;
    json_t *layer = put_json(step, digests, type, document);
    if (notes)
        json_object_set_new(layer, "annotations", notes);
    json_t *config = put(step, digests, empty_type, &nothing);
    const char *digest = json_get_string(subject, "digest", "");
    json_t *of = json_pack("{s:s, s:s, s:I}", "mediaType", json_get_string(subject, "mediaType", ""), "digest", digest, "size",
                           (json_int_t)json_get_int(subject, "size", 0));
    json_t *manifest = json_pack("{s:i, s:s, s:s, s:o, s:[o], s:o}", "schemaVersion", 2, "mediaType", manifest_type, "artifactType", type,
                                 "config", config, "layers", layer, "subject", of);
    json_t *descriptor = put_json(step, digests, manifest_type, manifest);
    json_object_set_new(descriptor, "artifactType", json_string(type));
    /* No machine's: who looks for an image of its platform passes it over. */
    json_object_set_new(descriptor, "platform", json_pack("{s:s, s:s}", "architecture", "unknown", "os", "unknown"));
    json_object_set_new(descriptor, "annotations", json_pack("{s:s, s:s}", note_digest, digest, note_type, "attestation-manifest"));
    return descriptor;
}

bool referrer_is_one(const json_t *descriptor)
{
    return json_object_get(descriptor, "artifactType");
}

bool referrer_is_of(const json_t *descriptor, const struct digests *digests)
{
    const char *digest = json_get_string(json_object_get(descriptor, "annotations"), note_digest, NULL);
    return digest && referrer_is_one(descriptor) && digests_have(digests, digest);
}

void referrer_drop_all(json_t *index)
{
    json_t *manifests = json_object_get(index, "manifests");
    for (size_t i = json_array_size(manifests); i-- > 0;)
        if (referrer_is_one(json_array_get(manifests, i)))
            json_array_remove(manifests, i);
}
