/*
 * Owns the meaning of pax records and sparse maps. Called by the reader alone. Must not know blocks or streams.
 */
#include "runtime/tar/pax.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/tar/header.h"
#include "runtime/tar/read.h"

enum { PIECES_MAX = 64 * 1024 };

void pax_reset(struct pax *pax)
{
    pax->path = pax->link = pax->sparse_name = (struct span){NULL, 0};
    pax->has_size = pax->has_uid = pax->has_gid = pax->has_mtime = pax->is_sparse = false;
    pax->xattrs.count = pax->pieces.count = 0;
    pax->sparse_major = pax->sparse_minor = 0;
    pax->sparse_size = -1;
}

void pax_free(struct pax *pax)
{
    vec_free(&pax->xattrs);
    vec_free(&pax->pieces);
}

/* Decimal digits from *text on, as many as there are. */
static bool digits(struct span *text, int64_t *number)
{
    size_t i = 0;
    *number = 0;
    for (; i < text->len && text->text[i] >= '0' && text->text[i] <= '9'; i++) {
        if (*number > (INT64_MAX - 9) / 10)
            return false;
        *number = *number * 10 + (text->text[i] - '0');
    }
    *text = span_skip(*text, i);
    return i > 0;
}

static bool whole_number(struct span text, int64_t *number)
{
    return digits(&text, number) && text.len == 0;
}

/* "-12.25": seconds and a fraction, rounded down. */
static bool pax_time(struct span text, struct timespec *time)
{
    bool is_negative = text.len && text.text[0] == '-';
    int64_t seconds, nanoseconds = 0, unit = 100000000;
    if (is_negative)
        text = span_skip(text, 1);
    if (!digits(&text, &seconds))
        return false;
    if (text.len && text.text[0] == '.') {
        for (text = span_skip(text, 1); text.len && text.text[0] >= '0' && text.text[0] <= '9'; text = span_skip(text, 1)) {
            nanoseconds += (text.text[0] - '0') * unit;
            unit /= 10;
        }
    }
    if (text.len)
        return false;
    if (is_negative) {
        seconds = -seconds - (nanoseconds > 0);
        nanoseconds = nanoseconds ? 1000000000 - nanoseconds : 0;
    }
    *time = (struct timespec){.tv_sec = seconds, .tv_nsec = (long)nanoseconds};
    return true;
}

static const char *add_piece(struct pax *pax, int64_t offset, int64_t length)
{
    if (pax->pieces.count == PIECES_MAX)
        return "a sparse file of too many pieces";
    vec_push(&pax->pieces, (struct sparse_piece){offset, length});
    return NULL;
}

/* --- one record --- */

static const char *see_path(struct pax *pax, const char *key, struct span value)
{
    struct span *where = !strcmp(key, "path") ? &pax->path : !strcmp(key, "linkpath") ? &pax->link : &pax->sparse_name;
    if (memchr(value.text, 0, value.len))
        return "a NUL in a name";
    if (value.len >= TAR_NAME_MAX)
        return "a name longer than 4095 bytes";
    *where = value.len ? value : (struct span){NULL, 0};
    return NULL;
}

static const char *see_number(struct pax *pax, const char *key, struct span value)
{
    bool *has = !strcmp(key, "size") ? &pax->has_size : !strcmp(key, "uid") ? &pax->has_uid : &pax->has_gid;
    int64_t *where = !strcmp(key, "size") ? &pax->size : !strcmp(key, "uid") ? &pax->uid : &pax->gid;
    *has = value.len > 0;
    return !*has || whole_number(value, where) ? NULL : "a number in an extended header is malformed";
}

static const char *see_mtime(struct pax *pax, const char *key, struct span value)
{
    (void)key;
    pax->has_mtime = value.len > 0;
    return !pax->has_mtime || pax_time(value, &pax->mtime) ? NULL : "a time in an extended header is malformed";
}

static const char *see_xattr(struct pax *pax, const char *key, struct span value)
{
    const char *name = key + strlen("SCHILY.xattr.");
    if (!*name || strlen(name) > 255)
        return "an xattr with a name of no or too many bytes";
    if (value.len > TAR_XATTR_MAX)
        return "an xattr of more than 64 KiB";
    for (size_t i = 0; i < pax->xattrs.count; i++) {
        if (!strcmp(pax->xattrs.items[i].name, name))
            return "an xattr is given twice";
    }
    vec_push(&pax->xattrs, (struct tar_xattr){name, value.text, value.len});
    return NULL;
}

static const char *see_sparse_number(struct pax *pax, const char *key, struct span value)
{
    int64_t number;
    const char *name = key + strlen("GNU.sparse.");
    if (!whole_number(value, &number))
        return "a number of a sparse file is malformed";
    pax->is_sparse = true;
    if (!strcmp(name, "major"))
        pax->sparse_major = number;
    else if (!strcmp(name, "minor"))
        pax->sparse_minor = number;
    else if (!strcmp(name, "size") || !strcmp(name, "realsize"))
        pax->sparse_size = number;
    else if (!strcmp(name, "offset"))
        return add_piece(pax, number, -1);
    else if (!strcmp(name, "numbytes") && pax->pieces.count)
        pax->pieces.items[pax->pieces.count - 1].length = number;
    return NULL;
}

static const char *see_sparse_map(struct pax *pax, const char *key, struct span value)
{
    (void)key;
    pax->is_sparse = true;
    pax->pieces.count = 0;
    while (value.len) {
        int64_t offset, length;
        const char *why;
        if (!digits(&value, &offset) || !value.len || value.text[0] != ',')
            return "a sparse file's map is malformed";
        value = span_skip(value, 1);
        if (!digits(&value, &length) || (value.len && value.text[0] != ','))
            return "a sparse file's map is malformed";
        value = span_skip(value, value.len > 0);
        if ((why = add_piece(pax, offset, length)))
            return why;
    }
    return NULL;
}

static const struct {
    const char *key;
    bool is_prefix;
    const char *(*see)(struct pax *pax, const char *key, struct span value);
} records[] = {
    {"path", false, see_path},
    {"linkpath", false, see_path},
    {"size", false, see_number},
    {"uid", false, see_number},
    {"gid", false, see_number},
    {"mtime", false, see_mtime},
    {"SCHILY.xattr.", true, see_xattr},
    {"GNU.sparse.name", false, see_path},
    {"GNU.sparse.map", false, see_sparse_map},
    {"GNU.sparse.major", false, see_sparse_number},
    {"GNU.sparse.minor", false, see_sparse_number},
    {"GNU.sparse.size", false, see_sparse_number},
    {"GNU.sparse.realsize", false, see_sparse_number},
    {"GNU.sparse.offset", false, see_sparse_number},
    {"GNU.sparse.numbytes", false, see_sparse_number},
};

static const char *see_record(struct pax *pax, const char *key, struct span value)
{
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (records[i].is_prefix ? !strncmp(key, records[i].key, strlen(records[i].key)) : !strcmp(key, records[i].key))
            return records[i].see(pax, key, value);
    }
    return NULL; /* times of access, comments and the like */
}

const char *pax_parse(struct pax *pax, char *text, size_t len)
{
    while (len) {
        struct span rest = {text, len};
        int64_t claimed;
        /* The length counts itself, the space, "KEY=VALUE" and the newline. */
        if (!digits(&rest, &claimed) || claimed > (int64_t)len || claimed <= (int64_t)(len - rest.len) + 1 ||
            *rest.text != ' ' || text[claimed - 1] != '\n')
            return "an extended header is malformed";
        char *key = text + (len - rest.len) + 1;
        char *end = text + claimed - 1;
        char *equals = key < end ? memchr(key, '=', (size_t)(end - key)) : NULL;
        if (!equals || equals == key || memchr(key, 0, (size_t)(equals - key)))
            return "an extended header is malformed";
        *equals = 0;
        const char *why = see_record(pax, key, (struct span){equals + 1, (size_t)(end - equals - 1)});
        if (why)
            return why;
        text += claimed;
        len -= (size_t)claimed;
    }
    return NULL;
}

/* --- holes --- */

const char *pax_add_gnu_pieces(struct pax *pax, const char *fields, size_t count)
{
    pax->is_sparse = true;
    for (size_t i = 0; i < count && fields[24 * i]; i++) {
        int64_t offset, length;
        if (!header_number(fields + 24 * i, 12, &offset) || !header_number(fields + 24 * i + 12, 12, &length))
            return "a sparse file's map is malformed";
        const char *why = add_piece(pax, offset, length);
        if (why)
            return why;
    }
    return NULL;
}

const char *pax_map_number(struct span *text, int64_t *number)
{
    if (!digits(text, number) || !text->len || text->text[0] != '\n')
        return "a sparse file's map is malformed";
    *text = span_skip(*text, 1);
    return NULL;
}

const char *pax_check_pieces(const struct pax *pax, int64_t size, int64_t *stored)
{
    int64_t end = 0;
    *stored = 0;
    for (size_t i = 0; i < pax->pieces.count; i++) {
        struct sparse_piece piece = pax->pieces.items[i];
        if (piece.offset < end || piece.length < 0 || piece.offset > size || piece.length > size - piece.offset)
            return "the pieces of a sparse file overlap or lie outside of it";
        end = piece.offset + piece.length;
        *stored += piece.length;
    }
    return NULL;
}
