/* An image layout as one tar: OCI's form, and Docker's, which is the same with a manifest.json. */
#ifndef DFGEN_IMAGE_ARCHIVE_H
#define DFGEN_IMAGE_ARCHIVE_H

#include <stddef.h>

struct arena;
struct json_t;
struct buf;
struct digests;
struct tar_sink;

/* Folders that have the blobs, each one of them in at least one. */
struct archive_layouts {
    const int *items;
    size_t count;
};

/* manifest.json of a docker-archive: config, names and layers of each image in the index. NULL if all went well, else why not, malloc'd. */
char *archive_docker_manifest(const struct archive_layouts *layouts, struct arena *arena, const struct json_t *index,
                              struct buf *text);

struct archive_parts {
    struct archive_layouts layouts;
    const struct digests *blobs;
    const char *index;      /* text of index.json */
    const char *manifest;   /* text of manifest.json, NULL: none */
};

/* Write it all, in byte order of the names, with no times and owners. NULL if all went well, else why not, malloc'd. */
char *archive_write(const struct archive_parts *parts, const struct tar_sink *sink);

#endif
