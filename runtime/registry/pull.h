/*
 * What comes from registries into the store: manifests and blobs, each checked against its digest while it is read. Mirrors
 * are tried in order, cut connections resumed.
 */
#ifndef DFGEN_REGISTRY_PULL_H
#define DFGEN_REGISTRY_PULL_H

#include <stddef.h>
#include <stdint.h>

struct registry;
struct store;

enum { PULL_MANIFEST_LIMIT = 4 * 1024 * 1024 };

struct pull_descriptor {
    char media_type[128];
    char digest[72];    /* "sha256:HEX" */
    int64_t size;
};

/*
 * The manifest or index that a repository ("docker.io/library/busybox") has under a tag or digest. want: what a descriptor said
 * of it, NULL: anything. It is a blob of the store afterwards. NULL, or what went wrong, malloc'd.
 */
char *pull_manifest(struct registry *registry, struct store *store, const char *repository, const char *reference,
                    const struct pull_descriptor *want, struct pull_descriptor *found);

struct pull_blob {
    const char *digest;
    int64_t size;       /* -1: not known; then limit says what is taken at most */
    int64_t limit;
};

/* Blobs, several at the same time; those that are in the store are left alone. NULL, or what went wrong first, malloc'd. */
char *pull_blobs(struct registry *registry, struct store *store, const char *repository, const struct pull_blob *blobs,
                 size_t count);

#endif
