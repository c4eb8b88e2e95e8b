/* The whole file system of a root, layers merged, written as a tar or into a folder. */
#ifndef DFGEN_IMAGE_ROOTFS_H
#define DFGEN_IMAGE_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tar_sink;
struct tree;

struct rootfs {
    const struct tree *tree;
    const char *const *ids; /* of its layers, lowest first: those of base images keep the times they came with */
    int times;              /* enum times (runtime/lib/times.h): of made layers */
    int64_t epoch;
    /* Files that rules of a build depend on (folder only): left as they are when they have not changed, else with the present time. */
    const char *const *watched;
    size_t watched_count;
};

/* NULL if all went well, else why not, malloc'd. */
char *rootfs_write_tar(const struct rootfs *rootfs, const struct tar_sink *sink);

/* The latest time of a file in it, epoch if there is none later. */
char *rootfs_newest(const struct rootfs *rootfs, int64_t *seconds);

/*
 * Into an open folder, over what is there: files are replaced one by one, others stay. as_root: owners and devices are made; else all
 * belongs to the caller, set-id bits are left out (they would give the caller's rights away), and a device is an error.
 */
char *rootfs_write_folder(const struct rootfs *rootfs, int folder, bool as_root);

#endif
