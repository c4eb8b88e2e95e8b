/*
 * Owns the division of labour: the stream is cut into chunks, each is compressed by itself in whatever thread is free, and
 * the results are written in order; who wants to see what goes in sees it in order, too, beside all that. Called by what
 * packs layers. Must not know tars, nor any library: those are codecs (codec.h).
 */
#include "runtime/tar/source.h"

#include "runtime/tar/compress.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/die.h"
#include "runtime/tar/codec.h"

/* Helpers are to keep within 64 MiB, however many processors there are. */
enum { THREADS_MAX = 8, AHEAD_BYTES = 4 << 20, MEMORY_MAX = 60 << 20 };

struct slot {
    bool is_last, is_done;      /* is_done: compressed */
    size_t in_len, out_len;     /* out_len 0: the library failed */
    uint32_t crc;
    char *in, *out;
};

struct compressor {
    const struct codec *codec;  /* NULL: bytes go through as they are */
    int level;
    struct compress_sink sink;
    int threads, error;
    pthread_t ids[THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t filled, done;
    struct slot *slots;         /* chunk number i lies in slot i % slot_count */
    size_t slot_count, room;
    size_t next;                /* the chunk that is being filled, by the caller, who alone changes it */
    size_t claimed;             /* the chunk that the next idle thread compresses */
    size_t seen;                /* the chunk that sink.see gets next */
    size_t written;
    bool is_seeing, is_stopped;
    uint32_t crc;
    uint64_t total;
};

/* --- which library --- */

static const struct codec *choose(enum compression compression, int level)
{
    /* The fastest is as small as gzip -1; who asks for more wants it smaller. */
    const struct codec *quick[] = {codec_isal, codec_libdeflate, codec_zlib};
    const struct codec *small[] = {codec_libdeflate, codec_zlib, codec_isal};
    if (compression == COMPRESSION_ZSTD)
        return codec_zstd;
    const struct codec **rows = level <= 1 ? quick : small;
    for (size_t i = 0; compression == COMPRESSION_GZIP && i < 3; i++) {
        if (rows[i])
            return rows[i];
    }
    return NULL;
}

static int real_level(enum compression compression, int level)
{
    return level != COMPRESS_DEFAULT ? level : compression == COMPRESSION_ZSTD ? 3 : 1;
}

int compress_name(enum compression compression, int level, char text[64])
{
    if (compression == COMPRESSION_NONE) {
        strcpy(text, "none");
        return 0;
    }
    const struct codec *codec = choose(compression, level);
    if (!codec)
        return -1;
    snprintf(text, 64, "%s/%s/%d", compression_names[compression], codec->name, real_level(compression, level));
    return 0;
}

int compress_threads(void)
{
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return count > THREADS_MAX ? THREADS_MAX : count;
}

/* --- CRC of concatenated pieces: that of the first, as if the second were zeros, and that of the second --- */

/* Product of two polynomials over GF(2), modulo CRC-32's, bits reflected. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit)
            product ^= b;
        b = b & 1 ? b >> 1 ^ 0xedb88320u : b >> 1;
    }
    return product;
}

unsigned compress_crc_join(unsigned first, unsigned second, size_t len)
{
    uint32_t shift = 1u << 31, power = 1u << 23; /* x to the 0 and to the 8: one byte */
    for (; len; len >>= 1, power = multiply(power, power)) {
        if (len & 1)
            shift = multiply(shift, power);
    }
    return multiply(shift, first) ^ second;
}

/* --- threads --- */

static void see(struct compressor *compressor)
{
    const struct slot *slot = &compressor->slots[compressor->seen % compressor->slot_count];
    compressor->is_seeing = true;
    pthread_mutex_unlock(&compressor->lock);
    if (compressor->sink.see)
        compressor->sink.see(compressor->sink.data, slot->in, slot->in_len);
    pthread_mutex_lock(&compressor->lock);
    compressor->is_seeing = false;
    compressor->seen++;
    pthread_cond_signal(&compressor->done);
}

static void compress(struct compressor *compressor, void *state)
{
    struct slot *slot = &compressor->slots[compressor->claimed++ % compressor->slot_count];
    pthread_mutex_unlock(&compressor->lock);
    slot->out_len = !state ? 0 : compressor->codec->run(state, slot->in, slot->in_len, slot->is_last, slot->out,
                                                        compressor->room, &slot->crc);
    pthread_mutex_lock(&compressor->lock);
    slot->is_done = true;
    pthread_cond_signal(&compressor->done);
}

/* Seeing goes first: only one thread can, so it must never be what is waited for at the end. */
static void *work(void *data)
{
    struct compressor *compressor = data;
    void *state = compressor->codec->begin(compressor->level);
    pthread_mutex_lock(&compressor->lock);
    for (;;) {
        if (compressor->seen < compressor->next && !compressor->is_seeing)
            see(compressor);
        else if (compressor->claimed < compressor->next)
            compress(compressor, state);
        else if (compressor->is_stopped)
            break;
        else
            pthread_cond_wait(&compressor->filled, &compressor->lock);
    }
    pthread_mutex_unlock(&compressor->lock);
    if (state)
        compressor->codec->end(state);
    return NULL;
}

static int put(struct compressor *compressor, const void *bytes, size_t len)
{
    if (!compressor->error && compressor->sink.put(compressor->sink.data, bytes, len) < 0)
        compressor->error = errno;
    return compressor->error ? -1 : 0;
}

/* Wait for the oldest chunk that is not written yet, and write it. */
static int write_oldest(struct compressor *compressor)
{
    struct slot *slot = &compressor->slots[compressor->written % compressor->slot_count];
    pthread_mutex_lock(&compressor->lock);
    while (!slot->is_done || compressor->seen == compressor->written)
        pthread_cond_wait(&compressor->done, &compressor->lock);
    pthread_mutex_unlock(&compressor->lock);
    if (!slot->out_len)
        compressor->error = EIO;
    compressor->crc = compress_crc_join(compressor->crc, slot->crc, slot->in_len);
    compressor->total += slot->in_len;
    int result = put(compressor, slot->out, slot->out_len);
    slot->in_len = 0;
    slot->is_done = false;
    compressor->written++;
    return result;
}

static void hand_over(struct compressor *compressor, bool is_last)
{
    compressor->slots[compressor->next % compressor->slot_count].is_last = is_last;
    pthread_mutex_lock(&compressor->lock);
    compressor->next++;
    /* Two have something to do now: one sees it, one compresses. */
    pthread_cond_broadcast(&compressor->filled);
    pthread_mutex_unlock(&compressor->lock);
}

/* As many threads as memory allows, and chunks so that none of them waits for the others. */
static void choose_size(struct compressor *compressor)
{
    const struct codec *codec = compressor->codec;
    size_t ahead = AHEAD_BYTES / codec->chunk, state = codec->memory(compressor->level);
    compressor->room = codec->bound(codec->chunk);
    for (;; compressor->threads--) {
        compressor->slot_count = (size_t)compressor->threads + (ahead > 2 ? ahead : 2);
        size_t total = (size_t)compressor->threads * state + compressor->slot_count * (codec->chunk + compressor->room);
        if (compressor->threads == 1 || total <= MEMORY_MAX)
            return;
    }
}

static void start(struct compressor *compressor)
{
    choose_size(compressor);
    compressor->slots = xcalloc(compressor->slot_count, sizeof *compressor->slots);
    for (size_t i = 0; i < compressor->slot_count; i++) {
        compressor->slots[i].in = xmalloc(compressor->codec->chunk);
        compressor->slots[i].out = xmalloc(compressor->room);
    }
    for (int i = 0; i < compressor->threads; i++) {
        int error = pthread_create(&compressor->ids[i], NULL, work, compressor);
        if (error)
            die("cannot start a thread: %s", strerror(error));
    }
}

struct compressor *compress_open(enum compression compression, int level, int threads, const struct compress_sink *sink)
{
    const struct codec *codec = choose(compression, level);
    if (!codec && compression != COMPRESSION_NONE)
        return NULL;
    struct compressor *compressor = xcalloc(1, sizeof *compressor);
    compressor->codec = codec;
    compressor->level = real_level(compression, level);
    compressor->sink = *sink;
    compressor->threads = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
    pthread_mutex_init(&compressor->lock, NULL);
    pthread_cond_init(&compressor->filled, NULL);
    pthread_cond_init(&compressor->done, NULL);
    if (codec)
        start(compressor);
    return compressor;
}

/* --- the stream --- */

/* No name, no time, operating system unknown: the same bytes everywhere. */
static int put_gzip_header(struct compressor *compressor)
{
    static const unsigned char header[10] = {0x1f, 0x8b, 8, [9] = 255};
    return put(compressor, header, sizeof header);
}

static int put_gzip_trailer(struct compressor *compressor)
{
    unsigned char trailer[8];
    for (int i = 0; i < 4; i++) {
        trailer[i] = (unsigned char)(compressor->crc >> 8 * i);
        trailer[4 + i] = (unsigned char)(compressor->total >> 8 * i);
    }
    return put(compressor, trailer, sizeof trailer);
}

static bool has_gzip_frame(const struct compressor *compressor)
{
    return compressor->codec->frame == CODEC_DEFLATE;
}

int compress_add(struct compressor *compressor, const void *bytes, size_t len)
{
    const char *from = bytes;
    if (!compressor->codec) {
        if (compressor->sink.see)
            compressor->sink.see(compressor->sink.data, bytes, len);
        return put(compressor, bytes, len);
    }
    if (!compressor->next && !compressor->slots[0].in_len && has_gzip_frame(compressor) && len)
        put_gzip_header(compressor);
    while (len && !compressor->error) {
        struct slot *slot = &compressor->slots[compressor->next % compressor->slot_count];
        size_t room = compressor->codec->chunk - slot->in_len;
        if (!room) {
            /* Only now is it known that this is not the last one. */
            hand_over(compressor, false);
            if (compressor->next - compressor->written == compressor->slot_count)
                write_oldest(compressor);
            continue;
        }
        size_t step = len < room ? len : room;
        memcpy(slot->in + slot->in_len, from, step);
        slot->in_len += step;
        from += step;
        len -= step;
    }
    errno = compressor->error;
    return compressor->error ? -1 : 0;
}

static void finish(struct compressor *compressor)
{
    if (!compressor->next && !compressor->slots[0].in_len && has_gzip_frame(compressor))
        put_gzip_header(compressor);
    hand_over(compressor, true);
    while (compressor->written < compressor->next)
        write_oldest(compressor);
    if (has_gzip_frame(compressor))
        put_gzip_trailer(compressor);
}

static void stop(struct compressor *compressor)
{
    pthread_mutex_lock(&compressor->lock);
    compressor->is_stopped = true;
    pthread_cond_broadcast(&compressor->filled);
    pthread_mutex_unlock(&compressor->lock);
    for (int i = 0; i < compressor->threads; i++)
        pthread_join(compressor->ids[i], NULL);
    for (size_t i = 0; i < compressor->slot_count; i++) {
        free(compressor->slots[i].in);
        free(compressor->slots[i].out);
    }
    free(compressor->slots);
}

int compress_close(struct compressor *compressor)
{
    if (compressor->codec) {
        if (!compressor->error)
            finish(compressor);
        stop(compressor);
    }
    int error = compressor->error;
    pthread_mutex_destroy(&compressor->lock);
    pthread_cond_destroy(&compressor->filled);
    pthread_cond_destroy(&compressor->done);
    free(compressor);
    errno = error;
    return error ? -1 : 0;
}
