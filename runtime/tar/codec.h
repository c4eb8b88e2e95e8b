/*
 * What an optional library offers to compression; one row each, NULL in the twin of a library that is left out. A codec turns one chunk
 * at a time into compressed bytes that do not depend on any other chunk, so that threads may share the work and their number never shows.
 */
#ifndef DFGEN_TAR_CODEC_H
#define DFGEN_TAR_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;

enum codec_frame {
    CODEC_WHOLE,    /* a chunk becomes a file of its own (a gzip member, a zstd frame); files are put one after the other */
    CODEC_DEFLATE,  /* a chunk becomes raw deflate blocks that end at a byte; the caller writes gzip's header and trailer around them all */
};

struct codec {
    const char *name;       /* "isal 2.30.0 x86_64 8": part of a packed layer's key, with all that makes other bytes */
    enum codec_frame frame;
    size_t chunk;           /* input bytes at a time */
    /* State of one thread. level as compress.h gives it. NULL: no memory. */
    void *(*begin)(int level);
    /* How much memory that takes, about. */
    size_t (*memory)(int level);
    /* The most bytes that a chunk of len bytes may become. */
    size_t (*bound)(size_t len);
    /* Compressed length, 0 on failure. is_last: nothing follows. *crc gets CRC-32 of the input (CODEC_DEFLATE). */
    size_t (*run)(void *state, const void *in, size_t len, bool is_last, void *out, size_t room, uint32_t *crc);
    void (*end)(void *state);
};

extern const struct codec *const codec_isal, *const codec_libdeflate, *const codec_zlib, *const codec_zstd;

/* ISA-L's fast gunzip over a source (source.h), NULL without the library. */
struct source *isal_gunzip(struct source *below);

#endif
