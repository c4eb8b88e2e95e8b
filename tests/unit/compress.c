/*
 * Guards runtime/tar/compress: the same bytes whatever the number of threads, what goes in seen in order, streams that standard readers
 * take whole, checksums of joined pieces, and the memory that is wanted of helpers. Given a file, it says instead what that is compressed to: tests/repro/processors.test compares.
 */
#include "unit.h"

#include "runtime/tar/source.h"

#include "runtime/tar/compress.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/tar/codec.h"

#if defined __SANITIZE_ADDRESS__
#define IS_SANITIZED true
#elif defined __has_feature
#define IS_SANITIZED __has_feature(address_sanitizer)
#else
#define IS_SANITIZED false
#endif

struct ends {
    struct buf *seen, *out;
};

static void see(void *data, const void *bytes, size_t len)
{
    buf_add(((struct ends *)data)->seen, bytes, len);
}

static int put(void *data, const void *bytes, size_t len)
{
    buf_add(((struct ends *)data)->out, bytes, len);
    return 0;
}

/* Neither constant nor noise: words out of a small set, from a fixed generator. */
static void make_text(struct buf *text, size_t size)
{
    uint32_t state = 12345;
    while (text->len < size) {
        state = state * 1664525 + 1013904223;
        buf_printf(text, "%s%u\n", state & 0x10000 ? "layer " : "blob:", state >> 22);
    }
    text->len = size;
}

static void compress(enum compression compression, int level, int threads, const struct buf *text, size_t piece, struct buf *out)
{
    struct buf seen = {0};
    struct ends ends = {&seen, out};
    struct compressor *compressor = compress_open(compression, level, threads, &(struct compress_sink){see, put, &ends});
    int result = 0;
    for (size_t at = 0; at < text->len; at += piece)
        result |= compress_add(compressor, text->data + at, text->len - at < piece ? text->len - at : piece);
    UNIT_INT(0, result | compress_close(compressor));
    UNIT_TRUE(seen.len == text->len && !memcmp(buf_text(&seen), buf_text(text), seen.len));
    buf_free(&seen);
}

static void check_round_trip(enum compression compression, const struct buf *packed, const struct buf *text)
{
    FILE *file = tmpfile();
    struct buf back = {0};
    const void *piece;
    ssize_t len;
    fwrite(buf_text(packed), 1, packed->len, file);
    fflush(file);
    struct source *below = source_file(fileno(file), 0, -1);
    struct source *ahead = source_thread(below);
    struct source *plain = source_unpack(ahead, compression);
    while ((len = plain->next(plain, &piece)) > 0)
        buf_add(&back, piece, (size_t)len);
    UNIT_INT(0, len);
    UNIT_INT(compression, compression_sniff(buf_text(packed), packed->len));
    UNIT_TRUE(back.len == text->len && !memcmp(buf_text(&back), buf_text(text), text->len));
    source_close(plain);
    source_close(ahead);
    source_close(below);
    fclose(file);
    buf_free(&back);
}

static void test_threads(void)
{
    static const size_t sizes[] = {0, 1, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 9 * 1024 * 1024 + 77};
    static const struct {
        enum compression compression;
        int level;
    } forms[] = {{COMPRESSION_NONE, 0}, {COMPRESSION_GZIP, 0}, {COMPRESSION_GZIP, 3}, {COMPRESSION_GZIP, 9}, {COMPRESSION_ZSTD, 0}};
    for (size_t form = 0; form < sizeof forms / sizeof *forms; form++) {
        char name[64];
        if (compress_name(forms[form].compression, forms[form].level, name) < 0)
            continue;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            struct buf text = {0}, one = {0}, many = {0};
            unit_row("%s, %zu bytes", name, sizes[i]);
            make_text(&text, sizes[i]);
            compress(forms[form].compression, forms[form].level, 1, &text, 1 << 20, &one);
            compress(forms[form].compression, forms[form].level, 5, &text, 10007, &many);
            UNIT_TRUE(one.len == many.len && (!one.len || !memcmp(one.data, many.data, one.len)));
            check_round_trip(forms[form].compression, &one, &text);
            if (one.len > 10 && forms[form].compression == COMPRESSION_GZIP)
                UNIT_MEM("\0\0\0\0", 4, one.data + 4, 4); /* no time in the header */
            buf_free(&text);
            buf_free(&one);
            buf_free(&many);
        }
    }
}

static void test_crc(void)
{
    static const struct {
        unsigned first, second;
        size_t len;
        unsigned want;
    } rows[] = {
        {0, 0xcbf43926, 9, 0xcbf43926},             /* "" and "123456789" */
        {0xcbf43926, 0, 0, 0xcbf43926},             /* the other way round */
        {0x9be3e0a3, 0x131da070, 5, 0xcbf43926},    /* "1234" and "56789" */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("crc %zu", i);
        UNIT_INT(rows[i].want, compress_crc_join(rows[i].first, rows[i].second, rows[i].len));
    }
}

static int fail_put(void *data, const void *bytes, size_t len)
{
    (void)data, (void)bytes, (void)len;
    errno = ENOSPC;
    return -1;
}

/* A full disk ends in an error, not in a hang. */
static void test_failure(void)
{
    static const enum compression forms[] = {COMPRESSION_NONE, COMPRESSION_GZIP};
    struct buf text = {0};
    make_text(&text, 20 << 20);
    for (size_t i = 0; i < 2; i++) {
        unit_row("failing output, %s", compression_names[forms[i]]);
        struct compressor *compressor = compress_open(forms[i], 0, 2, &(struct compress_sink){NULL, fail_put, NULL});
        UNIT_INT(-1, compress_add(compressor, text.data, text.len));
        UNIT_INT(-1, compress_close(compressor));
        UNIT_INT(ENOSPC, errno);
    }
    buf_free(&text);
}

static int take_put(void *data, const void *bytes, size_t len)
{
    (void)data, (void)bytes, (void)len;
    return 0;
}

static int add_noise(struct compressor *compressor, int megabytes)
{
    static uint32_t piece[1 << 18];
    uint32_t state = 1;
    int result = 0;
    for (int i = 0; i < megabytes; i++) {
        for (size_t k = 0; k < sizeof piece / sizeof *piece; k++) {
            state = state * 1664525 + 1013904223;
            piece[k] = state ^ state >> 15;
        }
        result |= compress_add(compressor, piece, sizeof piece);
    }
    return result;
}

static void say_digests(const char *file)
{
    struct buf text = {0}, out = {0};
    UNIT_INT(0, file_read_at(AT_FDCWD, file, &text, 64 << 20));
    for (int level = 0; level < 10; level += 3) {
        for (int form = COMPRESSION_GZIP; form <= COMPRESSION_ZSTD; form++) {
            char name[64], hex[DIGEST_HEX + 1];
            if (compress_name((enum compression)form, level, name) < 0)
                continue;
            unit_row("%s of %s", name, file);
            buf_clear(&out);
            compress((enum compression)form, level, 2, &text, 1 << 20, &out);
            struct digest digest = digest_of(out.data, out.len);
            digest_hex(&digest, hex);
            printf("%s: %s\n", name, hex);
        }
    }
    buf_free(&text);
    buf_free(&out);
}

/* In a process of its own, which has not had much memory before. */
static void test_memory(void)
{
    static const struct {
        enum compression compression;
        int level;
    } forms[] = {{COMPRESSION_GZIP, 0}, {COMPRESSION_GZIP, 9}, {COMPRESSION_ZSTD, 0}, {COMPRESSION_ZSTD, 9}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct compress_sink sink = {NULL, take_put, NULL};
        struct rusage usage;
        int status;
        unit_row("peak of %s, level %d", compression_names[forms[i].compression], forms[i].level);
        pid_t child = fork();
        if (child == 0) {
            struct compressor *compressor = compress_open(forms[i].compression, forms[i].level, 8, &sink);
            if (compressor && (add_noise(compressor, 80) < 0 || compress_close(compressor) < 0))
                _exit(1);
            _exit(0);
        }
        UNIT_TRUE(child > 0 && wait4(child, &status, 0, &usage) == child && status == 0);
        UNIT_TRUE(usage.ru_maxrss <= 64 * 1024);
    }
}

/*
 * Where a state lies must not show. ISA-L hashed its address (isal.c, deflate_run), which cost the match with the second byte at one
 * in a thousand addresses. A state is plain data, so it can be put anywhere.
 */
static void test_addresses(void)
{
    enum { COUNT = 16000, STEP = 64 * 1024, LEN = 800, PART = 200 };
    uint8_t in[LEN], one[4 * LEN], other[4 * LEN];
    uint32_t crc, noise = 1;
    size_t len = 0, differ = 0;
    if (!codec_isal)
        return;
    unit_row("a state at %d addresses", COUNT);
    for (size_t i = 0; i < LEN; i++)
        in[i] = (uint8_t)((noise = noise * 1664525 + 1013904223) >> 24);
    memcpy(in + 2 * PART + 1, in + 1, PART);
    void *state = codec_isal->begin(1);
    size_t size = malloc_usable_size(state), room = (size_t)COUNT * STEP + size;
    uint8_t *area = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!UNIT_TRUE(area != MAP_FAILED))
        return;
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t *place = area + i * STEP, *out = i ? other : one;
        memcpy(place, state, size);
        size_t now = codec_isal->run(place, in, LEN, false, out, sizeof one, &crc);
        len = i ? len : now;
        differ += now != len || memcmp(one, out, len) != 0;
        madvise(place, STEP, MADV_DONTNEED);
    }
    UNIT_TRUE(len > 0);
    UNIT_INT(0, differ);
    munmap(area, room);
    codec_isal->end(state);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        say_digests(argv[1]);
        return unit_end();
    }
    if (!IS_SANITIZED)
        test_memory();
    test_crc();
    test_threads();
    test_failure();
    test_addresses();
    return unit_end();
}
