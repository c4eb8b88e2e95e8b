/*
 * Owns plain sources of bytes: a file's, those that pass by an observer, those that a thread fetches ahead. Called by the tar reader
 * and by the helpers that unpack. Knows no format but the first bytes of compressed files.
 */
#include "runtime/tar/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/die.h"

enum { PIECE = 256 * 1024, AHEAD = 4, AHEAD_PIECE = 1024 * 1024 };

const char *const compression_names[] = {"none", "gzip", "zstd", "bzip2", "xz"};

enum compression compression_sniff(const void *data, size_t len)
{
    static const struct {
        enum compression compression;
        size_t len;
        const char *magic;
    } rows[] = {
        {COMPRESSION_GZIP, 3, "\x1f\x8b\x08"},
        {COMPRESSION_ZSTD, 4, "\x28\xb5\x2f\xfd"},
        {COMPRESSION_BZIP2, 3, "BZh"},
        {COMPRESSION_XZ, 6, "\xfd" "7zXZ\0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (len >= rows[i].len && !memcmp(data, rows[i].magic, rows[i].len))
            return rows[i].compression;
    }
    /* A zstd stream may also begin with a skippable frame: 0x184D2A50 to 5F, little endian. */
    const unsigned char *bytes = data;
    if (len >= 4 && (bytes[0] & 0xf0) == 0x50 && !memcmp(bytes + 1, "\x2a\x4d\x18", 3))
        return COMPRESSION_ZSTD;
    return COMPRESSION_NONE;
}

void source_close(struct source *source)
{
    if (source)
        source->close(source);
}

/* --- a file --- */

struct file_source {
    struct source source;
    int fd;
    int64_t offset, left; /* left: -1 for all there is */
    char piece[PIECE];
};

static ssize_t file_next(struct source *source, const void **piece)
{
    struct file_source *file = (struct file_source *)source;
    size_t want = file->left < 0 || file->left > PIECE ? PIECE : (size_t)file->left;
    ssize_t got;
    do
        got = want ? pread(file->fd, file->piece, want, file->offset) : 0;
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -1;
    if (got == 0 && want && file->left > 0) {
        source->why = "the file ends too early";
        return -1;
    }
    file->offset += got;
    if (file->left > 0)
        file->left -= got;
    *piece = file->piece;
    return got;
}

static void plain_close(struct source *source)
{
    free(source);
}

struct source *source_file(int fd, int64_t offset, int64_t size)
{
    struct file_source *file = xmalloc(sizeof *file);
    file->source = (struct source){file_next, plain_close, NULL};
    file->fd = fd;
    file->offset = offset;
    file->left = size;
    return &file->source;
}

/* --- an observer --- */

struct tap_source {
    struct source source;
    struct source *below;
    int (*see)(void *data, const void *piece, size_t len);
    void *data;
};

static ssize_t tap_next(struct source *source, const void **piece)
{
    struct tap_source *tap = (struct tap_source *)source;
    ssize_t len = tap->below->next(tap->below, piece);
    if (len < 0)
        source->why = tap->below->why;
    else if (len > 0 && tap->see(tap->data, *piece, (size_t)len) < 0)
        return -1;
    return len;
}

struct source *source_tap(struct source *below, int (*see)(void *data, const void *piece, size_t len), void *data)
{
    struct tap_source *tap = xmalloc(sizeof *tap);
    *tap = (struct tap_source){{tap_next, plain_close, NULL}, below, see, data};
    return &tap->source;
}

/* --- a thread that runs ahead --- */

struct slot {
    char *bytes;
    size_t len;
};

struct thread_source {
    struct source source;
    struct source *below;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct slot slots[AHEAD];
    size_t filled, taken;   /* counts since the beginning; slot i % AHEAD */
    bool is_done, is_stopped, has_slot;
    int error;
};

/* Gathers small pieces into one slot, so that a hand-over happens once a megabyte. False at the end or on failure. */
static bool fill_slot(struct thread_source *ahead, struct slot *slot, const char **rest, size_t *rest_len)
{
    slot->len = 0;
    while (slot->len < AHEAD_PIECE) {
        if (!*rest_len) {
            const void *piece;
            ssize_t len = ahead->below->next(ahead->below, &piece);
            if (len < 0) {
                ahead->error = errno;
                ahead->source.why = ahead->below->why;
                return false;
            }
            if (len == 0)
                return false;
            *rest = piece;
            *rest_len = (size_t)len;
        }
        size_t len = AHEAD_PIECE - slot->len < *rest_len ? AHEAD_PIECE - slot->len : *rest_len;
        memcpy(slot->bytes + slot->len, *rest, len);
        slot->len += len;
        *rest += len;
        *rest_len -= len;
    }
    return true;
}

static void *fetch_ahead(void *data)
{
    struct thread_source *ahead = data;
    const char *rest = NULL;
    size_t rest_len = 0;
    for (bool more = true; more;) {
        pthread_mutex_lock(&ahead->lock);
        while (ahead->filled - ahead->taken == AHEAD && !ahead->is_stopped)
            pthread_cond_wait(&ahead->changed, &ahead->lock);
        bool is_stopped = ahead->is_stopped;
        pthread_mutex_unlock(&ahead->lock);
        if (is_stopped)
            break;
        struct slot *slot = &ahead->slots[ahead->filled % AHEAD];
        more = fill_slot(ahead, slot, &rest, &rest_len);
        pthread_mutex_lock(&ahead->lock);
        if (slot->len)
            ahead->filled++;
        ahead->is_done = !more;
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

static ssize_t thread_next(struct source *source, const void **piece)
{
    struct thread_source *ahead = (struct thread_source *)source;
    pthread_mutex_lock(&ahead->lock);
    if (ahead->has_slot) {
        ahead->taken++;
        ahead->has_slot = false;
        pthread_cond_signal(&ahead->changed);
    }
    while (ahead->filled == ahead->taken && !ahead->is_done)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    ssize_t len = 0;
    if (ahead->filled != ahead->taken) {
        struct slot *slot = &ahead->slots[ahead->taken % AHEAD];
        *piece = slot->bytes;
        len = (ssize_t)slot->len;
        ahead->has_slot = true;
    } else if (ahead->error || source->why) {
        errno = ahead->error;
        len = -1;
    }
    pthread_mutex_unlock(&ahead->lock);
    return len;
}

static void thread_close(struct source *source)
{
    struct thread_source *ahead = (struct thread_source *)source;
    pthread_mutex_lock(&ahead->lock);
    ahead->is_stopped = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    for (size_t i = 0; i < AHEAD; i++)
        free(ahead->slots[i].bytes);
    pthread_mutex_destroy(&ahead->lock);
    pthread_cond_destroy(&ahead->changed);
    free(ahead);
}

struct source *source_thread(struct source *below)
{
    struct thread_source *ahead = xcalloc(1, sizeof *ahead);
    ahead->source = (struct source){thread_next, thread_close, NULL};
    ahead->below = below;
    for (size_t i = 0; i < AHEAD; i++)
        ahead->slots[i].bytes = xmalloc(AHEAD_PIECE);
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    int error = pthread_create(&ahead->thread, NULL, fetch_ahead, ahead);
    if (error)
        die("cannot start a thread: %s", strerror(error));
    return &ahead->source;
}
