/* A root file system as a squashfs image, made by the squashfs tools. */
#ifndef DFGEN_IMAGE_SQUASHFS_H
#define DFGEN_IMAGE_SQUASHFS_H

struct rootfs;

/* Write it to path, which must not exist. NULL if all went well, else why not, malloc'd. */
char *squashfs_write(const struct rootfs *rootfs, const char *path);

#endif
