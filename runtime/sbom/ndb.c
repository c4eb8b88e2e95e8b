/*
 * Owns the form of rpm's ndb: slots in pages of 4096 bytes say where blobs lie, in blocks of 16 bytes. All numbers are little
 * endian. Called by rpm. Must not know what is in a blob, and trusts no number in the file.
 */
#include "runtime/sbom/rpmdb.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

enum { PAGE = 4096, SLOT = 16, BLOCK = 16, FIRST_SLOT = 32, BLOB_HEAD = 16, BLOB_MAX = 32 << 20 };

#define MAGIC(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

static const char damaged[] = "rpm's database is damaged";

struct taker {
    void (*take)(void *data, struct span value);
    void *data;
};

static uint32_t number(const unsigned char *bytes)
{
    return MAGIC(bytes[0], bytes[1], bytes[2], bytes[3]);
}

static const char *read_blob(int fd, const unsigned char *slot, const struct taker *taker)
{
    unsigned char head[BLOB_HEAD];
    int64_t at = (int64_t)number(slot + 8) * BLOCK;
    if (fd_pread_all(fd, head, sizeof head, at) < 0 || number(head) != MAGIC('B', 'l', 'b', 'S') ||
        number(head + 4) != number(slot + 4))
        return damaged;
    uint32_t len = number(head + 12);
    if (len > BLOB_MAX)
        return "a header in rpm's database is too large";
    char *blob = xmalloc(len + 1);
    const char *why = fd_pread_all(fd, blob, len, at + BLOB_HEAD) < 0 ? damaged : NULL;
    if (!why)
        taker->take(taker->data, (struct span){blob, len});
    free(blob);
    return why;
}

const char *ndb_read(int fd, void (*take)(void *data, struct span value), void *data)
{
    static _Thread_local unsigned char page[PAGE];
    const struct taker taker = {take, data};
    if (fd_pread_all(fd, page, sizeof page, 0) < 0 || number(page) != MAGIC('R', 'p', 'm', 'P') || number(page + 4))
        return "it is no ndb of rpm";
    uint32_t pages = number(page + 12);
    for (uint32_t i = 0; i < pages; i++) {
        if (i && fd_pread_all(fd, page, sizeof page, (int64_t)i * PAGE) < 0)
            return damaged;
        for (size_t at = i ? 0 : FIRST_SLOT; at < PAGE; at += SLOT) {
            if (number(page + at) != MAGIC('S', 'l', 'o', 't'))
                return damaged;
            const char *why = number(page + at + 8) ? read_blob(fd, page + at, &taker) : NULL;
            if (why)
                return why;
        }
    }
    return NULL;
}
