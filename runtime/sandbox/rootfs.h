/* A root file system: the store's layers under an overlay. */
#ifndef DFGEN_SANDBOX_ROOTFS_H
#define DFGEN_SANDBOX_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>

struct store;
struct store_tmp;

enum { ROOTFS_LAYERS = 500 /* that overlayfs takes */ };

struct rootfs {
    const struct store *store;
    const struct store_tmp *tmp;
    const char *const *ids;     /* of the layers, lowest first */
    size_t count;
    const char *above;          /* a folder of the store that lies on them; NULL: none */
    const char *name;           /* tmp/…/NAME becomes the mount point */
    const char *upper, *work;   /* names in tmp/… of existing folders; NULL: read-only */
    unsigned attrs;             /* MNT_ */
};

/* Mount it. An O_PATH descriptor of its root, -1 with errno; *why (malloc'd or NULL) then says more. */
int rootfs_mount(const struct rootfs *rootfs, char **why);

#endif
