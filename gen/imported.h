/*
 * Images made of files that are none: the tar or squashfs of a root, a folder, a runtime bundle. dfgen-import makes
 * them, as blobs of the store. Include gen/images.h before.
 */
#ifndef DFGEN_IMPORTED_H
#define DFGEN_IMPORTED_H

#include <stdbool.h>

struct arena;
struct json_t;
struct platform;

/* The descriptor of a new manifest, the caller's. kind: "tarball", "squashfs", "rootfs", "bundle". NULL with *error. */
struct json_t *imported_make(struct arena *arena, const char *store, const char *kind, const char *path,
                             const struct platform *platform, const char **error);

/*
 * What a file's image is, made when it has not been made of just this file before: all of it is in the store. False:
 * *error says why not. Include gen/manifest.h before.
 */
struct descriptor;
bool imported_find(struct arena *arena, const char *store, const char *kind, const char *path,
                   const struct platform *platform, struct descriptor *descriptor, const char **error);

#endif
