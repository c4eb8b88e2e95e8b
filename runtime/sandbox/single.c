/*
 * Owns how remembered owners go from listings into the sandbox and from there into the new layer's listing. Called by the sandbox and, through
 * commit's view, when the layer is listed. Must not know system calls' answers.
 */
#include "runtime/sandbox/single.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/commit.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/step.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"
#include "runtime/sandbox/layers.h"

enum { LOOKED_AT = STATX_BASIC_STATS | STATX_BTIME };

void single_begin(struct room *room)
{
    struct stat st;
    room->noted = -1;
    if (room->store->mode != MODE_SINGLE)
        return;
    room->owners = owners_new();
    room->noted = memfd_create("owners", MFD_CLOEXEC);
    if (room->noted < 0 || fstat(room->store->dir, &st) < 0)
        step_die(room->step, "cannot remember owners:");
    owners_add_device(room->owners, st.st_dev);
}

void single_add_layers(struct room *room, int root, const struct tree *tree)
{
    struct tree_node node;
    struct entry entry;
    struct stat st;
    /* A copy's owners are noted while it is made; it may lie on another file system, where numbers are others. */
    if (!room->owners || room->way == LAYERS_COPY)
        return;
    if (fstat(root, &st) < 0)
        step_die(room->step, "cannot look at a root:");
    owners_add_device(room->owners, st.st_dev);
    owners_load(room->owners, tree);
    /* The topmost layer's root folder is what is seen, and need not be listed there. */
    if (tree_lookup(tree, room->step->arena, "", &node, &entry) &&
        owners_give(room->owners, root, "", entry.uid, entry.gid) < 0)
        step_die(room->step, "cannot look at a root:");
}

void single_end(struct room *room, const struct tree *tree, struct single_view *view)
{
    *view = (struct single_view){.root = -1, .upper = -1};
    if (!room->owners)
        return;
    *view = (struct single_view){
        .owners = room->owners, .tree = tree, .uid = room->identity.uid, .gid = room->identity.gid,
        .root = fcntl(room->root, F_DUPFD_CLOEXEC, 0),
        .upper = openat(room->tmp->dir, "layer/fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
    };
    if (view->root < 0 || view->upper < 0 || owners_restore(view->owners, room->noted) < 0)
        step_die(room->step, "cannot tell the owners of files:");
    close(room->noted);
    room->owners = NULL;
}

void single_view_close(struct single_view *view)
{
    fd_close_scope(&view->root);
    fd_close_scope(&view->upper);
    owners_free(view->owners);
    view->owners = NULL;
}

/* --- what the listing says --- */

/* The overlay has copied it from a lower layer: of symlinks and the like it leaves no mark. */
static bool is_copied_up(const struct single_view *view, const char *path, const struct stat *st)
{
    char name[64 + 4096];
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return false;
    snprintf(name, sizeof name, "/proc/self/fd/%d/%s", view->upper, path);
    return lgetxattr(name, "user.overlay.origin", NULL, 0) >= 0;
}

/* Nothing is noted: the owner of what lay below, or who has made it. */
static struct owner guess(const struct single_view *view, const char *path, const struct stat *st)
{
    struct arena arena = {0};
    struct tree_node node;
    struct entry entry;
    struct owner owner = {.uid = view->uid, .gid = view->gid};
    if (!owner.uid && !owner.gid)
        return owner;
    if (is_copied_up(view, path, st)) {
        owner = (struct owner){0};
        if (tree_lookup(view->tree, &arena, path, &node, &entry))
            owner = (struct owner){.uid = entry.uid, .gid = entry.gid};
    }
    arena_free(&arena);
    return owner;
}

static int look(void *data, const char *path, struct stat *st)
{
    const struct single_view *view = data;
    struct statx seen;
    struct owner owner;
    if (S_ISCHR(st->st_mode) && st->st_rdev == 0)
        return 0;
    if (statx(view->root, path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, LOOKED_AT, &seen) < 0)
        return -1;
    if (!owners_find(view->owners, &seen, &owner))
        owner = guess(view, path, st);
    st->st_uid = owner.uid;
    st->st_gid = owner.gid;
    if (owner.type) {
        st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | owner.type;
        st->st_rdev = makedev(owner.major, owner.minor);
    }
    return 0;
}

const struct commit_view *single_commit_view(struct single_view *view, struct commit_view *commit)
{
    *commit = (struct commit_view){look, view};
    return view->owners ? commit : NULL;
}
