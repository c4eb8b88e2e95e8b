/*
 * A place that holds images as files: an OCI image layout or a `docker save` archive, as a folder or an uncompressed tar. Reads indexes,
 * manifests and configs with their digests checked; of layers it only says where they lie. Include gen/images.h first.
 */
#ifndef DFGEN_LAYOUT_H
#define DFGEN_LAYOUT_H

#include <stdbool.h>

struct arena;
struct platform;

struct layout;

/* path: as openable now. NULL: *error says what is wrong with it, path included. */
struct layout *layout_open(struct arena *arena, const char *path, const char **error);
void layout_close(struct layout *layout);

/* Which image: what is NULL does not matter. */
struct layout_query {
    const char *digest;     /* "sha256:HEX" of a manifest or index */
    const char *tag;        /* "latest" */
    const char *reference;  /* normalised: "docker.io/library/busybox:latest" */
    /* Take the only image there is, even when it does not have that tag. */
    bool accept_only;
};

/*
 * The image for a platform. NULL: *error says what is wrong, or is NULL when the layout simply has no such image.
 * in_store: layers get blob NULL.
 */
const struct image *layout_find(struct layout *layout, const struct layout_query *query, const struct platform *wanted,
                                bool in_store, const char **error);

/* All names that images here have, normalised; for messages and `dfgen load`. */
const char *const *layout_names(struct layout *layout, size_t *count);

#endif
