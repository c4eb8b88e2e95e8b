/*
 * Owns the use of zlib for compressing, where nothing faster is there. Called by compress.c through its codec.
 */
#include "runtime/tar/codec.h"

#include <stdlib.h>
#include <zlib.h>

static void *begin(int level)
{
    z_stream *stream = calloc(1, sizeof *stream);
    if (stream && deflateInit2(stream, level > 9 ? 9 : level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static size_t memory(int level)
{
    (void)level;
    return 300 * 1024;
}

static size_t bound(size_t len)
{
    return len + len / 8 + 1024;
}

static size_t run(void *state, const void *in, size_t len, bool is_last, void *out, size_t room, uint32_t *crc)
{
    z_stream *stream = state;
    *crc = (uint32_t)crc32(0, in, (uInt)len);
    if (deflateReset(stream) != Z_OK)
        return 0;
    stream->next_in = (Bytef *)(uintptr_t)in;
    stream->avail_in = (uInt)len;
    stream->next_out = out;
    stream->avail_out = (uInt)room;
    int result = deflate(stream, is_last ? Z_FINISH : Z_FULL_FLUSH);
    if (result != (is_last ? Z_STREAM_END : Z_OK) || stream->avail_in || !stream->avail_out)
        return 0;
    return room - stream->avail_out;
}

static void end(void *state)
{
    deflateEnd(state);
    free(state);
}

static const struct codec zlib = {"zlib " ZLIB_VERSION, CODEC_DEFLATE, 1024 * 1024, begin, memory, bound, run, end};
const struct codec *const codec_zlib = &zlib;
