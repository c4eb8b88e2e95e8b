/*
 * Places below the sandbox's root: found without leaving it, made when missing, and taken away again if nothing came of
 * them.
 */
#ifndef DFGEN_SANDBOX_TARGET_H
#define DFGEN_SANDBOX_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct owners;
struct targets;

/* root: O_PATH descriptor of the mounted root; stays the caller's. */
struct targets *targets_new(int root);

enum target_kind { TARGET_DIR, TARGET_FILE };

/* How what is missing is made. */
struct target_make {
    enum target_kind kind;  /* of the last component; those on the way are folders */
    mode_t mode;            /* of folders */
    uint32_t uid, gid;
    struct owners *owners;  /* NULL: owners are on the disk */
    bool stays;             /* it is no stub: it belongs to the layer */
    bool no_links;          /* no symlink on the way or at the end (ELOOP) */
};

/*
 * Open a path below the root as O_PATH descriptor; symlinks are followed inside the root, dangling ones as well. -1
 * with errno: ENOTDIR, EISDIR when it is there as another kind; EROFS for what is missing where nothing can be made
 * (/proc, /sys).
 */
int targets_open(struct targets *targets, const char *path, const struct target_make *make);

/* Nothing is to be made below this folder, which something will be mounted on later. */
void targets_close_folder(struct targets *targets, int folder);

/*
 * Remove the stubs that are still there and empty, give their parents their times back, and free. Mounts must be gone.
 */
void targets_end(struct targets *targets);

#endif
