/*
 * Owns the copy of files with all that belongs to them: of a whole layer, when it was made in a scratch folder since
 * the store's own file system cannot be below an overlay, and of single entries, for who puts a root together
 * himself. Must not know what is in a layer. Paths are walked from the two roots: a payload can nest folders deeper
 * than there are descriptors.
 */
#include "runtime/lib/copytree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/vec.h"

enum { PROC_PATH = PATH_MAX + 64 };

struct place {
    int dir;
    const char *path;
};

struct folder {
    const char *path;   /* below both roots, "." for these */
    struct stat st;
};

/* A file with more than one name, and the first one of them. */
struct linked {
    ino_t inode;
    const char *path;
};

struct copying {
    int from, to;
    struct arena arena;
    VEC(struct folder) folders;
    void *linked;       /* tsearch's */
};

static const char *const marks[][2] = {
    {"trusted.overlay.whiteout", "trusted.overlay.opaque"}, /* real root's overlays */
    {"user.overlay.whiteout", "user.overlay.opaque"},       /* a user namespace's */
};

/* Mark the file a whiteout and the folder as one that has some. */
static int mark_whiteout(const char *folder, const char *file, const char *const mark[2])
{
    char is = 0;
    if (lsetxattr(file, mark[0], "y", 1, 0) < 0)
        return -1;
    if (setxattr(folder, mark[1], "x", 1, XATTR_CREATE) == 0)
        return 0;
    if (errno != EEXIST || getxattr(folder, mark[1], &is, 1) < 0)
        return -1;
    return is == 'y' ? unlink(file) : 0;
}

int whiteout_put_at(int dir, const char *name)
{
    char file[PROC_PATH], folder[64];
    if (mknodat(dir, name, S_IFCHR | 0600, makedev(0, 0)) == 0)
        return 0;
    if (errno != EPERM || snprintf(file, sizeof file, "/proc/self/fd/%d/%s", dir, name) >= (int)sizeof file)
        return -1;
    snprintf(folder, sizeof folder, "/proc/self/fd/%d", dir);
    autoclose int made = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (made < 0)
        return -1;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (mark_whiteout(folder, file, marks[i]) == 0)
            return 0;
        if (errno != EPERM)
            break;
    }
    int saved = errno;
    unlinkat(dir, name, 0);
    errno = saved;
    return -1;
}

/* --- metadata --- */

static bool is_copied(const char *name, const char *value, size_t len)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (!strcmp(name, marks[i][1]))
            return len == 1 && *value == 'y';
    return strncmp(name, "trusted.overlay.", 16) && strncmp(name, "user.overlay.", 13) && strcmp(name, "security.selinux");
}

static int copy_xattrs(const struct place *source, const struct place *target)
{
    static char names[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
    char from[PROC_PATH], to[PROC_PATH];
    snprintf(from, sizeof from, "/proc/self/fd/%d/%s", source->dir, source->path);
    snprintf(to, sizeof to, "/proc/self/fd/%d/%s", target->dir, target->path);
    ssize_t len = llistxattr(from, names, sizeof names);
    if (len < 0)
        return errno == EOPNOTSUPP ? 0 : -1;
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        ssize_t size = lgetxattr(from, name, value, sizeof value);
        if (size < 0 || (is_copied(name, value, (size_t)size) && lsetxattr(to, name, value, (size_t)size, 0) < 0))
            return -1;
    }
    return 0;
}

/* A new owner takes file capabilities and set-id bits away, so it is first; times are last. */
static int copy_metadata(const struct place *from, const struct place *to, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchownat(to->dir, to->path, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 || copy_xattrs(from, to) < 0 ||
        (!S_ISLNK(st->st_mode) && fchmodat(to->dir, to->path, st->st_mode & 07777, 0) < 0))
        return -1;
    return utimensat(to->dir, to->path, times, AT_SYMLINK_NOFOLLOW);
}

/* --- kinds of files --- */

static int by_inode(const void *a, const void *b)
{
    ino_t x = ((const struct linked *)a)->inode, y = ((const struct linked *)b)->inode;
    return x < y ? -1 : x > y;
}

/* 1: it is there now, under another name of the same file. */
static int link_again(struct copying *copying, const char *path, const struct stat *st)
{
    if (st->st_nlink < 2)
        return 0;
    struct linked *linked = arena_alloc(&copying->arena, sizeof *linked);
    *linked = (struct linked){st->st_ino, path};
    struct linked **known = tsearch(linked, &copying->linked, by_inode);
    if (!known) {
        errno = ENOMEM;
        return -1;
    }
    if (*known == linked)
        return 0;
    return linkat(copying->to, (*known)->path, copying->to, path, 0) < 0 ? -1 : 1;
}

static int copy_content(const struct place *source, const struct place *target)
{
    autoclose int from = openat(source->dir, source->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    autoclose int to = openat(target->dir, target->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return from < 0 || to < 0 ? -1 : fd_copy(from, to, -1);
}

static int copy_symlink(const struct place *from, const struct place *to)
{
    char text[PATH_MAX];
    ssize_t len = readlinkat(from->dir, from->path, text, sizeof text);
    if (len < 0 || (size_t)len == sizeof text) {
        errno = len < 0 ? errno : ENAMETOOLONG;
        return -1;
    }
    text[len] = 0;
    return symlinkat(text, to->dir, to->path);
}

/* Anything but a folder. */
static int copy_file(const struct place *from, const struct place *to, const struct stat *st)
{
    int result;
    if (S_ISREG(st->st_mode))
        result = copy_content(from, to);
    else if (S_ISLNK(st->st_mode))
        result = copy_symlink(from, to);
    else
        result = mknodat(to->dir, to->path, (st->st_mode & S_IFMT) | 0600, st->st_rdev);
    return result < 0 ? -1 : copy_metadata(from, to, st);
}

int entry_copy_at(int from_dir, const char *from, int to_dir, const char *to)
{
    const struct place source = {from_dir, from}, target = {to_dir, to};
    struct stat st;
    if (fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    return S_ISDIR(st.st_mode) ? mkdirat(to_dir, to, 0700) : copy_file(&source, &target, &st);
}

int folder_finish_at(int from_dir, const char *from, int to_dir, const char *to)
{
    const struct place source = {from_dir, from}, target = {to_dir, to};
    struct stat st;
    return fstatat(from_dir, from, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : copy_metadata(&source, &target, &st);
}

static int put_whiteout(const struct copying *copying, const struct folder *folder, const char *name)
{
    autoclose int dir = openat(copying->to, folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return dir < 0 ? -1 : whiteout_put_at(dir, name);
}

static int copy_entry(struct copying *copying, const struct folder *folder, const char *name)
{
    struct stat st;
    const char *path = arena_printf(&copying->arena, "%s/%s", folder->path, name);
    int result = fstatat(copying->from, path, &st, AT_SYMLINK_NOFOLLOW);
    if (result < 0 || S_ISSOCK(st.st_mode))
        return result;
    if (S_ISCHR(st.st_mode) && st.st_rdev == 0)
        return put_whiteout(copying, folder, name);
    if (S_ISDIR(st.st_mode)) {
        vec_push(&copying->folders, ((struct folder){path, st}));
        return mkdirat(copying->to, path, 0700);
    }
    int again = link_again(copying, path, &st);
    if (again)
        return again < 0 ? -1 : 0;
    const struct place from = {copying->from, path}, to = {copying->to, path};
    return copy_file(&from, &to, &st);
}

static int copy_folder(struct copying *copying, struct folder folder)
{
    DIR *stream = dir_stream_at(copying->from, folder.path);
    if (!stream)
        return -1;
    int result = 0;
    errno = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(stream)); errno = result ? errno : 0)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            result = copy_entry(copying, &folder, entry->d_name);
    if (errno)
        result = -1;
    int saved = errno;
    closedir(stream);
    errno = saved;
    return result;
}

static void keep_node(void *node)
{
    (void)node; /* the arena's */
}

/* Folders get their metadata last: what goes in changes their times, and a mode may shut us out. */
static int copy_all(struct copying *copying)
{
    struct folder root = {.path = "."};
    if (fstat(copying->from, &root.st) < 0)
        return -1;
    vec_push(&copying->folders, root);
    for (size_t i = 0; i < copying->folders.count; i++)
        if (copy_folder(copying, copying->folders.items[i]) < 0)
            return -1;
    for (size_t i = copying->folders.count; i-- > 0;) {
        const char *path = copying->folders.items[i].path;
        const struct place from = {copying->from, path}, to = {copying->to, path};
        if (copy_metadata(&from, &to, &copying->folders.items[i].st) < 0)
            return -1;
    }
    return 0;
}

int tree_copy_at(int from_dir, const char *from, int to_dir, const char *to)
{
    struct copying copying = {.to = -1};
    int result = -1;
    copying.from = openat(from_dir, from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (copying.from >= 0 && mkdirat(to_dir, to, 0700) == 0)
        copying.to = openat(to_dir, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (copying.to >= 0)
        result = copy_all(&copying);
    int saved = errno;
    tdestroy(copying.linked, keep_node);
    vec_free(&copying.folders);
    arena_free(&copying.arena);
    fd_close_scope(&copying.from);
    fd_close_scope(&copying.to);
    errno = saved;
    return result;
}
