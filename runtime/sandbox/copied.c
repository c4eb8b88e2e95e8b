/*
 * Owns the private copy of a root where the kernel gives no overlay: made of the layers' listings and files, so that
 * it does not matter how a layer's removals lie on the disk. Called by the sandbox. Must not know what is done with
 * the root. What the command did is found out by commit; what it cannot see there is whether a folder was removed and
 * made again, so folders are remembered. Files with several names in a layer have them in the copy: programs ask for
 * it. Overlayfs breaks such links when one of the names is written.
 */
#include "runtime/sandbox/copied.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/commit.h"
#include "runtime/lib/copytree.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"
#include "runtime/sandbox/copied.h"

enum { LOOKED_AT = STATX_BASIC_STATS | STATX_BTIME, BUCKETS = 1024 };

/*
 * A folder of the copy. A number alone may come again at once, so there is the time of birth, where the file system
 * has one.
 */
struct kept {
    const char *path;
    uint64_t inode;
    int64_t born;
    size_t layer;           /* that it was copied from */
};

struct copied {
    struct arena arena;
    VEC(struct kept) folders;
};

/* A file of a layer that has more than one name there, by the first one, and the name that it got first here. */
struct linked {
    struct linked *next;
    size_t layer;
    const char *file, *path;
};

struct copying {
    struct copied *copied;
    struct linked *linked[BUCKETS];
    const struct tree *tree;
    struct owners *owners;
    int to;
};

static int identify(int dir, const char *name, struct kept *kept)
{
    struct statx st;
    if (statx(dir, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, LOOKED_AT, &st) < 0)
        return -1;
    kept->inode = st.stx_ino;
    kept->born = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec * INT64_C(1000000000) + st.stx_btime.tv_nsec : 0;
    return 0;
}

/* Where owners are remembered: of each file, since what is not noted later is the command's own. */
static int note_owner(const struct copying *copying, const struct entry *entry)
{
    struct owner owner = {.uid = entry->uid, .gid = entry->gid};
    struct statx st;
    if (!copying->owners)
        return 0;
    if (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK) {
        owner.type = entry->type == ENTRY_CHAR ? S_IFCHR : S_IFBLK;
        owner.major = entry->major;
        owner.minor = entry->minor;
    }
    if (statx(copying->to, *entry->path ? entry->path : ".", AT_SYMLINK_NOFOLLOW, LOOKED_AT, &st) < 0)
        return -1;
    owners_note(copying->owners, &st, &owner);
    return 0;
}

static struct linked **find_linked(struct copying *copying, size_t layer, const char *file)
{
    uint32_t hash = 2166136261u;
    for (const char *at = file; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    struct linked **linked = &copying->linked[hash % BUCKETS];
    while (*linked && ((*linked)->layer != layer || strcmp((*linked)->file, file)))
        linked = &(*linked)->next;
    return linked;
}

/* 1: it is there now, under another name of the same file. */
static int link_again(struct copying *copying, const struct tree_node *node)
{
    struct stat st;
    if (fstatat(tree_layer_files(copying->tree, node->layer), node->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (st.st_nlink < 2 || S_ISDIR(st.st_mode))
        return 0;
    const char *file = node->link_to ? node->link_to : node->path;
    struct linked **known = find_linked(copying, node->layer, file);
    if (*known)
        return linkat(copying->to, (*known)->path, copying->to, node->path, 0) < 0 ? -1 : 1;
    *known = arena_alloc(&copying->copied->arena, sizeof **known);
    **known = (struct linked){NULL, node->layer, file, node->path};
    return 0;
}

static int copy_entry(struct copying *copying, const char *path)
{
    struct arena *arena = &copying->copied->arena;
    struct tree_node node;
    struct entry entry;
    if (!tree_lookup(copying->tree, arena, path, &node, &entry)) {
        errno = ENOENT;
        return -1;
    }
    int again = link_again(copying, &node);
    if (again)
        return again < 0 ? -1 : 0;
    if (entry_copy_at(tree_layer_files(copying->tree, node.layer), path, copying->to, path) < 0)
        return -1;
    if (entry.type == ENTRY_DIR) {
        struct kept kept = {.path = path, .layer = node.layer};
        if (identify(copying->to, path, &kept) < 0)
            return -1;
        vec_push(&copying->copied->folders, kept);
    }
    return note_owner(copying, &entry);
}

static int copy_folder(struct copying *copying, const char *folder)
{
    struct arena *arena = &copying->copied->arena;
    const char *const *names;
    size_t count = tree_children(copying->tree, arena, folder, &names);
    for (size_t i = 0; i < count; i++)
        if (copy_entry(copying, path_join(arena, folder, names[i])) < 0)
            return -1;
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct kept *)a)->path, ((const struct kept *)b)->path);
}

/* The root is there, and as it should be but for its times. Folders' own metadata is last: a mode may shut us out. */
static int copy_all(struct copying *copying)
{
    struct copied *copied = copying->copied;
    struct tree_node node;
    struct entry entry;
    struct stat st;
    if (fstat(copying->to, &st) < 0 || !tree_lookup(copying->tree, &copied->arena, "", &node, &entry) ||
        note_owner(copying, &entry) < 0 ||
        copy_folder(copying, "") < 0)
        return -1;
    for (size_t i = 0; i < copied->folders.count; i++)
        if (copy_folder(copying, copied->folders.items[i].path) < 0)
            return -1;
    for (size_t i = copied->folders.count; i-- > 0;) {
        const struct kept *kept = &copied->folders.items[i];
        if (folder_finish_at(tree_layer_files(copying->tree, kept->layer), kept->path, copying->to, kept->path) < 0)
            return -1;
    }
    if (copied->folders.count)
        qsort(copied->folders.items, copied->folders.count, sizeof(struct kept), by_path);
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    return utimensat(copying->to, ".", times, 0);
}

static int show(const struct room *room, const struct rootfs *rootfs, int folder)
{
    if (mkdirat(room->tmp->dir, rootfs->name, 0700) < 0)
        return -1;
    autoclose int point = openat(room->tmp->dir, rootfs->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    autoclose int source = openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (point < 0 || source < 0 || mnt_bind(source, point, rootfs->attrs, false) < 0)
        return -1;
    return openat(room->tmp->dir, rootfs->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int copied_mount(struct room *room, const struct rootfs *rootfs, const struct tree *tree, struct copied **copied)
{
    struct copying copying = {.tree = tree, .owners = room->owners, .to = -1};
    copying.copied = xcalloc(1, sizeof *copying.copied);
    int root = -1;
    copying.to = openat(room->tmp->dir, rootfs->upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (copying.to >= 0 && copy_all(&copying) == 0)
        root = show(room, rootfs, copying.to);
    int saved = errno;
    fd_close_scope(&copying.to);
    if (copied && root >= 0)
        *copied = copying.copied;
    else
        copied_free(copying.copied);
    errno = saved;
    return root;
}

/* --- what became of it --- */

static bool is_new(void *data, const char *path, int dir, const char *name)
{
    const struct copied *copied = data;
    struct kept now = {.path = path};
    if (!copied->folders.count || identify(dir, name, &now) < 0)
        return true;
    const struct kept *kept = bsearch(&now, copied->folders.items, copied->folders.count, sizeof now, by_path);
    return !kept || kept->inode != now.inode || kept->born != now.born;
}

const struct commit_whole *copied_commit_whole(struct copied *copied, struct commit_whole *whole)
{
    *whole = (struct commit_whole){is_new, copied};
    return copied ? whole : NULL;
}

void copied_free(struct copied *copied)
{
    if (!copied)
        return;
    vec_free(&copied->folders);
    arena_free(&copied->arena);
    free(copied);
}
