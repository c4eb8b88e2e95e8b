/*
 * Images made of files that are none: the tar or squashfs of a root, a folder, a runtime bundle. dfgen-import makes
 * them, as blobs of the store. Include gen/images.h before.
 */
#ifndef DFGEN_IMPORTED_H
#define DFGEN_IMPORTED_H

struct arena;
struct json_t;
struct platform;

/* The descriptor of a new manifest, the caller's. kind: "tarball", "squashfs", "rootfs", "bundle". NULL with *error. */
struct json_t *imported_make(struct arena *arena, const char *store, const char *kind, const char *path,
                             const struct platform *platform, const char **error);

/*
 * The image of a file, made when it has not been made of just this file before, which path is an input of. NULL with
 * *error.
 */
const struct image *imported_image(struct arena *arena, const char *store, const char *kind, const char *path,
                                   const struct platform *platform, const char **error);

#endif
