/* Layers become a root, in the best way that this machine and the store's file system allow. Include room.h first. */
#ifndef DFGEN_SANDBOX_LAYERS_H
#define DFGEN_SANDBOX_LAYERS_H

struct copied;
struct room;
struct rootfs;
struct tree;

/* Best first. DFGEN_ROOTFS names one by the word behind it. */
enum layers_way {
    LAYERS_OVERLAY,     /* "overlay": new files go into the store */
    LAYERS_SCRATCH,     /* "scratch": an overlay, new files in $TMPDIR or, if they cannot be there, */
    LAYERS_MEMORY,      /* "memory": in a tmpfs */
    LAYERS_COPY,        /* "copy": no overlay */
};

/* What DFGEN_ROOTFS says, or the best. Ends the process when it says something else. */
void layers_choose(struct room *room);

/*
 * Mount the layers that tree is of at tmp/…/NAME (rootfs->name) and remember it; what the machine refuses is tried in
 * the next way, and that is kept to. An O_PATH descriptor. Ends the process when nothing works. *copied (NULL: nobody
 * asks) is set when the root is a copy.
 */
int layers_mount(struct room *room, struct rootfs *rootfs, const struct tree *tree, struct copied **copied);
/*
 * The same, to see whether and how it works: nothing is said or remembered. The way and what hindered a better one
 * are in the room.
 */
int layers_try(struct room *room, struct rootfs *rootfs, const struct tree *tree, struct copied **copied);

#endif
