/*
 * Writing tars: ustar, with a pax header only before entries that ustar cannot hold. Names are bytes and stay what they are; owners are
 * numbers, without names. The same entries give the same bytes.
 */
#ifndef DFGEN_TAR_WRITE_H
#define DFGEN_TAR_WRITE_H

#include <stddef.h>
#include <stdint.h>

struct tar_entry; /* runtime/tar/read.h */

struct tar_sink {
    int (*put)(void *data, const void *bytes, size_t len);  /* -1 with errno */
    void *data;
};

/*
 * The header of an entry. name is clean ("" for the root, no slash at a folder's end); of mtime the seconds count. After a file's header follow
 * entry->size bytes by tar_put_data, then tar_put_padding. All return -1 with errno.
 */
int tar_put_header(const struct tar_sink *sink, const struct tar_entry *entry);
int tar_put_data(const struct tar_sink *sink, const void *bytes, size_t len);
int tar_put_padding(const struct tar_sink *sink, int64_t size);
/* The two blocks of zeros that end an archive. */
int tar_put_end(const struct tar_sink *sink);

/* A file's header, content and padding; fd's next bytes must be entry->size, and its last. EIO when they are fewer or more. */
int tar_put_file(const struct tar_sink *sink, const struct tar_entry *entry, int fd);

#endif
