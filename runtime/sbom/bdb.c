/*
 * Owns the form of Berkeley DB's hashes, as far as rpm used it: values too large for a page, each in a chain of pages. Called
 * by rpm. Must not know what is in a value, and trusts no number in the file.
 */
#include "runtime/sbom/rpmdb.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

enum {
    PAGE_HEADER = 26, FILE_HEADER = 72, VALUE_MAX = 32 << 20,
    MAGIC = 0x061561, HASH_META = 8, HASH_UNSORTED = 2, HASH = 13, OVERFLOW_PAGE = 7, OFF_PAGE = 3, OFF_PAGE_SIZE = 12,
};

static const char damaged[] = "rpm's database is damaged";

struct bdb {
    int fd;
    uint32_t page_size, page_count;
    bool is_big;                /* its numbers are big endian */
};

static uint32_t number(const struct bdb *file, const unsigned char *bytes, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[file->is_big ? i : size - 1 - i];
    return value;
}

static bool read_page(const struct bdb *file, uint32_t n, unsigned char *bytes)
{
    return n < file->page_count && fd_pread_all(file->fd, bytes, file->page_size, (int64_t)n * file->page_size) == 0;
}

/* The pages of a value; the last one says how much of it counts. */
static bool read_chain(const struct bdb *file, uint32_t next, char *to, size_t left)
{
    unsigned char *bytes = xmalloc(file->page_size);
    while (left && next && read_page(file, next, bytes) && bytes[25] == OVERFLOW_PAGE) {
        next = number(file, bytes + 16, 4);
        size_t len = next ? file->page_size - PAGE_HEADER : number(file, bytes + 22, 2);
        if (len > left || len > file->page_size - PAGE_HEADER)
            break;
        memcpy(to, bytes + PAGE_HEADER, len);
        to += len;
        left -= len;
    }
    free(bytes);
    return !left;
}

/* Keys and values take turns; a value that lies in the page itself is too small for a header. */
static const char *read_hash_page(const struct bdb *file, const unsigned char *bytes,
                                  void (*take)(void *data, struct span value), void *data)
{
    uint32_t entries = number(file, bytes + 20, 2);
    if (PAGE_HEADER + 2 * entries > file->page_size)
        return damaged;
    for (uint32_t i = 1; i < entries; i += 2) {
        uint32_t at = number(file, bytes + PAGE_HEADER + 2 * i, 2);
        if (at >= file->page_size)
            return damaged;
        if (bytes[at] != OFF_PAGE)
            continue;
        if (at + OFF_PAGE_SIZE > file->page_size)
            return damaged;
        uint32_t len = number(file, bytes + at + 8, 4);
        if (len > VALUE_MAX)
            return "a header in rpm's database is too large";
        char *value = xmalloc(len + 1);
        bool is_whole = read_chain(file, number(file, bytes + at + 4, 4), value, len);
        if (is_whole)
            take(data, (struct span){value, len});
        free(value);
        if (!is_whole)
            return damaged;
    }
    return NULL;
}

static const char *open_file(struct bdb *file)
{
    unsigned char header[FILE_HEADER];
    struct stat st;
    if (fd_pread_all(file->fd, header, sizeof header, 0) < 0 || fstat(file->fd, &st) < 0)
        return "it is no Berkeley DB";
    file->is_big = number(file, header + 12, 4) != MAGIC;
    if (number(file, header + 12, 4) != MAGIC || header[25] != HASH_META || header[24])
        return "it is no hash of Berkeley DB";
    file->page_size = number(file, header + 20, 4);
    if (file->page_size < 512 || file->page_size > 65536 || (file->page_size & (file->page_size - 1)))
        return damaged;
    int64_t count = (int64_t)st.st_size / file->page_size;
    file->page_count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    return NULL;
}

const char *bdb_read(int fd, void (*take)(void *data, struct span value), void *data)
{
    struct bdb file = {.fd = fd};
    const char *why = open_file(&file);
    unsigned char *bytes = why ? NULL : xmalloc(file.page_size);
    for (uint32_t i = 1; !why && i < file.page_count; i++) {
        if (!read_page(&file, i, bytes))
            why = damaged;
        else if (bytes[25] == HASH || bytes[25] == HASH_UNSORTED)
            why = read_hash_page(&file, bytes, take, data);
    }
    free(bytes);
    return why;
}
