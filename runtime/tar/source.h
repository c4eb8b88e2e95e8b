/*
 * A source of bytes, given piece by piece without copying. Sources stand on each other: a file, what it unpacks to, a thread
 * between two of them. Each is closed by the one that opened it, the uppermost first.
 */
#ifndef DFGEN_TAR_SOURCE_H
#define DFGEN_TAR_SOURCE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct source {
    /* The next piece, good until the next call. Its length, 0 at the end, -1 on failure. */
    ssize_t (*next)(struct source *source, const void **piece);
    void (*close)(struct source *source);
    /* After -1: why, a static text, or NULL when errno says it. */
    const char *why;
};

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_BZIP2, COMPRESSION_XZ };
extern const char *const compression_names[]; /* "none", "gzip", "zstd", "bzip2", "xz" */

/* What the first bytes of a file say it is. Six bytes tell all of them. */
enum { COMPRESSION_MAGIC = 6 };
enum compression compression_sniff(const void *data, size_t len);

/* The bytes of a file from offset on, size of them (-1: to the end; a file that ends before is a failure). The caller keeps fd open. */
struct source *source_file(int fd, int64_t offset, int64_t size);

/* What below unpacks to. Does not close below. */
struct source *source_unpack(struct source *below, enum compression compression);

/* The same bytes, fetched by a thread of their own that runs ahead a few pieces. Does not close below, which nobody else may touch until then. */
struct source *source_thread(struct source *below);

/* Gives everything that passes to see(data, …), which returns -1 with errno to stop. Does not close below. */
struct source *source_tap(struct source *below, int (*see)(void *data, const void *piece, size_t len), void *data);

void source_close(struct source *source);

#endif
