/*
 * Owns finding members in a tar by their headers: ustar, pax and GNU long names. Called by layout. It reads headers only,
 * and knows nothing of images.
 */
#include "gen/archive.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"

enum { BLOCK = 512, META_LIMIT = 1024 * 1024, MEMBER_LIMIT = 1000000 };

/* POSIX ustar header. */
struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2];
    char uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

/* What a pax or GNU header says of the entry behind it. */
struct extra {
    const char *name, *link;
    int64_t size;   /* -1: not said */
};

struct reading {
    struct arena *arena;
    int fd;
    int64_t at, end;
    struct extra extra;
    VEC(struct archive_member) members;
    const char *error;
};

/* Octal, or GNU's base-256; -1 for neither. */
static int64_t number(const char *field, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)field;
    int64_t value = 0;
    if (bytes[0] == 0x80) {
        for (size_t i = 1; i < len; i++) {
            if (value >> 54)
                return -1;
            value = value << 8 | bytes[i];
        }
        return value;
    }
    size_t i = 0;
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (field[i] - '0');
    return i == len || !field[i] || field[i] == ' ' ? value : -1;
}

static bool checksum_is_right(const struct header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    int64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= offsetof(struct header, checksum) && i < offsetof(struct header, type) ? ' ' : bytes[i];
    return sum == number(header->checksum, sizeof header->checksum);
}

static const char *field_text(struct arena *arena, const char *field, size_t len)
{
    return arena_strndup(arena, field, strnlen(field, len));
}

static const char *header_name(struct arena *arena, const struct header *header)
{
    const char *name = field_text(arena, header->name, sizeof header->name);
    if (memcmp(header->magic, "ustar", 5) || !header->prefix[0] || !memcmp(header->magic, "ustar  ", 7))
        return name;
    return arena_printf(arena, "%s/%s", field_text(arena, header->prefix, sizeof header->prefix), name);
}

/* "LEN KEY=VALUE\n" records. */
static bool read_pax(struct reading *reading, const char *text, size_t len)
{
    while (len) {
        char *space;
        unsigned long record = strtoul(text, &space, 10);
        if (space == text || *space != ' ' || record > len || record < (size_t)(space - text) + 3 || text[record - 1] != '\n')
            return false;
        const char *key = space + 1, *equals = memchr(key, '=', (size_t)(text + record - key));
        if (!equals)
            return false;
        struct span name = {key, (size_t)(equals - key)};
        const char *value = arena_strndup(reading->arena, equals + 1, (size_t)(text + record - equals) - 2);
        if (span_is(name, "path"))
            reading->extra.name = value;
        else if (span_is(name, "linkpath"))
            reading->extra.link = value;
        else if (span_is(name, "size"))
            reading->extra.size = strtoll(value, NULL, 10);
        text += record;
        len -= record;
    }
    return true;
}

/* A header that speaks of the next entry: its body is text. */
static bool read_extra(struct reading *reading, char type, int64_t size)
{
    if (size > META_LIMIT || reading->at + size > reading->end)
        return false;
    char *text = arena_alloc(reading->arena, (size_t)size + 1);
    if (fd_pread_all(reading->fd, text, (size_t)size, reading->at) < 0)
        return false;
    if (type == 'L')
        reading->extra.name = text;
    else if (type == 'K')
        reading->extra.link = text;
    else if (type == 'x')
        return read_pax(reading, text, (size_t)size);
    return true;
}

static void add_member(struct reading *reading, const struct header *header, int64_t size)
{
    struct arena *arena = reading->arena;
    const char *name = reading->extra.name ? reading->extra.name : header_name(arena, header);
    const char *link = NULL;
    if (header->type == '1' || header->type == '2')
        link = reading->extra.link ? reading->extra.link : field_text(arena, header->link, sizeof header->link);
    const char *clean = path_clean(arena, span_of(name));
    if (link && header->type == '2' && *link != '/') {
        /* A symlink's target counts from the link's own folder, a hard link's from the top. */
        const char *base = path_base(clean);
        const char *folder = arena_strndup(arena, clean, (size_t)(base - clean));
        link = arena_printf(arena, "%s%s", folder, link);
    }
    vec_push(&reading->members, (struct archive_member){clean, link ? path_clean(arena, span_of(link)) : NULL, reading->at, size});
}

/* One header and what it heads. False at the end, or with an error. */
static bool read_member(struct reading *reading)
{
    struct header header;
    static const struct header zero;
    if (reading->at + BLOCK > reading->end)
        return false;
    if (fd_pread_all(reading->fd, &header, BLOCK, reading->at) < 0) {
        reading->error = arena_printf(reading->arena, "cannot be read: %s", strerror(errno));
        return false;
    }
    if (!memcmp(&header, &zero, BLOCK))
        return false;
    int64_t size = number(header.size, sizeof header.size);
    if (!checksum_is_right(&header) || size < 0) {
        reading->error = reading->at ? arena_printf(reading->arena, "is damaged at byte %lld", (long long)reading->at)
                                     : "is not a tar archive";
        return false;
    }
    reading->at += BLOCK;
    bool is_extra = strchr("xgLK", header.type) && header.type;
    if (!is_extra && reading->extra.size >= 0)
        size = reading->extra.size;
    if (header.type == '1' || header.type == '2' || header.type == '5')
        size = 0;
    if (size > reading->end - reading->at || reading->members.count >= MEMBER_LIMIT) {
        reading->error = "is cut off, or too large";
        return false;
    }
    if (is_extra) {
        if (!read_extra(reading, header.type, size)) {
            reading->error = arena_printf(reading->arena, "is damaged at byte %lld", (long long)reading->at);
            return false;
        }
    } else {
        add_member(reading, &header, size);
        reading->extra = (struct extra){.size = -1};
    }
    reading->at += (size + BLOCK - 1) / BLOCK * BLOCK;
    return true;
}

static bool is_compressed(int fd)
{
    unsigned char magic[6] = {0};
    if (fd_pread_all(fd, magic, sizeof magic, 0) < 0)
        return false;
    return !memcmp(magic, "\x1f\x8b", 2) || !memcmp(magic, "\x28\xb5\x2f\xfd", 4) || !memcmp(magic, "BZh", 3) ||
           !memcmp(magic, "\xfd" "7zXZ", 5);
}

int archive_read(struct archive *archive, struct arena *arena, int fd, const char **error)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        *error = "is not a file";
        return -1;
    }
    if (is_compressed(fd)) {
        *error = "is compressed: uncompress it first (gzip -d, zstd -d)";
        return -1;
    }
    struct reading reading = {.arena = arena, .fd = fd, .end = st.st_size, .extra.size = -1};
    while (read_member(&reading))
        ;
    if (!reading.error && !reading.members.count)
        reading.error = "is not a tar archive, or an empty one";
    archive->count = reading.members.count;
    archive->members = arena_array(arena, archive->count + 1, sizeof *archive->members);
    if (archive->count)
        memcpy(archive->members, reading.members.items, archive->count * sizeof *archive->members);
    vec_free(&reading.members);
    *error = reading.error;
    return reading.error ? -1 : 0;
}

const struct archive_member *archive_find(const struct archive *archive, struct arena *arena, const char *name)
{
    const char *wanted = path_clean(arena, span_of(name));
    for (int hops = 0; hops < 16; hops++) {
        const struct archive_member *found = NULL;
        for (size_t i = archive->count; i-- > 0 && !found;)
            if (!strcmp(archive->members[i].name, wanted))
                found = &archive->members[i];
        if (!found || !found->link)
            return found;
        wanted = found->link;
    }
    return NULL;
}
