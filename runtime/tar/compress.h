/*
 * Compressing a stream with several threads. The bytes that come out depend on what goes in, the format, the level and the library,
 * never on the number of threads.
 */
#ifndef DFGEN_TAR_COMPRESS_H
#define DFGEN_TAR_COMPRESS_H

#include <stddef.h>

/* runtime/tar/source.h goes before this header. */
enum compression;
struct compressor;

enum { COMPRESS_DEFAULT = 0, COMPRESS_LEVEL_MAX = 22 };

/* "gzip/isal 2.30.0 x86_64/1": what decides about the bytes, for keys; text has room for 64. -1 when no library for it is built in. level: COMPRESS_DEFAULT or 1 and up. */
int compress_name(enum compression compression, int level, char text[64]);

/* How many threads this machine gives us. */
int compress_threads(void);

struct compress_sink {
    /* What goes in, in order: one call at a time, in whatever thread is free; the last is over when compress_close is. Or NULL. */
    void (*see)(void *data, const void *bytes, size_t len);
    /* What comes out, in order, in the caller's own thread. -1 with errno on failure. */
    int (*put)(void *data, const void *bytes, size_t len);
    void *data;
};

/* NULL when no library for it is built in. */
struct compressor *compress_open(enum compression compression, int level, int threads, const struct compress_sink *sink);
/* -1 with errno when put failed or a library did. */
int compress_add(struct compressor *compressor, const void *bytes, size_t len);
/* Write what is left and end the threads; also after a failure. */
int compress_close(struct compressor *compressor);

/* CRC-32 of two pieces put together, out of those of the pieces; len: of the second. */
unsigned compress_crc_join(unsigned first, unsigned second, size_t len);

#endif
