/*
 * Images of a layout to registries: what is missing there, and the manifest last. May be repeated at any time: what has arrived is not
 * sent again.
 */
#ifndef DFGEN_REGISTRY_PUSH_H
#define DFGEN_REGISTRY_PUSH_H

#include <stddef.h>
#include <stdint.h>

struct json_t;
struct registry;

/* Where blobs may be had on the same server without sending them. */
struct push_origin {
    const char *digest;         /* of a blob */
    const char *repository;     /* "registry.example/base" */
};

struct push {
    struct registry *registry;
    int layout;                 /* the folder: blobs/sha256/HEX */
    const char *repository;     /* "registry.example/team/app" */
    const char *tag;            /* NULL: by digest alone */
    const struct push_origin *origins;
    size_t origin_count;
};

/* The manifest or index of that descriptor (and all it names) under repository:tag. NULL, or what went wrong, malloc'd. */
char *push_image(const struct push *push, const struct json_t *descriptor);

/*
 * Descriptors of documents that are there and refer to an image (annotation vnd.docker.reference.digest): a registry without the
 * referrers API gets them listed under the image's own tag for that. NULL, or what went wrong, malloc'd.
 */
char *push_referrers(const struct push *push, const struct json_t *descriptors);

/* --- push_blob.c, for push.c --- */

struct push_blob {
    const char *digest;
    int64_t size;
};

/* Blobs, several at the same time. */
char *push_blobs(const struct push *push, const struct push_blob *blobs, size_t count);

#endif
