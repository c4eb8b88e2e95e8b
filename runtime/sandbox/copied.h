/*
 * A root file system without an overlay: a private copy of its layers, compared with them when the command is gone.
 * Include runtime/lib/store.h and runtime/sandbox/user.h, then room.h first.
 */
#ifndef DFGEN_SANDBOX_COPIED_H
#define DFGEN_SANDBOX_COPIED_H

struct commit_whole; /* runtime/lib/commit.h */
struct copied;
struct room;
struct rootfs;
struct tree;

/*
 * Copy the merged root of the layers to where an upper folder would be (without one: to a folder of its own) and show
 * that at tmp/…/NAME. *copied (NULL: nobody asks) remembers its folders. An O_PATH descriptor of the root; -1 with
 * errno.
 */
int copied_mount(struct room *room, const struct rootfs *rootfs, const struct tree *tree, struct copied **copied);

/* For commit_layer; NULL when there was an overlay. */
const struct commit_whole *copied_commit_whole(struct copied *copied, struct commit_whole *whole);
void copied_free(struct copied *copied);

#endif
