/*
 * Owns whole-file reading and writing: atomic replacement, copying, making and removing trees of folders.
 * Called by gen and every helper. Knows nothing of what files hold, and prints nothing.
 */
#include "runtime/lib/fdio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"

enum { CHUNK = 128 * 1024, LINK_TRIES = 3 };

void fd_close_scope(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

int fd_read_all(int fd, struct buf *out, size_t limit)
{
    size_t start = out->len;
    for (;;) {
        size_t left = limit - (out->len - start);
        /* One byte more than allowed is asked for, to tell a file of just that size from a larger one. */
        size_t want = left < CHUNK ? left + 1 : CHUNK;
        char *end = buf_room(out, want);
        ssize_t got = read(fd, end, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if ((size_t)got > left) {
            errno = EFBIG;
            return -1;
        }
        out->len += (size_t)got;
        out->data[out->len] = 0;
        if (got == 0)
            return 0;
    }
}

int file_read_at(int dir, const char *path, struct buf *out, size_t limit)
{
    autoclose int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return -1;
    }
    if (st.st_size > 0 && (uint64_t)st.st_size <= limit)
        buf_room(out, (size_t)st.st_size + 1);
    return fd_read_all(fd, out, limit);
}

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *next = data;
    while (len) {
        ssize_t put = write(fd, next, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        next += put;
        len -= (size_t)put;
    }
    return 0;
}

int fd_pread_all(int fd, void *data, size_t len, int64_t offset)
{
    char *next = data;
    while (len) {
        ssize_t got = pread(fd, next, len, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0) {
            errno = EIO;
            return -1;
        }
        next += got;
        offset += got;
        len -= (size_t)got;
    }
    return 0;
}

static int write_and_rename(int dir, const char *temporary, const char *path, const struct buf *content, mode_t mode)
{
    autoclose int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (fd_write_all(fd, buf_text(content), content->len) < 0 || fchmod(fd, mode) < 0 ||
        renameat(dir, temporary, dir, path) < 0) {
        int saved = errno;
        unlinkat(dir, temporary, 0);
        errno = saved;
        return -1;
    }
    return 0;
}

int file_write_at(int dir, const char *path, const void *data, size_t len, mode_t mode)
{
    char *temporary = xasprintf("%s.%ld.tmp", path, (long)getpid());
    struct buf content = {.data = (char *)(uintptr_t)data, .len = len};
    int result = write_and_rename(dir, temporary, path, len ? &content : &(struct buf){0}, mode);
    if (result < 0 && errno == EEXIST) {
        /* Left by a killed process that had our pid. */
        unlinkat(dir, temporary, 0);
        result = write_and_rename(dir, temporary, path, len ? &content : &(struct buf){0}, mode);
    }
    free(temporary);
    return result;
}

int file_make_at(int dir, const char *path, const void *data, size_t len, mode_t mode)
{
    autoclose int fd = openat(dir, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    return fd < 0 ? -1 : fd_write_all(fd, data, len);
}

/* A piece at a time: what is compared may be large. */
static bool has_content(int dir, const char *path, const char *data, size_t len)
{
    autoclose int fd = openat(dir, path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    char piece[16 * 1024];
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)len)
        return false;
    for (size_t at = 0; at < len;) {
        size_t want = len - at < sizeof piece ? len - at : sizeof piece;
        if (fd_pread_all(fd, piece, want, (int64_t)at) < 0 || memcmp(piece, data + at, want))
            return false;
        at += want;
    }
    return true;
}

int file_write_if_changed_at(int dir, const char *path, const void *data, size_t len, bool *changed)
{
    bool same = has_content(dir, path, data, len);
    if (changed)
        *changed = !same;
    return same ? 0 : file_write_at(dir, path, data, len, 0644);
}

static int copy_by_reading(int from, int to, int64_t size)
{
    char *chunk = xmalloc(CHUNK);
    int result = 0;
    while (size) {
        size_t want = size < 0 || size > CHUNK ? CHUNK : (size_t)size;
        ssize_t got = read(from, chunk, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || (got > 0 && fd_write_all(to, chunk, (size_t)got) < 0)) {
            result = -1;
            break;
        }
        if (got == 0) {
            if (size > 0) {
                errno = EIO;
                result = -1;
            }
            break;
        }
        if (size > 0)
            size -= got;
    }
    free(chunk);
    return result;
}

int fd_copy(int from, int to, int64_t size)
{
    if (size < 0 && lseek(from, 0, SEEK_CUR) == 0 && lseek(to, 0, SEEK_CUR) == 0 && ioctl(to, FICLONE, from) == 0)
        return 0;
    while (size) {
        ssize_t put = copy_file_range(from, NULL, to, NULL, size < 0 ? 1 << 30 : (size_t)size, 0);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EBADF))
            return copy_by_reading(from, to, size);
        if (put < 0)
            return -1;
        if (put == 0)
            /* Files of /proc and the like claim to be empty: reading tells. */
            return copy_by_reading(from, to, size);
        if (size > 0)
            size -= put;
    }
    return 0;
}

/* Each folder of the way, whether or not it is there. */
static int make_way(int dir, const char *path, mode_t mode)
{
    char *copy = xstrdup(path);
    int result = 0;
    for (char *slash = copy; result == 0; *slash++ = '/') {
        slash += strspn(slash, "/");
        slash += strcspn(slash, "/");
        bool is_last = *slash == 0;
        *slash = 0;
        if (*copy && mkdirat(dir, copy, mode) < 0 && errno != EEXIST)
            result = -1;
        if (is_last)
            break;
    }
    free(copy);
    return result;
}

int dir_make_at(int dir, const char *path, mode_t mode)
{
    struct stat st;
    /* Most often it is there, or the folder above it is. */
    if (!*path || mkdirat(dir, path, mode) == 0)
        return 0;
    if (errno != EEXIST && make_way(dir, path, mode) < 0)
        return -1;
    if (fstatat(dir, path, &st, 0) < 0)
        return -1;
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return 0;
}

bool file_is_at(int dir, const char *name, int fd)
{
    struct stat named, held;
    return fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &held) == 0 &&
           named.st_ino == held.st_ino && named.st_dev == held.st_dev;
}

DIR *dir_stream_at(int dir, const char *path)
{
    autoclose int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream)
        fd_take(&fd);
    return stream;
}

static int remove_children(int fd)
{
    /* fdopendir takes the descriptor over, so the loop keeps one of its own. */
    DIR *stream = fdopendir(dup(fd));
    if (!stream)
        return -1;
    int result = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (tree_remove_at(fd, entry->d_name) < 0)
            result = -1;
    }
    int saved = errno;
    closedir(stream);
    errno = saved;
    return result;
}

int tree_remove_at(int dir, const char *path)
{
    if (unlinkat(dir, path, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -1;
    if (unlinkat(dir, path, AT_REMOVEDIR) == 0)
        return 0;
    autoclose int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && fchmodat(dir, path, 0700, 0) == 0)
        fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (remove_children(fd) < 0 && (errno != EACCES || fchmod(fd, 0700) < 0 || remove_children(fd) < 0))
        return -1;
    return unlinkat(dir, path, AT_REMOVEDIR);
}

int file_link_or_copy_at(int from_dir, const char *from, int to_dir, const char *to, mode_t mode)
{
    /* ENOENT also when the name was given to another file just as the link was made: that one is as good. */
    for (int tries = 0; tries < LINK_TRIES; tries++) {
        if (linkat(from_dir, from, to_dir, to, 0) == 0)
            return 0;
        if (errno != ENOENT)
            break;
    }
    if (errno != ENOENT && errno != EXDEV && errno != EMLINK && errno != EPERM && errno != EOPNOTSUPP)
        return -1;
    autoclose int in = openat(from_dir, from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return -1;
    autoclose int out = openat(to_dir, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return -1;
    if (fd_copy(in, out, -1) < 0 || fchmod(out, mode) < 0) {
        int saved = errno;
        unlinkat(to_dir, to, 0);
        errno = saved;
        return -1;
    }
    return 0;
}
