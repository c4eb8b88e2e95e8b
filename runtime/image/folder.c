/*
 * Owns walking a folder of this machine into a tar: order, owners, hard links. Called by dfgen-import. Must not know
 * what the tar is for.
 */
#include "runtime/image/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"
#include "runtime/tar/read.h"
#include "runtime/tar/write.h"

enum { CAPABILITY_LIMIT = 1024, DEPTH_LIMIT = 500 };

/* A file with several names, by its first one. */
struct linked {
    dev_t dev;
    ino_t ino;
    const char *name;
};

struct walk {
    struct arena arena;
    const struct tar_sink *sink;
    bool has_owners, has_times;
    VEC(struct linked) linked;
    char *error;
};

static void fail(struct walk *walk, const char *name)
{
    if (!walk->error)
        walk->error = xasprintf("%s: %s", *name ? name : ".", strerror(errno));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Another name of a file that was written already; NULL: it is the first. */
static const char *first_name(struct walk *walk, const struct stat *st, const char *name)
{
    for (size_t i = 0; i < walk->linked.count; i++)
        if (walk->linked.items[i].ino == st->st_ino && walk->linked.items[i].dev == st->st_dev)
            return walk->linked.items[i].name;
    vec_push(&walk->linked, (struct linked){st->st_dev, st->st_ino, arena_strdup(&walk->arena, name)});
    return NULL;
}

/* Its kind; false: it has no place in an image (a socket). */
static bool set_type(struct tar_entry *entry, const struct stat *st)
{
    switch (st->st_mode & S_IFMT) {
    case S_IFREG: entry->type = TAR_FILE; entry->size = st->st_size; return true;
    case S_IFDIR: entry->type = TAR_DIR; return true;
    case S_IFLNK: entry->type = TAR_SYMLINK; return true;
    case S_IFIFO: entry->type = TAR_FIFO; return true;
    case S_IFCHR: entry->type = TAR_CHAR; break;
    case S_IFBLK: entry->type = TAR_BLOCK; break;
    default: return false;
    }
    entry->major = major(st->st_rdev);
    entry->minor = minor(st->st_rdev);
    return true;
}

static void put_file(struct walk *walk, int dir, const char *name, struct tar_entry *entry)
{
    char value[CAPABILITY_LIMIT];
    autoclose int fd = openat(dir, path_base(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t len = fd < 0 || !walk->has_owners ? -1 : fgetxattr(fd, "security.capability", value, sizeof value);
    struct tar_xattr capability = {"security.capability", value, len > 0 ? (size_t)len : 0};
    if (len > 0) {
        entry->xattrs = &capability;
        entry->xattr_count = 1;
    }
    if (fd < 0 || tar_put_file(walk->sink, entry, fd) < 0)
        fail(walk, name);
    entry->xattrs = NULL;
    entry->xattr_count = 0;
}

static void walk_folder(struct walk *walk, int folder, const char *name, int depth);

static void put_entry(struct walk *walk, int dir, const char *name, int depth)
{
    struct stat st;
    char target[TAR_NAME_MAX + 1];
    struct tar_entry entry = {.name = name, .link = ""};
    if (fstatat(dir, path_base(name), &st, AT_SYMLINK_NOFOLLOW) < 0) {
        fail(walk, name);
        return;
    }
    if (!set_type(&entry, &st))
        return;
    entry.mode = S_ISLNK(st.st_mode) ? 0777 : st.st_mode & 07777;
    entry.uid = walk->has_owners ? st.st_uid : 0;
    entry.gid = walk->has_owners ? st.st_gid : 0;
    if (walk->has_times)
        entry.mtime.tv_sec = st.st_mtim.tv_sec;
    if (entry.type == TAR_SYMLINK) {
        ssize_t len = readlinkat(dir, path_base(name), target, sizeof target - 1);
        target[len > 0 ? len : 0] = 0;
        entry.link = target;
    }
    const char *first = entry.type != TAR_DIR && st.st_nlink > 1 ? first_name(walk, &st, name) : NULL;
    if (first) {
        entry.type = TAR_HARDLINK;
        entry.link = first;
        entry.size = 0;
    }
    if (entry.type == TAR_FILE)
        put_file(walk, dir, name, &entry);
    else if (tar_put_header(walk->sink, &entry) < 0)
        fail(walk, name);
    if (entry.type != TAR_DIR || walk->error)
        return;
    autoclose int below = openat(dir, path_base(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0)
        fail(walk, name);
    else
        walk_folder(walk, below, name, depth + 1);
}

static void walk_folder(struct walk *walk, int folder, const char *name, int depth)
{
    int again = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    DIR *stream = again < 0 ? NULL : fdopendir(again);
    VEC(const char *) names = {0};
    if (depth > DEPTH_LIMIT)
        errno = ELOOP;
    if (!stream || depth > DEPTH_LIMIT) {
        fail(walk, name);
        return;
    }
    for (struct dirent *entry; (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            vec_push(&names,
                     *name ? path_join(&walk->arena, name, entry->d_name) : arena_strdup(&walk->arena, entry->d_name));
    closedir(stream);
    if (names.count)
        qsort(names.items, names.count, sizeof *names.items, by_name);
    for (size_t i = 0; i < names.count && !walk->error; i++)
        put_entry(walk, folder, names.items[i], depth);
    vec_free(&names);
}

char *folder_write_tar(const struct folder *folder, const struct tar_sink *sink)
{
    struct walk walk = {.sink = sink, .has_owners = folder->has_owners, .has_times = folder->has_times};
    walk_folder(&walk, folder->fd, "", 0);
    if (!walk.error && tar_put_end(sink) < 0)
        fail(&walk, "");
    vec_free(&walk.linked);
    arena_free(&walk.arena);
    return walk.error;
}
