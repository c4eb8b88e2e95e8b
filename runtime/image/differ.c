/*
 * Owns the comparison of two tars that should be the same: both are read side by side, in the order of names that
 * dfgen writes them in. Called by dfgen-compare. Must not know images.
 */
#include "runtime/image/differ.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/tar/read.h"

/* One of the two tars, at an entry. */
struct side {
    struct tar_reader *tar;
    struct tar_entry entry;
    char name[TAR_NAME_MAX];
    int more;               /* as tar_next has it */
    const char *piece;      /* of the content, not compared yet */
    size_t len;
};

static void say(struct differ *differ, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say(struct differ *differ, const char *name, const char *format, ...)
{
    struct buf line = {0};
    char *text = NULL;
    va_list list;
    if (differ->count++ >= differ->limit)
        return;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        die("out of memory");
    va_end(list);
    buf_putc(&line, '/');
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 0x7f)
            buf_printf(&line, "\\x%02x", (unsigned char)*name);
        else
            buf_putc(&line, *name);
    buf_printf(&line, ": %s", text);
    differ->say(differ->data, buf_text(&line));
    free(text);
    buf_free(&line);
}

static char *step(struct side *side)
{
    side->more = tar_next(side->tar, &side->entry);
    if (side->more < 0)
        return xstrdup(tar_error(side->tar));
    const char *why = side->more ? tar_clean_name(side->entry.name, side->name) : NULL;
    return why ? xstrdup(why) : NULL;
}

/* --- one entry --- */

#define FIELDS(row) \
    row(mode, "mode", "%04" PRIo64) row(uid, "owner", "%" PRId64) row(gid, "group", "%" PRId64) row(size, "size", "%" PRId64) \
    row(major, "device major", "%" PRId64) row(minor, "device minor", "%" PRId64)

static void compare_fields(struct differ *differ, const struct tar_entry *one, const struct tar_entry *other,
                           const char *name)
{
#define COMPARE(field, text, format) \
    if ((int64_t)one->field != (int64_t)other->field) \
        say(differ, name, text " " format " and " format, (int64_t)one->field, (int64_t)other->field);
    FIELDS(COMPARE)
    if (one->mtime.tv_sec != other->mtime.tv_sec || one->mtime.tv_nsec != other->mtime.tv_nsec)
        say(differ, name, "time %" PRId64 ".%09ld and %" PRId64 ".%09ld", (int64_t)one->mtime.tv_sec,
            one->mtime.tv_nsec,
            (int64_t)other->mtime.tv_sec, other->mtime.tv_nsec);
    if (strcmp(one->link, other->link))
        say(differ, name, "link to \"%s\" and \"%s\"", one->link, other->link);
}

static const struct tar_xattr *find_xattr(const struct tar_entry *entry, const char *name)
{
    for (size_t i = 0; i < entry->xattr_count; i++)
        if (!strcmp(entry->xattrs[i].name, name))
            return &entry->xattrs[i];
    return NULL;
}

static void compare_xattrs(struct differ *differ, const struct tar_entry *one, const struct tar_entry *other,
                           const char *name)
{
    for (size_t i = 0; i < one->xattr_count; i++) {
        const struct tar_xattr *mine = &one->xattrs[i], *theirs = find_xattr(other, mine->name);
        if (!theirs)
            say(differ, name, "xattr %s only in the first", mine->name);
        else if (mine->size != theirs->size || memcmp(mine->value, theirs->value, mine->size))
            say(differ, name, "xattr %s differs", mine->name);
    }
    for (size_t i = 0; i < other->xattr_count; i++)
        if (!find_xattr(one, other->xattrs[i].name))
            say(differ, name, "xattr %s only in the second", other->xattrs[i].name);
}

static char *refill(struct side *side)
{
    const void *piece;
    if (side->len)
        return NULL;
    ssize_t len = tar_data(side->tar, &piece);
    if (len < 0)
        return xstrdup(tar_error(side->tar));
    side->piece = piece;
    side->len = (size_t)len;
    return NULL;
}

static char *compare_content(struct differ *differ, struct side *one, struct side *other)
{
    int64_t at = 0;
    one->len = other->len = 0;
    while (true) {
        char *error = refill(one);
        if (!error)
            error = refill(other);
        size_t len = one->len < other->len ? one->len : other->len;
        if (error || !len)
            return error;
        for (size_t i = 0; i < len && memcmp(one->piece, other->piece, len); i++) {
            if (one->piece[i] == other->piece[i])
                continue;
            say(differ, one->name, "byte %" PRId64 " is 0x%02x and 0x%02x", at + (int64_t)i,
                (unsigned char)one->piece[i],
                (unsigned char)other->piece[i]);
            return NULL;
        }
        at += (int64_t)len;
        one->piece += len;
        other->piece += len;
        one->len -= len;
        other->len -= len;
    }
}

static char *compare_entries(struct differ *differ, struct side *one, struct side *other)
{
    if (one->entry.type != other->entry.type) {
        say(differ, one->name, "type %c and %c", one->entry.type, other->entry.type);
        return NULL;
    }
    compare_fields(differ, &one->entry, &other->entry, one->name);
    compare_xattrs(differ, &one->entry, &other->entry, one->name);
    return one->entry.type == TAR_FILE ? compare_content(differ, one, other) : NULL;
}

/* --- both tars --- */

/* The order of a listing, in which a whiteout stands under the name that it hides. */
static int compare_names(const char *one, const char *other)
{
    const char *const names[] = {one, other};
    char keys[2][TAR_NAME_MAX];
    for (size_t i = 0; i < 2; i++) {
        const char *slash = strrchr(names[i], '/'), *base = slash ? slash + 1 : names[i];
        bool is_whiteout = !strncmp(base, ".wh.", 4);
        snprintf(keys[i], sizeof keys[i], "%.*s%s", (int)(base - names[i]), names[i], base + (is_whiteout ? 4 : 0));
    }
    int order = strcmp(keys[0], keys[1]);
    return order ? order : strcmp(one, other);
}

static char *walk(struct differ *differ, struct side *one, struct side *other)
{
    char *error = step(one);
    if (!error)
        error = step(other);
    while (!error && (one->more || other->more)) {
        int order = !one->more ? 1 : !other->more ? -1 : compare_names(one->name, other->name);
        if (order < 0) {
            say(differ, one->name, "only in the first");
            error = step(one);
        } else if (order > 0) {
            say(differ, other->name, "only in the second");
            error = step(other);
        } else {
            error = compare_entries(differ, one, other);
            if (!error)
                error = step(one);
            if (!error)
                error = step(other);
        }
    }
    return error;
}

char *differ_layers(struct differ *differ, int one, int other)
{
    struct side *sides = xcalloc(2, sizeof *sides);
    sides[0].tar = tar_open(one);
    sides[1].tar = tar_open(other);
    char *error = sides[0].tar && sides[1].tar ? walk(differ, &sides[0], &sides[1]) : xstrdup("cannot be read");
    for (size_t i = 0; i < 2; i++)
        if (sides[i].tar)
            tar_close(sides[i].tar);
    free(sides);
    return error;
}
