/*
 * Owns how documents about an image are found in a layout: by the subject of their manifests (OCI), or by what BuildKit notes of
 * attestations. Called by inspect. Must not know what a document says.
 */
#include "gen/images.h"

#include "gen/attached.h"

#include <jansson.h>
#include <string.h>

#include "gen/layout.h"
#include "gen/manifest.h"
#include "runtime/lib/json.h"

enum { DEPTH_LIMIT = 4 };

struct search {
    struct arena *arena;
    struct layout *layout;
    const char *digest;     /* of the image */
    const char *error;
    json_t *found;
};

static const char *annotation(const json_t *value, const char *name)
{
    return json_get_string(json_object_get(value, "annotations"), name, "");
}

/* Does the manifest, or its descriptor in the index, say so? */
static bool is_about(const struct search *search, const json_t *value, const json_t *manifest)
{
    return !strcmp(json_get_string(json_object_get(manifest, "subject"), "digest", ""), search->digest) ||
           !strcmp(annotation(value, "vnd.docker.reference.digest"), search->digest);
}

static void add(struct search *search, const json_t *value, const json_t *manifest)
{
    const json_t *layers = json_object_get(manifest, "layers");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        const char *type = annotation(layer, "in-toto.io/predicate-type");
        json_array_append_new(search->found, json_pack("{s:s, s:s, s:I, s:s}", "type",
                                                       *type ? type : json_get_string(layer, "mediaType", ""), "digest",
                                                       json_get_string(layer, "digest", ""), "size",
                                                       (json_int_t)json_get_int(layer, "size", 0), "manifest",
                                                       json_get_string(value, "digest", "")));
    }
}

static void look(struct search *search, const json_t *list, int depth)
{
    for (size_t i = 0; i < json_array_size(list) && !search->error; i++) {
        const json_t *value = json_array_get(list, i);
        struct descriptor descriptor;
        search->error = depth > DEPTH_LIMIT ? "indexes are nested too deep"
                                            : descriptor_read(search->arena, value, &descriptor);
        bool is_index = !search->error && descriptor.kind == DESCRIPTOR_INDEX;
        if (search->error || (!is_index && !descriptor.is_attestation))
            continue;
        const json_t *document = layout_document(search->layout, &descriptor, &search->error);
        if (!search->error && is_index)
            look(search, json_object_get(document, "manifests"), depth + 1);
        else if (!search->error && is_about(search, value, document))
            add(search, value, document);
    }
}

json_t *attached_list(struct arena *arena, struct layout *layout, const char *digest, const char **error)
{
    struct search search = {arena, layout, digest, NULL, json_array()};
    look(&search, json_object_get(layout_index(layout), "manifests"), 0);
    *error = search.error;
    if (!search.error)
        return search.found;
    json_decref(search.found);
    return NULL;
}
