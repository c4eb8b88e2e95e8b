/*
 * Owns the remembered digests of context files: their file, their trust. Called by context_load.c, from one thread.
 * Must not hash files.
 *
 * The file: a header, records sorted by path, the paths one after the other each with its NUL, and the sha256 of all
 * before. Numbers are the machine's own: the store belongs to one machine, and a foreign file is no file.
 */
#include "runtime/lib/index.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/store.h"
#include "runtime/lib/vec.h"

/* The kernel's clock for file times stands still for up to 10 ms (HZ=100); twice that is out of reach. */
enum { RACY_NANOSECONDS = 20 * 1000 * 1000, COUNT_MAX = 10 * 1000 * 1000 };

struct header {
    char magic[16];
    uint64_t count, names;  /* records, bytes of paths */
};

static const char magic[16] = "dfgen-index 1\n";

struct record {
    uint64_t name;          /* offset of the path */
    struct index_stamp stamp;
    struct digest digest;
};

/* A mapped file, or nothing. */
struct content {
    void *map;
    size_t len;
    const struct record *records;
    const char *names;
    size_t count;
};

struct fresh {
    const char *path;
    struct record record;
};

struct index {
    int dir;                /* the store's, not ours */
    char name[6 + DIGEST_HEX + 1];
    struct content old;
    size_t at;              /* where the next path is likely */
    VEC(struct fresh) fresh;
};

/* --- the file --- */

static bool is_sound(const struct content *content)
{
    const struct header *header = content->map;
    struct digest digest;
    if (content->len < sizeof *header + DIGEST_SIZE || memcmp(header->magic, magic, sizeof magic))
        return false;
    if (header->count > COUNT_MAX || header->names > (uint64_t)COUNT_MAX * PATH_MAX ||
        content->len != sizeof *header + header->count * sizeof(struct record) + header->names + DIGEST_SIZE)
        return false;
    digest = digest_of(content->map, content->len - DIGEST_SIZE);
    return !memcmp(digest.bytes, (const char *)content->map + content->len - DIGEST_SIZE, DIGEST_SIZE);
}

static bool names_are_sound(const struct content *content, uint64_t names)
{
    if (content->count && (!names || content->names[names - 1]))
        return false;
    for (size_t i = 0; i < content->count; i++)
        if (content->records[i].name >= names)
            return false;
    return true;
}

static void unload(struct content *content)
{
    if (content->map)
        munmap(content->map, content->len);
    *content = (struct content){0};
}

static void load(struct content *content, int dir, const char *name)
{
    *content = (struct content){0};
    autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct header))
        return;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED)
        return;
    content->map = map;
    content->len = (size_t)st.st_size;
    if (!is_sound(content)) {
        unload(content);
        return;
    }
    const struct header *header = map;
    content->records = (const struct record *)(header + 1);
    content->names = (const char *)(content->records + header->count);
    content->count = header->count;
    if (!names_are_sound(content, header->names))
        unload(content);
}

struct index *index_open(const struct store *store, int folder)
{
    struct index *index = xcalloc(1, sizeof *index);
    char link[64], path[PATH_MAX], hex[DIGEST_HEX + 1];
    index->dir = store->dir;
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t len = readlink(link, path, sizeof path);
    if (len > 0 && (size_t)len < sizeof path) {
        struct digest digest = digest_of(path, (size_t)len);
        digest_hex(&digest, hex);
        snprintf(index->name, sizeof index->name, "index/%s", hex);
        load(&index->old, index->dir, index->name);
    }
    return index;
}

/* --- look-ups --- */

static const char *name_of(const struct content *content, size_t i)
{
    return content->names + content->records[i].name;
}

static size_t lower_bound(const struct content *content, const char *path)
{
    size_t low = 0, high = content->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(name_of(content, middle), path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct index_stamp index_stamp(const struct stat *st)
{
    return (struct index_stamp){
        .size = st->st_size, .mtime = st->st_mtim.tv_sec, .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .ctime = st->st_ctim.tv_sec, .ctime_ns = (uint32_t)st->st_ctim.tv_nsec, .inode = st->st_ino,
    };
}

static bool is_same(const struct index_stamp *a, const struct index_stamp *b)
{
    return a->size == b->size && a->inode == b->inode && a->mtime == b->mtime && a->mtime_ns == b->mtime_ns &&
        a->ctime == b->ctime && a->ctime_ns == b->ctime_ns;
}

bool index_find(struct index *index, const char *path, const struct index_stamp *stamp, struct digest *digest)
{
    const struct content *old = &index->old;
    size_t at = index->at;
    if (at >= old->count || strcmp(name_of(old, at), path))
        at = lower_bound(old, path);
    index->at = at + 1;
    if (at >= old->count || strcmp(name_of(old, at), path) || !is_same(&old->records[at].stamp, stamp))
        return false;
    *digest = old->records[at].digest;
    return true;
}

/* The last change was at, or hardly before, the moment of reading. */
static bool is_racy(int64_t seconds, uint32_t nanoseconds, const struct timespec *before)
{
    int64_t since = before->tv_sec - seconds;
    return since < 0 || (since < 2 && since * 1000000000 + before->tv_nsec - nanoseconds < RACY_NANOSECONDS);
}

void index_put(struct index *index, const char *path, const struct index_stamp *stamp, const struct timespec *before,
               const struct digest *digest)
{
    if (is_racy(stamp->mtime, stamp->mtime_ns, before) || is_racy(stamp->ctime, stamp->ctime_ns, before))
        return;
    vec_push(&index->fresh, (struct fresh){path, {.stamp = *stamp, .digest = *digest}});
}

/* --- writing --- */

static int compare_fresh(const void *a, const void *b)
{
    return strcmp(((const struct fresh *)a)->path, ((const struct fresh *)b)->path);
}

struct output {
    struct buf records, names;
    uint64_t count;
};

static void add_record(struct output *output, const char *path, struct record record)
{
    record.name = output->names.len;
    buf_add(&output->names, path, strlen(path) + 1);
    buf_add(&output->records, &record, sizeof record);
    output->count++;
}

static void merge(struct index *index, const struct content *old, struct output *output)
{
    size_t i = 0, k = 0;
    while (i < old->count || k < index->fresh.count) {
        const struct fresh *fresh = k < index->fresh.count ? &index->fresh.items[k] : NULL;
        int order = !fresh ? -1 : i == old->count ? 1 : strcmp(name_of(old, i), fresh->path);
        if (order < 0)
            add_record(output, name_of(old, i), old->records[i]);
        else
            add_record(output, fresh->path, fresh->record);
        i += order <= 0;
        k += order >= 0;
    }
}

static void write_merged(struct index *index)
{
    struct content now;
    struct output output = {{0}, {0}, 0};
    load(&now, index->dir, index->name);
    /* Files come and go: an index many times as large as what is used is begun anew. */
    if (now.count > 1000 * 1000 && now.count / 4 > index->fresh.count)
        unload(&now);
    merge(index, &now, &output);
    struct header header = {.count = output.count, .names = output.names.len};
    memcpy(header.magic, magic, sizeof magic);
    struct buf text = {0};
    buf_room(&text, sizeof header + output.records.len + output.names.len + DIGEST_SIZE);
    buf_add(&text, &header, sizeof header);
    buf_add(&text, output.records.data, output.records.len);
    buf_add(&text, output.names.data, output.names.len);
    buf_free(&output.records);
    buf_free(&output.names);
    struct digest digest = digest_of(text.data, text.len);
    buf_add(&text, digest.bytes, DIGEST_SIZE);
    file_write_at(index->dir, index->name, text.data, text.len, 0600);
    buf_free(&text);
    unload(&now);
}

void index_close(struct index *index)
{
    unload(&index->old);
    if (index->fresh.count && *index->name) {
        qsort(index->fresh.items, index->fresh.count, sizeof *index->fresh.items, compare_fresh);
        char lock[sizeof index->name + 8];
        snprintf(lock, sizeof lock, "%s.lock", index->name);
        if (mkdirat(index->dir, "index", 0700) == 0 || errno == EEXIST) {
            autoclose int fd = openat(index->dir, lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
            if (fd >= 0 && flock(fd, LOCK_EX) == 0)
                write_merged(index);
        }
    }
    vec_free(&index->fresh);
    free(index);
}
