/*
 * Reading tars: ustar, pax, GNU and V7, with any compression, in one pass and bounded memory. Names are bytes, as they stand in
 * the archive: the caller cleans them (tar_clean_name) and decides where they may lead. Nothing is written anywhere.
 *
 *     struct tar_reader *tar = tar_open(fd);
 *     struct tar_entry entry;
 *     int more;
 *     while ((more = tar_next(tar, &entry)) > 0) { ... while ((len = tar_data(tar, &piece)) > 0) ... }
 *     if (more < 0) say(tar_error(tar));
 *     tar_close(tar);
 */
#ifndef DFGEN_TAR_READ_H
#define DFGEN_TAR_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct source;
struct tar_reader;

/* S28, S32: what is longer or more is refused. */
enum { TAR_NAME_MAX = 4096, TAR_XATTR_MAX = 64 * 1024, TAR_HEADER_MAX = 1024 * 1024 };

enum tar_type {
    TAR_FILE = 'f', TAR_DIR = 'd', TAR_SYMLINK = 'l', TAR_HARDLINK = 'h', TAR_CHAR = 'c', TAR_BLOCK = 'b', TAR_FIFO = 'p',
};

struct tar_xattr {
    const char *name;   /* "security.capability": what follows "SCHILY.xattr." */
    const void *value;
    size_t size;
};

/* Good until the next tar_next. */
struct tar_entry {
    const char *name;       /* as in the archive, never empty; may begin with "/" or "./", may hold "..", ends in "/" for some folders */
    enum tar_type type;
    mode_t mode;            /* 07777 at most */
    uint32_t uid, gid;      /* 2^32-2 at most */
    struct timespec mtime;
    const char *link;       /* symlinks: the text; hard links: the other entry's name; else "" */
    int64_t size;           /* files: of the content, holes of a sparse file counted; else 0 */
    uint32_t major, minor;  /* devices */
    const struct tar_xattr *xattrs;
    size_t xattr_count;
};

/* Read from fd's offset 0 on; compression is found out. The caller keeps fd open. NULL with errno. */
struct tar_reader *tar_open(int fd);
/* The same from a source of plain tar bytes, which the caller closes afterwards. */
struct tar_reader *tar_open_source(struct source *source);
void tar_close(struct tar_reader *tar);

/* The next entry: 1, 0 at the end, -1 when the archive is no good or cannot be read. What is left of the last one's data is skipped. */
int tar_next(struct tar_reader *tar, struct tar_entry *entry);

/* The next piece of the entry's content, good until the next call: its length, 0 at the end, -1. Holes come as zeros. */
ssize_t tar_data(struct tar_reader *tar, const void **piece);

/* Read and drop whatever follows the end of the archive, so that the source below has seen all of it. -1 on failure. */
int tar_drain(struct tar_reader *tar);

/* After -1: what was wrong, with the place in the archive. Good until tar_close. */
const char *tar_error(const struct tar_reader *tar);

/*
 * A name's clean form: no leading "/" or "./", no trailing "/", no "//" or "/./"; "" for the root. Written to clean (TAR_NAME_MAX bytes). NULL if good,
 * else why not, a static text: a ".." component (S20), a component of more than 255 bytes, too long.
 */
const char *tar_clean_name(const char *name, char *clean);

/*
 * ADD's question (reference/dockerfile.md §8.6): does the file begin with a valid tar header, plain or in gzip, bzip2, xz or zstd? False for an empty
 * tar and for all else. The file's offset is not used.
 */
bool tar_detect(int fd);

#endif
