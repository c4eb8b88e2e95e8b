/*
 * Owns the use of libdeflate, which compresses whole buffers: each chunk becomes a gzip member. Called by compress.c through its codec.
 */
#include "runtime/tar/codec.h"

#include <libdeflate.h>

static void *begin(int level)
{
    return libdeflate_alloc_compressor(level > 12 ? 12 : level);
}

static size_t memory(int level)
{
    return (level < 10 ? 1 : 9) * (size_t)1024 * 1024;
}

static size_t bound(size_t len)
{
    return libdeflate_gzip_compress_bound(NULL, len);
}

static size_t run(void *state, const void *in, size_t len, bool is_last, void *out, size_t room, uint32_t *crc)
{
    (void)is_last;
    *crc = 0;
    return libdeflate_gzip_compress(state, in, len, out, room);
}

static void end(void *state)
{
    libdeflate_free_compressor(state);
}

static const struct codec libdeflate = {"libdeflate " LIBDEFLATE_VERSION_STRING, CODEC_WHOLE, 1024 * 1024, begin, memory, bound, run, end};
const struct codec *const codec_libdeflate = &libdeflate;
