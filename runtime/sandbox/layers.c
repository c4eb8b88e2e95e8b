/*
 * Owns the choice of how a root is put together: on which file system an overlay has its upper folder, and what there
 * is without overlays. Called by the sandbox, for the root and for what is mounted in it. Must not know what the
 * roots are for, nor how overlays and copies are made.
 */
#include "runtime/sandbox/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/step.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/scratch.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"
#include "runtime/sandbox/copied.h"

enum { NO_WAY = -1 };

/* --- the choice --- */

void layers_choose(struct room *room)
{
    static const struct {
        const char *word;
        enum layers_way way;
    } ways[] = {
        {"overlay", LAYERS_OVERLAY}, {"scratch", LAYERS_SCRATCH}, {"memory", LAYERS_MEMORY}, {"copy", LAYERS_COPY},
    };
    const char *word = getenv("DFGEN_ROOTFS");
    room->way = LAYERS_OVERLAY;
    room->way_is_wish = word && *word;
    if (!room->way_is_wish)
        return;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(word, ways[i].word)) {
            room->way = ways[i].way;
            return;
        }
    step_die(room->step, "DFGEN_ROOTFS is \"%s\": it can be overlay, scratch, memory or copy", word);
}

/* What to try when a way has failed so. */
static int next_way(const struct room *room, const struct rootfs *rootfs, int error)
{
    if (room->way == LAYERS_SCRATCH)
        return LAYERS_MEMORY;
    if (room->way_is_wish || room->way == LAYERS_COPY)
        return NO_WAY;
    /* The new files' inodes and the store's could be the same then, and by these owners are remembered. */
    if (error == EINVAL && room->way == LAYERS_OVERLAY && rootfs->upper && !room->owners)
        return scratch_has_folder() ? LAYERS_SCRATCH : LAYERS_MEMORY;
    /* Not there, not for this user, not on such file systems; too many layers. */
    bool may_copy = error == EINVAL || error == ENODEV || error == EPERM || error == EOPNOTSUPP || error == E2BIG;
    return may_copy ? LAYERS_COPY : NO_WAY;
}

/* --- upper folders --- */

static void set_xattrs(const struct room *room, const char *path, const struct entry *entry)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const char *hex = entry->xattrs[i].hex;
        size_t len = strlen(hex) / 2;
        unsigned char *value = arena_alloc(room->step->arena, len + 1);
        for (size_t at = 0; at < len; at++)
            sscanf(hex + 2 * at, "%2hhx", &value[at]);
        if (lsetxattr(path, entry->xattrs[i].name, value, len, 0) < 0)
            step_die(room->step, "cannot set %s on the root:", entry->xattrs[i].name);
    }
}

/* An upper folder is the root that is seen: it is like the one it lies on. One that another way has left is empty. */
static void make_upper(const struct room *room, const char *name, const struct tree *tree)
{
    struct tree_node node;
    struct entry entry;
    struct stat below;
    tree_lookup(tree, room->step->arena, "", &node, &entry);
    if ((mkdirat(room->tmp->dir, name, 0755) < 0 && errno != EEXIST) ||
        (!room->owners && fchownat(room->tmp->dir, name, entry.uid, entry.gid, 0) < 0) ||
        fchmodat(room->tmp->dir, name, entry.mode, 0) < 0)
        step_die(room->step, "cannot make a folder in the store:");
    if (entry.xattr_count)
        set_xattrs(room, arena_printf(room->step->arena, "/proc/self/fd/%d/%s", room->tmp->dir, name), &entry);
    size_t count = tree_layer_count(tree);
    int files = count ? tree_layer_files(tree, count - 1) : -1;
    if (files >= 0 && fstatat(files, ".", &below, 0) == 0) {
        struct timespec times[2] = {below.st_atim, below.st_mtim};
        utimensat(room->tmp->dir, name, times, 0);
    }
}

/* --- ways --- */

static const char *below_scratch(const struct room *room, const char *name)
{
    return strncmp(name, "layer/", 6) ? arena_printf(room->step->arena, "layer/%s", name) : name;
}

static int mount_overlay(struct room *room, struct rootfs rootfs, const struct tree *tree, char **why)
{
    bool needs_scratch = rootfs.upper && room->way != LAYERS_OVERLAY;
    if (needs_scratch && !room->scratch && !scratch_mount(room, room->way == LAYERS_MEMORY))
        return -1;
    if (needs_scratch) {
        rootfs.upper = below_scratch(room, rootfs.upper);
        rootfs.work = below_scratch(room, rootfs.work);
    }
    if (rootfs.upper) {
        make_upper(room, rootfs.upper, tree);
        if (mkdirat(room->tmp->dir, rootfs.work, 0700) < 0)
            step_die(room->step, "cannot make a folder in the store:");
    }
    return rootfs_mount(&rootfs, why);
}

/* It takes longer than what it is done for, often: that is said once for a store. */
static void say_copy(const struct room *room)
{
    static const char mark[] = "copied-root-said";
    const char *why = room->why_not;
    if (room->way != LAYERS_COPY || room->way_is_wish ||
        faccessat(room->store->dir, mark, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    warn("RUN works on a copy of its files, which takes time, since there can be no overlay on the store %s%s%s "
         "(said once; dfgen probe says more)",
         room->store->path, why ? ": " : "", why ? why : "");
    file_write_at(room->store->dir, mark, "", 0, 0644);
}

static int make_copy(struct room *room, struct rootfs rootfs, const struct tree *tree, struct copied **copied)
{
    scratch_drop(room->scratch, room->tmp);
    room->scratch = NULL;
    if (!rootfs.upper) {
        rootfs.upper = arena_printf(room->step->arena, "%s.copy", rootfs.name);
        rootfs.attrs |= MNT_RDONLY;
    }
    make_upper(room, rootfs.upper, tree);
    int root = copied_mount(room, &rootfs, tree, copied);
    if (root < 0)
        step_die(room->step, "cannot copy the root into the store %s:", room->store->path);
    return root;
}

_Noreturn static void end(const struct room *room, const struct rootfs *rootfs, const char *why)
{
    if (errno == EPERM)
        step_die(room->step,
                 "this machine does not let dfgen mount (%s); a container needs CAP_SYS_ADMIN or user namespaces",
                 why ? why : "operation not permitted");
    if (errno == EINVAL && rootfs->upper)
        step_die(room->step, "cannot put an overlay on the store %s: %s (DFGEN_STORE or --store names another place)",
                 room->store->path, why ? why : "not supported there");
    step_die(room->step, "cannot mount the root (%s):", why ? why : "overlay");
}

int layers_try(struct room *room, struct rootfs *rootfs, const struct tree *tree, struct copied **copied)
{
    const char *name = rootfs->name;
    int root = -1;
    rootfs->store = room->store;
    rootfs->tmp = room->tmp;
    if (room->owners && room->way_is_wish && (room->way == LAYERS_SCRATCH || room->way == LAYERS_MEMORY))
        step_die(room->step, "DFGEN_ROOTFS=%s needs root or subordinate ids (/etc/subuid)", getenv("DFGEN_ROOTFS"));
    for (unsigned tries = 1; root < 0 && room->way != LAYERS_COPY; tries++) {
        char *reason = NULL;
        root = mount_overlay(room, *rootfs, tree, &reason);
        int error = errno, next = root < 0 ? next_way(room, rootfs, error) : NO_WAY;
        /* The first one tells why it is not as usual. */
        if (root < 0 && !room->why_not)
            room->why_not = arena_strdup(room->step->arena, reason ? reason : strerror(error));
        free(reason);
        errno = error;
        if (root < 0 && next == NO_WAY)
            end(room, rootfs, room->why_not);
        if (root < 0) {
            room->way = next;
            rootfs->name = arena_printf(room->step->arena, "%s.%u", name, tries);
        }
    }
    return root < 0 ? make_copy(room, *rootfs, tree, copied) : root;
}

int layers_mount(struct room *room, struct rootfs *rootfs, const struct tree *tree, struct copied **copied)
{
    int root = layers_try(room, rootfs, tree, copied);
    say_copy(room);
    vec_push(&room->points, fcntl(root, F_DUPFD_CLOEXEC, 0));
    return root;
}
