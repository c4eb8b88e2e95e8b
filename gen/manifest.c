/*
 * Owns the media types and the shape of descriptors and manifests (OCI image-spec, Docker's v2.2). Called by layout.
 * Must not know where blobs lie.
 */
#include "gen/manifest.h"

#include <jansson.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/json.h"

enum { LAYER_LIMIT = 1000 };

static const struct {
    const char *media_type;
    enum descriptor_kind kind;
} media_types[] = {
    {"application/vnd.oci.image.index.v1+json", DESCRIPTOR_INDEX},
    {"application/vnd.docker.distribution.manifest.list.v2+json", DESCRIPTOR_INDEX},
    {"application/vnd.oci.image.manifest.v1+json", DESCRIPTOR_MANIFEST},
    {"application/vnd.docker.distribution.manifest.v2+json", DESCRIPTOR_MANIFEST},
    {"application/vnd.oci.image.config.v1+json", DESCRIPTOR_CONFIG},
    {"application/vnd.docker.container.image.v1+json", DESCRIPTOR_CONFIG},
    {"application/vnd.oci.image.layer.v1.tar", DESCRIPTOR_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+gzip", DESCRIPTOR_LAYER},
    {"application/vnd.oci.image.layer.v1.tar+zstd", DESCRIPTOR_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", DESCRIPTOR_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", DESCRIPTOR_LAYER},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", DESCRIPTOR_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar", DESCRIPTOR_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", DESCRIPTOR_LAYER},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", DESCRIPTOR_LAYER},
};

static enum descriptor_kind kind_of(const char *media_type)
{
    for (size_t i = 0; i < sizeof media_types / sizeof *media_types; i++)
        if (!strcmp(media_types[i].media_type, media_type))
            return media_types[i].kind;
    return DESCRIPTOR_OTHER;
}

const char *descriptor_read(struct arena *arena, const json_t *value, struct descriptor *descriptor)
{
    if (!json_is_object(value))
        return "it is no descriptor";
    const json_t *notes = json_object_get(value, "annotations"), *platform = json_object_get(value, "platform");
    *descriptor = (struct descriptor){
        .media_type = json_get_string(value, "mediaType", ""),
        .digest = json_get_string(value, "digest", ""),
        .size = json_get_int(value, "size", -1),
        .ref_name = json_get_string(notes, "org.opencontainers.image.ref.name", NULL),
        .image_name = json_get_string(notes, "io.containerd.image.name", NULL),
        .platform = json_is_object(platform) ? platform : NULL,
        .is_attestation = json_get_string(notes, "vnd.docker.reference.type", NULL) ||
                          *json_get_string(value, "artifactType", ""),
    };
    descriptor->kind = kind_of(descriptor->media_type);
    if (!digest_is_valid_name(descriptor->digest))
        return arena_printf(arena, "digest \"%.100s\" is no sha256 digest", descriptor->digest);
    if (descriptor->size < 0)
        return "it has no size";
    return NULL;
}

const char *manifest_check(struct arena *arena, const json_t *manifest, const struct descriptor *as, struct descriptor *config)
{
    if (as->kind != DESCRIPTOR_MANIFEST)
        return arena_printf(arena, "unknown media type %s", as->media_type);
    const char *own = json_get_string(manifest, "mediaType", as->media_type);
    if (strcmp(own, as->media_type))
        return arena_printf(arena, "it calls itself %s, its descriptor %s", own, as->media_type);
    if (json_object_get(manifest, "manifests"))
        return "it is a manifest and an index at once";
    const json_t *layers = json_object_get(manifest, "layers");
    if (!json_is_array(layers))
        return "it has no list of layers";
    if (json_array_size(layers) > LAYER_LIMIT)
        return "it has more than 1000 layers";
    const char *why = descriptor_read(arena, json_object_get(manifest, "config"), config);
    if (why)
        return arena_printf(arena, "config: %s", why);
    if (config->kind != DESCRIPTOR_CONFIG)
        return arena_printf(arena, "config: unknown media type %s", config->media_type);
    return NULL;
}

const char *index_check(struct arena *arena, const json_t *index, const struct descriptor *as)
{
    const char *own = json_get_string(index, "mediaType", NULL);
    if (own && as && strcmp(own, as->media_type))
        return arena_printf(arena, "it calls itself %s, its descriptor %s", own, as->media_type);
    if (own && kind_of(own) != DESCRIPTOR_INDEX)
        return arena_printf(arena, "it calls itself %s", own);
    if (json_object_get(index, "layers") || json_object_get(index, "config"))
        return "it is a manifest and an index at once";
    if (!json_is_array(json_object_get(index, "manifests")))
        return "it has no list of manifests";
    return NULL;
}
