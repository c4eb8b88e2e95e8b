/* Descriptors and manifests of images, read and checked: media types are rows of a table. */
#ifndef DFGEN_MANIFEST_H
#define DFGEN_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct json_t;

enum descriptor_kind { DESCRIPTOR_OTHER, DESCRIPTOR_INDEX, DESCRIPTOR_MANIFEST, DESCRIPTOR_CONFIG, DESCRIPTOR_LAYER };

/* OCI image-spec: a content descriptor. Strings are the arena's or the JSON's. */
struct descriptor {
    enum descriptor_kind kind;
    const char *media_type;
    const char *digest;         /* "sha256:HEX" */
    int64_t size;
    const char *ref_name;       /* annotation org.opencontainers.image.ref.name; NULL: none */
    const char *image_name;     /* annotation io.containerd.image.name; NULL: none */
    const struct json_t *platform;  /* NULL: not said */
    bool is_attestation;        /* of a document about an image, or another artifact: no image */
};

/* NULL, or what is wrong with it (only sha256 digests are taken). */
const char *descriptor_read(struct arena *arena, const struct json_t *value, struct descriptor *descriptor);

/*
 * Check a manifest: that it is what its descriptor says, and no index as well (CVE-2021-41190), and give its config's descriptor. NULL, or what
 * is wrong.
 */
const char *manifest_check(struct arena *arena, const struct json_t *manifest, const struct descriptor *as,
                           struct descriptor *config);

/* The same of an index; as may be NULL: it is index.json, which no descriptor names. */
const char *index_check(struct arena *arena, const struct json_t *index, const struct descriptor *as);

#endif
