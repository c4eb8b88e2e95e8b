/*
 * Owns the use of libzstd for compressing: each chunk becomes a frame, with a checksum. Called by compress.c through its codec.
 */
#include "runtime/tar/codec.h"

#include <zstd.h>

static void *begin(int level)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context && (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) ||
                    ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)))) {
        ZSTD_freeCCtx(context);
        return NULL;
    }
    return context;
}

/* For chunks of ours: it takes no more than they need. */
static size_t memory(int level)
{
    static const struct {
        int level;
        size_t size;
    } rows[] = {{3, 2}, {6, 4}, {8, 7}, {9, 13}, {11, 25}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (level <= rows[i].level)
            return rows[i].size << 20;
    }
    return 66 << 20;
}

static size_t run(void *state, const void *in, size_t len, bool is_last, void *out, size_t room, uint32_t *crc)
{
    (void)is_last;
    *crc = 0;
    size_t put = ZSTD_compress2(state, out, room, in, len);
    return ZSTD_isError(put) ? 0 : put;
}

static void end(void *state)
{
    ZSTD_freeCCtx(state);
}

static const struct codec zstd = {"zstd " ZSTD_VERSION_STRING, CODEC_WHOLE, 4 * 1024 * 1024, begin, memory, ZSTD_compressBound, run, end};
const struct codec *const codec_zstd = &zstd;
