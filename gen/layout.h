/*
 * A place that holds images as files: an OCI image layout or a `docker save` archive, as a folder or an uncompressed tar. Reads indexes,
 * manifests and configs with their digests checked; of layers it only says where they lie. Include gen/images.h first.
 */
#ifndef DFGEN_LAYOUT_H
#define DFGEN_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct platform;

struct layout;

enum { LAYOUT_CONFIG_LIMIT = 8 * 1024 * 1024 };

/* path: as openable now. NULL: *error says what is wrong with it, path included. */
struct layout *layout_open(struct arena *arena, const char *path, const char **error);
void layout_close(struct layout *layout);

/*
 * The store as a layout with just one image, which a registry named; input is the file that says so. What is missing of manifests and configs is
 * got when it is read: get puts a blob into the store, NULL or what went wrong.
 */
struct descriptor;
typedef const char *(*layout_getter)(void *data, const struct descriptor *descriptor);
struct layout *layout_of_store(struct arena *arena, const char *store, const struct descriptor *image, const char *input,
                               const char **error);
void layout_set_getter(struct layout *layout, layout_getter get, void *data);

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

/* --- for `dfgen load`, which takes everything over --- */

struct json_t;

/* index.json of an OCI layout; NULL for a docker-archive. */
const struct json_t *layout_index(const struct layout *layout);
/* A JSON blob (a nested index, a manifest), checked. NULL with *error. */
const struct json_t *layout_document(struct layout *layout, const struct descriptor *descriptor, const char **error);

/* Images of a docker-archive: *config is its config's file, *tags its RepoTags (may be NULL). NULL with *error; NULL without when there are no more. */
const struct image *layout_docker_image(struct layout *layout, size_t i, const char **config, const struct json_t **tags,
                                        const char **error);

/* Where a file of the layout lies: *path to open, *offset (0 in a folder) and *size. */
bool layout_locate(struct layout *layout, const char *name, const char **path, int64_t *offset, int64_t *size);

#endif
