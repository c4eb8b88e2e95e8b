/*
 * What dfgen asks of registries: manifests and small blobs, which are in the store's blobs afterwards. dfgen itself opens no socket: a helper,
 * dfgen-registry, is started with the first question and lives until remote_free. Include gen/manifest.h first.
 */
#ifndef DFGEN_REMOTE_H
#define DFGEN_REMOTE_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct opts;
struct json_t;

struct remote;

/* Nothing is started yet. registry: what opts_registry_json says, taken over. credentials: "USER:PASSWORD", NULL: none are given. */
struct remote *remote_new(struct arena *arena, const char *store, struct json_t *registry, const char *credentials);
void remote_free(struct remote *remote);

/*
 * The manifest or index that a repository ("docker.io/library/busybox") has under a tag or digest. want: what a descriptor says of it, which must be
 * so; NULL: anything. NULL, or what went wrong: it names host, reference and remedy.
 */
const char *remote_manifest(struct remote *remote, const char *repository, const char *reference, const struct descriptor *want,
                            struct descriptor *found);

/* Blobs of a repository; limit: of each one's size. */
const char *remote_blobs(struct remote *remote, const char *repository, const struct descriptor *blobs, size_t count, int64_t limit);

/* An image of a layout (folder: openable now) to a registry, whole, as REPOSITORY:TAG. NULL, or what went wrong. */
struct remote_image {
    const char *folder;             /* a layout's, or the store's */
    const struct json_t *descriptor;
    const struct json_t *referrers; /* an array of descriptors of what refers to it; NULL: nothing does */
    const char *source;             /* of an image of the store, where the rest of it is fetched; NULL: all is there */
    const char *repository, *tag;   /* where to */
};
const char *remote_push(struct remote *remote, const struct remote_image *image);

#endif
