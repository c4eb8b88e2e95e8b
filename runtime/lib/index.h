/*
 * What the files of a context folder hold, remembered: (path, size, mtime, ctime, inode) -> digest, in the store's
 * index/HEX, HEX being the sha256 of the folder's real path. A lost, foreign or damaged index only costs time.
 */
#ifndef DFGEN_INDEX_H
#define DFGEN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct digest;
struct index;
struct stat;
struct store;

/* What tells whether a file is as it was. */
struct index_stamp {
    int64_t size, mtime, ctime;
    uint64_t inode;
    uint32_t mtime_ns, ctime_ns;
};

struct index_stamp index_stamp(const struct stat *st);

/* Never NULL: without a usable file it is empty. folder is an open descriptor of the context. */
struct index *index_open(const struct store *store, int folder);

/* What a file's content was when it looked the same. Paths asked for in byte order are found at once. */
bool index_find(struct index *index, const char *path, const struct index_stamp *stamp, struct digest *digest);

/*
 * Remember a digest that was computed after the moment `before`. Not kept when the file changed so shortly before it
 * that a later change could look the same. path must stay until index_close.
 */
void index_put(struct index *index, const char *path, const struct index_stamp *stamp, const struct timespec *before,
               const struct digest *digest);

/* Write what was put, merged with what others wrote meanwhile, and free it all. Failing to write is no failure. */
void index_close(struct index *index);

#endif
