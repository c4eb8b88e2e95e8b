/* Reading and writing whole files by descriptor, safely. All return -1 with errno; nothing is printed. */
#ifndef DFGEN_FDIO_H
#define DFGEN_FDIO_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

struct buf;

/* A descriptor that closes itself at the end of its scope. */
void fd_close_scope(int *fd);
#define autoclose __attribute__((cleanup(fd_close_scope)))

/* Hand it on: the scope no longer closes it. */
static inline int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* Read to the end, at most limit bytes (EFBIG beyond). */
int fd_read_all(int fd, struct buf *out, size_t limit);
/* The file must be regular (EINVAL, EISDIR otherwise); opened without blocking. dir may be AT_FDCWD. */
int file_read_at(int dir, const char *path, struct buf *out, size_t limit);

int fd_write_all(int fd, const void *data, size_t len);
/* From offset on; EIO when the file ends before. */
int fd_pread_all(int fd, void *data, size_t len, int64_t offset);

/*
 * Write beside the name, then rename: readers see the old or the new content, never a part. mode is exact (no umask).
 * The temporary file is removed on failure.
 */
int file_write_at(int dir, const char *path, const void *data, size_t len, mode_t mode);

/* Make a new file, in one go: for a folder that nobody else looks into before it is complete. */
int file_make_at(int dir, const char *path, const void *data, size_t len, mode_t mode);

/* The same, but leaves a file with that very content alone, its times too. *changed (may be NULL) tells. */
int file_write_if_changed_at(int dir, const char *path, const void *data, size_t len, bool *changed);

/* Copy size bytes (-1: to the end) from one descriptor's offset to the other's: reflink, copy_file_range, read and write. */
int fd_copy(int from, int to, int64_t size);

/* The entries of a folder below dir, which is itself no symlink. NULL with errno. */
DIR *dir_stream_at(int dir, const char *path);

/* Whether DIR/NAME is the very file that fd is open on: between making and locking somebody may have taken it away. */
bool file_is_at(int dir, const char *name, int fd);

/* mkdir -p; mode for those made. Existing folders are fine, another kind of file is ENOTDIR. */
int dir_make_at(int dir, const char *path, mode_t mode);

/* rm -rf of a name below dir; folders that cannot be read are made readable first. A missing name is fine. */
int tree_remove_at(int dir, const char *path);

/* Hard link from one place to another; falls back to a copy (EXDEV, EMLINK, EPERM). */
int file_link_or_copy_at(int from_dir, const char *from, int to_dir, const char *to, mode_t mode);

#endif
