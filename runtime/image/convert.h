/*
 * An image as it would be with another compression of its layers, other annotations or media types: the config stays
 * what it is, and so do the layers' contents. runtime/tar/source.h goes before this header.
 */
#ifndef DFGEN_IMAGE_CONVERT_H
#define DFGEN_IMAGE_CONVERT_H

#include <stdbool.h>

struct digests;
struct json_t;
struct step;

struct convert {
    struct step *step;              /* its store gets the blobs */
    int layout;                     /* has the image */
    struct digests *digests;        /* gets those of all blobs of the new one */
    enum compression compression;
    int level;
    const struct json_t *keep;      /* layers that stay as they are, by their digests; NULL: none */
    const struct json_t *annotations;   /* of the manifest or the index; NULL: none */
    const struct json_t *manifests;     /* of an index, in its order: annotations and descriptor_annotations of each */
    bool docker;
    const char *manifest_type, *config_type, *index_type;
    char compressor[64];            /* convert.c's */
};

/* The descriptor of the new manifest or index. NULL, and *error (malloc'd) says why. */
struct json_t *convert_image(struct convert *convert, const struct json_t *descriptor, char **error);

#endif
