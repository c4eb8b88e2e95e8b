/*
 * Owns the walk over a merged root and its two ways out. Called by dfgen-export. Must not know layers' tars or images. In both, a folder comes
 * before what is in it, names are in byte order, and names of one file stay together: the first that the walk meets is the file, the
 * others are links to it.
 */
#include "runtime/image/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/image/linked.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/times.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"
#include "runtime/tar/pack.h"
#include "runtime/tar/read.h"
#include "runtime/tar/write.h"

struct folder_end {
    char *path;
    mode_t mode;
    int64_t seconds;
};

struct walk {
    const struct rootfs *rootfs;
    int (*put)(struct walk *walk, const struct tar_entry *entry, int fd);
    const struct tar_sink *sink;
    int folder;
    bool as_root;
    int64_t newest;
    struct linked linked;
    VEC(struct folder_end) ends;    /* folders whose mode and time come last */
    char *error;
};

static int fail(struct walk *walk, const char *path, const char *why)
{
    if (!walk->error)
        walk->error = xasprintf("\"%s\": %s", path, why);
    return -1;
}

/* --- the walk --- */

/* The name under which a file was written before; NULL: it was not, and is now noted if it has other names. */
static const char *written_before(struct walk *walk, const struct tree_node *node, const struct stat *st)
{
    const char *first = node->link_to ? node->link_to : node->path;
    if (!node->link_to && st->st_nlink < 2)
        return NULL;
    return linked_find_or_add(&walk->linked, node->layer, first, node->path);
}

static int64_t time_of(const struct rootfs *rootfs, const struct tree_node *node, const struct stat *st)
{
    bool is_base = !strncmp(rootfs->ids[node->layer], "sha256:", 7);
    return is_base ? st->st_mtim.tv_sec : times_of((enum times)rootfs->times, st->st_mtim.tv_sec, rootfs->epoch);
}

static int visit(struct walk *walk, struct arena *arena, const char *path)
{
    struct tree_node node;
    struct entry from;
    struct tar_entry entry;
    struct stat st = {0};
    if (!tree_lookup(walk->rootfs->tree, arena, path, &node, &from))
        return 0;
    bool has_layers = tree_layer_count(walk->rootfs->tree) > 0;
    const char *name = node.link_to ? node.link_to : node.path;
    int files = has_layers ? tree_layer_files(walk->rootfs->tree, node.layer) : -1;
    if (has_layers && fstatat(files, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
        return fail(walk, path, strerror(errno));
    from.path = path;
    pack_entry(arena, &from, true, &entry);
    entry.mtime.tv_sec = has_layers ? time_of(walk->rootfs, &node, &st) : walk->rootfs->epoch;
    if (entry.type != TAR_FILE)
        return walk->put(walk, &entry, -1);
    const char *before = written_before(walk, &node, &st);
    if (before) {
        entry.type = TAR_HARDLINK;
        entry.link = before;
        entry.size = 0;
        entry.xattr_count = 0;
        return walk->put(walk, &entry, -1);
    }
    autoclose int fd = pack_open(files, name);
    return fd < 0 ? fail(walk, path, strerror(errno)) : walk->put(walk, &entry, fd);
}

static int walk_folder(struct walk *walk, const char *path)
{
    struct arena arena = {0};
    const char *const *names;
    size_t count = tree_children(walk->rootfs->tree, &arena, path, &names);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        struct arena child_arena = {0};
        struct tree_node node;
        struct entry entry;
        const char *child = path_join(&child_arena, path, names[i]);
        result = visit(walk, &child_arena, child);
        if (result == 0 && tree_lookup(walk->rootfs->tree, &child_arena, child, &node, &entry) && entry.type == ENTRY_DIR)
            result = walk_folder(walk, child);
        arena_free(&child_arena);
    }
    arena_free(&arena);
    return result;
}

static void end_walk(struct walk *walk)
{
    linked_free(&walk->linked);
    for (size_t i = 0; i < walk->ends.count; i++)
        free(walk->ends.items[i].path);
    vec_free(&walk->ends);
}

/* --- a tar --- */

static int put_in_tar(struct walk *walk, const struct tar_entry *entry, int fd)
{
    int result = fd < 0 ? tar_put_header(walk->sink, entry) : tar_put_file(walk->sink, entry, fd);
    return result < 0 ? fail(walk, entry->name, strerror(errno)) : 0;
}

char *rootfs_write_tar(const struct rootfs *rootfs, const struct tar_sink *sink)
{
    struct walk walk = {.rootfs = rootfs, .put = put_in_tar, .sink = sink};
    if (walk_folder(&walk, "") == 0 && tar_put_end(sink) < 0)
        walk.error = xstrdup(strerror(errno));
    end_walk(&walk);
    return walk.error;
}

static int note_time(struct walk *walk, const struct tar_entry *entry, int fd)
{
    (void)fd;
    walk->newest = entry->mtime.tv_sec > walk->newest ? entry->mtime.tv_sec : walk->newest;
    return 0;
}

char *rootfs_newest(const struct rootfs *rootfs, int64_t *seconds)
{
    struct walk walk = {.rootfs = rootfs, .put = note_time, .newest = rootfs->epoch};
    walk_folder(&walk, "");
    *seconds = walk.newest;
    end_walk(&walk);
    return walk.error;
}

/* --- a folder --- */

static const char temporary[] = ".dfgen-export.tmp";

static int open_parent(struct walk *walk, const char *path)
{
    char *copy = xstrdup(path);
    char *slash = strrchr(copy, '/');
    if (slash)
        *slash = 0;
    int parent = path_open_in(walk->folder, slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    free(copy);
    return parent;
}

static int put_folder_in(struct walk *walk, int parent, const struct tar_entry *entry)
{
    const char *base = path_base(entry->name);
    struct stat st;
    /* Others' files may lie below, so a folder stays; what is no folder was no part of this root. */
    if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) && unlinkat(parent, base, 0) < 0)
        return -1;
    if (mkdirat(parent, base, 0700) < 0 && errno != EEXIST)
        return -1;
    if (!walk->as_root && fchmodat(parent, base, 0700, 0) < 0)
        return -1;
    if (walk->as_root && fchownat(parent, base, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    mode_t mode = walk->as_root ? entry->mode : entry->mode & 01777;
    vec_push(&walk->ends, (struct folder_end){xstrdup(entry->name), mode, entry->mtime.tv_sec});
    return 0;
}

static int make_file(struct walk *walk, int parent, const struct tar_entry *entry, int from)
{
    autoclose int fd = openat(parent, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fd_copy(from, fd, entry->size) < 0)
        return -1;
    if (walk->as_root && fchown(fd, entry->uid, entry->gid) < 0)
        return -1;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct tar_xattr *xattr = &entry->xattrs[i];
        /* Capabilities take root, and some file systems have no xattrs. */
        if (fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0) < 0 && errno != EOPNOTSUPP && errno != EPERM)
            return -1;
    }
    return fchmod(fd, walk->as_root ? entry->mode : entry->mode & 01777);
}

/* Under the temporary name; the caller gives it its own. */
static int make_other(struct walk *walk, int parent, const struct tar_entry *entry, int from)
{
    mode_t type = entry->type == TAR_CHAR ? S_IFCHR : entry->type == TAR_BLOCK ? S_IFBLK : S_IFIFO;
    int result;
    if (entry->type == TAR_FILE)
        return make_file(walk, parent, entry, from);
    if (entry->type == TAR_HARDLINK) {
        autoclose int other = open_parent(walk, entry->link);
        return other < 0 ? -1 : linkat(other, path_base(entry->link), parent, temporary, 0);
    }
    if (entry->type == TAR_SYMLINK)
        result = symlinkat(entry->link, parent, temporary);
    else
        result = mknodat(parent, temporary, type | 0600, makedev(entry->major, entry->minor));
    if (result == 0 && walk->as_root)
        result = fchownat(parent, temporary, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW);
    if (result == 0 && entry->type != TAR_SYMLINK)
        result = fchmodat(parent, temporary, entry->mode, 0);
    return result;
}

static bool is_watched(const struct rootfs *rootfs, const struct tar_entry *entry)
{
    for (size_t i = 0; i < rootfs->watched_count; i++)
        if (!strcmp(rootfs->watched[i], entry->name))
            return true;
    return false;
}

static bool has_same_bytes(int one, int other, int64_t size)
{
    enum { PIECE = 64 * 1024 };
    static char left[PIECE], right[PIECE];
    for (int64_t at = 0; at < size;) {
        size_t len = size - at < PIECE ? (size_t)(size - at) : PIECE;
        if (fd_pread_all(one, left, len, at) < 0 || fd_pread_all(other, right, len, at) < 0 || memcmp(left, right, len))
            return false;
        at += (int64_t)len;
    }
    return true;
}

/* Its time tells ninja whether what depends on it is to be made again. */
static bool is_unchanged(const struct walk *walk, int parent, const struct tar_entry *entry, int from)
{
    struct stat st;
    autoclose int old = openat(parent, path_base(entry->name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    mode_t mode = walk->as_root ? entry->mode : entry->mode & 01777;
    if (entry->type != TAR_FILE || old < 0 || fstat(old, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != entry->size)
        return false;
    bool is_owned = !walk->as_root || (st.st_uid == entry->uid && st.st_gid == entry->gid);
    return is_owned && (st.st_mode & 07777) == mode && has_same_bytes(from, old, entry->size);
}

static int put_in_folder(struct walk *walk, const struct tar_entry *entry, int from)
{
    autoclose int parent = open_parent(walk, entry->name);
    if (parent < 0)
        return fail(walk, entry->name, strerror(errno));
    if (entry->type == TAR_DIR)
        return put_folder_in(walk, parent, entry) < 0 ? fail(walk, entry->name, strerror(errno)) : 0;
    if ((entry->type == TAR_CHAR || entry->type == TAR_BLOCK) && !walk->as_root)
        return fail(walk, entry->name, "only root can make a device; type=tar holds it");
    bool watched = is_watched(walk->rootfs, entry);
    if (watched && is_unchanged(walk, parent, entry, from))
        return 0;
    struct timespec time = watched ? (struct timespec){.tv_nsec = UTIME_NOW} : entry->mtime;
    const struct timespec times[2] = {time, time};
    unlinkat(parent, temporary, 0);
    if (make_other(walk, parent, entry, from) < 0 || utimensat(parent, temporary, times, AT_SYMLINK_NOFOLLOW) < 0 ||
        renameat(parent, temporary, parent, path_base(entry->name)) < 0) {
        const char *why = errno == EISDIR ? "a folder is in the way" : strerror(errno);
        unlinkat(parent, temporary, 0);
        return fail(walk, entry->name, why);
    }
    /* Renaming one name of a file over another does nothing. */
    unlinkat(parent, temporary, 0);
    return 0;
}

/* Children before parents: a mode may keep us out, and what goes into a folder changes its time. */
static int finish_folders(struct walk *walk)
{
    for (size_t i = walk->ends.count; i-- > 0;) {
        const struct folder_end *end = &walk->ends.items[i];
        const struct timespec times[2] = {{.tv_sec = end->seconds}, {.tv_sec = end->seconds}};
        autoclose int fd = path_open_in(walk->folder, end->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (fd < 0 || fchmod(fd, end->mode) < 0 || futimens(fd, times) < 0)
            return fail(walk, end->path, strerror(errno));
    }
    return 0;
}

char *rootfs_write_folder(const struct rootfs *rootfs, int folder, bool as_root)
{
    struct walk walk = {.rootfs = rootfs, .put = put_in_folder, .folder = folder, .as_root = as_root};
    if (walk_folder(&walk, "") == 0)
        finish_folders(&walk);
    end_walk(&walk);
    return walk.error;
}
