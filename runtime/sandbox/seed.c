/*
 * Owns the copying of a real folder into another. Called by the sandbox when a cache mount with "from" is first made. Must not know caches.
 * Both folders are ours alone meanwhile: the source is a read-only overlay, the target has no name yet.
 */
#include "runtime/sandbox/seed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"

enum { MAX_DEPTH = 256 };

static int copy_folder(int from, int to, int depth);

static int set_owner_and_time(int to, const char *name, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    if (fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    /* chown drops set-id bits, so the mode comes after it. */
    if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) < 0)
        return -1;
    return utimensat(to, name, times, AT_SYMLINK_NOFOLLOW);
}

static int copy_file(int from, int to, const char *name)
{
    autoclose int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    autoclose int out = in < 0 ? -1 : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return out < 0 ? -1 : fd_copy(in, out, -1);
}

static int copy_link(int from, int to, const char *name)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(from, name, target, sizeof target - 1);
    if (len < 0)
        return -1;
    target[len] = 0;
    return symlinkat(target, to, name);
}

static int copy_subfolder(int from, int to, const char *name, int depth)
{
    if (mkdirat(to, name, 0700) < 0)
        return -1;
    autoclose int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    autoclose int out = in < 0 ? -1 : openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return out < 0 ? -1 : copy_folder(in, out, depth + 1);
}

static int copy_entry(int from, int to, const char *name, int depth)
{
    struct stat st;
    int result;
    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    switch (st.st_mode & S_IFMT) {
    case S_IFREG: result = copy_file(from, to, name); break;
    case S_IFLNK: result = copy_link(from, to, name); break;
    case S_IFDIR: result = copy_subfolder(from, to, name, depth); break;
    case S_IFSOCK: return 0;
    default: result = mknodat(to, name, st.st_mode, st.st_rdev); break;
    }
    return result < 0 ? -1 : set_owner_and_time(to, name, &st);
}

static int copy_folder(int from, int to, int depth)
{
    if (depth > MAX_DEPTH) {
        errno = ELOOP;
        return -1;
    }
    int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) {
        fd_close_scope(&fd);
        return -1;
    }
    int result = 0;
    errno = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(stream));) {
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            result = copy_entry(from, to, entry->d_name, depth);
        if (result == 0)
            errno = 0;
    }
    if (result == 0 && errno)
        result = -1;
    int saved = errno;
    closedir(stream);
    errno = saved;
    return result;
}

int seed_copy(int from, int to)
{
    return copy_folder(from, to, 0);
}
