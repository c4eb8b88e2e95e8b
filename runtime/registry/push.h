/*
 * Images of a layout to registries: what is missing there, and the manifest last. May be repeated at any time: what has arrived is not
 * sent again.
 */
#ifndef DFGEN_REGISTRY_PUSH_H
#define DFGEN_REGISTRY_PUSH_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct json_t;
struct place;
struct registry;
struct session;
struct store;

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
    /* Where the image is from, if it did not come whole: what layout, which is store's, lacks is fetched there. */
    struct store *store;        /* NULL: nothing may be lacking */
    const char *source;         /* "registry.example/team/base" */
};

/* The manifest or index of that descriptor (and all it names) under repository:tag. NULL, or what went wrong, malloc'd. */
char *push_image(const struct push *push, const struct json_t *descriptor);

/* --- push_source.c, for push.c and push_blob.c: a blob of the layout, from the source if it is not there --- */

/* *text gets a manifest of that descriptor, *fd a file of that size. NULL or what went wrong. */
char *push_read_manifest(const struct push *push, const struct json_t *descriptor, int64_t limit, struct buf *text);
char *push_open_blob(const struct push *push, const char *digest, int64_t size, int *fd);

/* --- push_referrer.c, for push.c --- */

/*
 * A manifest with a subject is there now: see to it that who asks for what refers to that subject finds it, by the
 * tag that the specification has for registries that do not list referrers.
 */
char *push_list_referrer(const struct push *push, struct session *session, const struct json_t *descriptor,
                         const struct json_t *manifest);

/* --- push_blob.c, for push.c --- */

struct push_blob {
    const char *digest;
    int64_t size;
};

/* Blobs, several at the same time. */
char *push_blobs(const struct push *push, const struct push_blob *blobs, size_t count);

#endif
