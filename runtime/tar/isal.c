/*
 * Owns the use of ISA-L: the fastest deflate and inflate there is on x86-64 and arm64. Called by compress.c (through its codec) and by
 * uncompress.c. Must not know what the bytes mean.
 */
#include "runtime/tar/codec.h"

#include <errno.h>
#include <isa-l.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/die.h"
#include "runtime/tar/source.h"

/* --- compressing --- */

/* Part of the codec's name. */
#define FIRST_BYTES 8

struct deflater {
    struct isal_zstream stream;
    int level;
    uint32_t room;
    uint8_t *memory;
};

/*
 * Levels as users count them, 1 to 9, onto ISA-L's. Its level 3 is not among them: what it makes differs between processors
 * with AVX-512, with AVX2 and with neither. 1 and 2 give the same on all x86-64 with SSE 4.2; on arm64 they give something else.
 */
static void *deflate_begin(int level)
{
    struct deflater *deflater = xcalloc(1, sizeof *deflater);
    deflater->level = level <= 1 ? 1 : 2;
    deflater->room = level <= 1 ? ISAL_DEF_LVL1_DEFAULT : ISAL_DEF_LVL2_DEFAULT;
    deflater->memory = xmalloc(deflater->room);
    return deflater;
}

static size_t deflate_memory(int level)
{
    return sizeof(struct deflater) + (level <= 1 ? ISAL_DEF_LVL1_DEFAULT : ISAL_DEF_LVL2_DEFAULT);
}

static size_t deflate_bound(size_t len)
{
    return len + len / 8 + 1024;
}

/* False: the library failed, or there is no room. */
static bool deflate_piece(struct isal_zstream *stream, const uint8_t *in, size_t len, int flush)
{
    stream->flush = (uint16_t)flush;
    stream->next_in = (uint8_t *)(uintptr_t)in;
    stream->avail_in = (uint32_t)len;
    return isal_deflate(stream) == COMP_OK && !stream->avail_in && stream->avail_out;
}

/*
 * The first bytes go by themselves: where ISA-L (2.30 to 2.32, igzip_icf_body_h1_gr_bt.asm, .write_first_byte) begins a stream with more of them
 * than its other loop takes, it hashes a register that nobody has set, and now and then loses a match. So few go to that other loop.
 */
static size_t deflate_run(void *state, const void *in, size_t len, bool is_last, void *out, size_t room, uint32_t *crc)
{
    struct deflater *deflater = state;
    struct isal_zstream *stream = &deflater->stream;
    const uint8_t *bytes = in;
    size_t first = len > FIRST_BYTES ? FIRST_BYTES : 0;
    *crc = crc32_gzip_refl(0, bytes, len);
    isal_deflate_init(stream);
    stream->level = (uint32_t)deflater->level;
    stream->level_buf = deflater->memory;
    stream->level_buf_size = deflater->room;
    stream->gzip_flag = IGZIP_DEFLATE;
    stream->next_out = out;
    stream->avail_out = (uint32_t)room;
    if (first && !deflate_piece(stream, bytes, first, SYNC_FLUSH))
        return 0;
    stream->end_of_stream = is_last;
    if (!deflate_piece(stream, bytes + first, len - first, is_last ? NO_FLUSH : FULL_FLUSH))
        return 0;
    return stream->total_out;
}

static void deflate_end(void *state)
{
    struct deflater *deflater = state;
    free(deflater->memory);
    free(deflater);
}

#define TEXT_OF(number) #number
#define TEXT(macro) TEXT_OF(macro)
#ifdef __x86_64__
#define PROCESSOR "x86_64"
#else
#define PROCESSOR "other"
#endif
#define VERSION TEXT(ISAL_MAJOR_VERSION) "." TEXT(ISAL_MINOR_VERSION) "." TEXT(ISAL_PATCH_VERSION)

static const struct codec isal = {
    "isal " VERSION " " PROCESSOR " " TEXT(FIRST_BYTES), CODEC_DEFLATE, 1024 * 1024, deflate_begin, deflate_memory, deflate_bound, deflate_run, deflate_end,
};
const struct codec *const codec_isal = &isal;

/* --- uncompressing --- */

enum { PIECE = 256 * 1024 };

struct gunzip {
    struct source source;
    struct source *below;
    struct inflate_state state;
    bool is_between;    /* no member is open */
    bool has_begun, is_done;
    const char *late;   /* what is wrong behind that which was passed on last; NULL: nothing */
    uint8_t piece[PIECE];
};

/* What came before the damage is passed on first: it may be all that somebody looks at. */
static ssize_t gunzip_fail(struct gunzip *gunzip, const char *why)
{
    gunzip->late = why;
    if (gunzip->state.avail_out < PIECE)
        return PIECE - gunzip->state.avail_out;
    gunzip->source.why = why;
    errno = EINVAL;
    return -1;
}

/* More input when there is none. 1, 0 at its end, -1. */
static int gunzip_feed(struct gunzip *gunzip)
{
    if (gunzip->state.avail_in)
        return 1;
    const void *piece;
    ssize_t len = gunzip->below->next(gunzip->below, &piece);
    if (len < 0) {
        gunzip->source.why = gunzip->below->why;
        return -1;
    }
    gunzip->state.next_in = (uint8_t *)(uintptr_t)piece;
    gunzip->state.avail_in = (uint32_t)len;
    return len > 0;
}

/* Between two members. What follows the last one and is no gzip is no part of the content, as gzip(1) has it. */
static int gunzip_begin_member(struct gunzip *gunzip)
{
    int more = gunzip_feed(gunzip);
    if (more <= 0)
        return more;
    if (gunzip->has_begun && *gunzip->state.next_in != 0x1f)
        return 0;
    uint8_t *in = gunzip->state.next_in;
    uint32_t in_len = gunzip->state.avail_in;
    isal_inflate_init(&gunzip->state);
    gunzip->state.crc_flag = ISAL_GZIP;
    gunzip->state.next_in = in;
    gunzip->state.avail_in = in_len;
    gunzip->is_between = false;
    gunzip->has_begun = true;
    return 1;
}

/* Everything below has to pass by whoever takes its digest. */
static ssize_t gunzip_drain(struct gunzip *gunzip)
{
    gunzip->is_done = true;
    int more;
    while ((more = gunzip_feed(gunzip)) > 0)
        gunzip->state.avail_in = 0;
    return more;
}

static ssize_t gunzip_next(struct source *source, const void **piece)
{
    struct gunzip *gunzip = (struct gunzip *)source;
    *piece = gunzip->piece;
    if (gunzip->is_done)
        return 0;
    gunzip->state.next_out = gunzip->piece;
    gunzip->state.avail_out = PIECE;
    if (gunzip->late)
        return gunzip_fail(gunzip, gunzip->late);
    while (gunzip->state.avail_out) {
        if (gunzip->is_between) {
            uint32_t room = gunzip->state.avail_out;
            int more = gunzip_begin_member(gunzip);
            gunzip->state.next_out = gunzip->piece + (PIECE - room);
            gunzip->state.avail_out = room;
            if (more < 0 || (more == 0 && gunzip_drain(gunzip) < 0))
                return -1;
            if (more == 0)
                break;
        }
        int more = gunzip_feed(gunzip);
        if (more < 0)
            return -1;
        uint32_t before = gunzip->state.avail_out;
        if (isal_inflate(&gunzip->state) != ISAL_DECOMP_OK)
            return gunzip_fail(gunzip, "the gzip data is damaged");
        if (gunzip->state.block_state == ISAL_BLOCK_FINISH)
            gunzip->is_between = true;
        else if (more == 0 && before == gunzip->state.avail_out)
            return gunzip_fail(gunzip, "the gzip data ends too early");
    }
    return PIECE - gunzip->state.avail_out;
}

static void gunzip_close(struct source *source)
{
    free(source);
}

struct source *isal_gunzip(struct source *below)
{
    struct gunzip *gunzip = xmalloc(sizeof *gunzip);
    memset(gunzip, 0, offsetof(struct gunzip, piece));
    gunzip->source = (struct source){gunzip_next, gunzip_close, NULL};
    gunzip->below = below;
    gunzip->is_between = true;
    isal_inflate_init(&gunzip->state);
    return &gunzip->source;
}
