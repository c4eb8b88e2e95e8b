/*
 * Owns reading a layer's listing: it is checked whole when opened, and entries are decoded when asked for, so that a look-up in
 * 100,000 lines touches a few of them. Called by whatever must know a layer's content. Knows nothing of where layers are kept.
 */
#include "runtime/lib/list.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/vec.h"

static const char header[] = "dfgen-list 1\n";
enum { READ_LIMIT = 16 * 1024 }; /* shorter ones are not mapped */

struct list {
    char *text;
    size_t len;
    bool is_mapped;
    VEC(size_t) lines;  /* offsets */
};

/* A line taken apart but not decoded. */
struct line {
    struct span path, target, hex, xattrs;  /* xattrs: the remaining fields */
    struct entry entry;                     /* numbers and type only */
};

/* --- one line --- */

static struct span next_field(struct span *rest)
{
    const char *tab = rest->len ? memchr(rest->text, '\t', rest->len) : NULL;
    struct span field = {rest->text, tab ? (size_t)(tab - rest->text) : rest->len};
    *rest = span_skip(*rest, field.len + (tab != NULL));
    return field;
}

/* Decimal without leading zeros, so that a number has one spelling. */
static bool parse_number(struct span text, int64_t max, int64_t *value)
{
    *value = 0;
    if (!text.len || (text.len > 1 && text.text[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = text.text[i] - '0';
        if (digit < 0 || digit > 9 || *value > (max - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return true;
}

static bool parse_id(struct span text, uint32_t *id)
{
    int64_t value;
    if (!parse_number(text, UINT32_MAX, &value))
        return false;
    *id = (uint32_t)value;
    return true;
}

static bool parse_mode(struct span text, mode_t *mode)
{
    *mode = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.text[i] < '0' || text.text[i] > '7')
            return false;
        *mode = *mode << 3 | (mode_t)(text.text[i] - '0');
    }
    return text.len == 4;
}

static bool is_hex(struct span text)
{
    static const bool digit[256] = {
        ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
        ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
    };
    bool is_so = true;
    for (size_t i = 0; i < text.len; i++)
        is_so &= digit[(unsigned char)text.text[i]];
    return is_so;
}

/* No NUL, no stray backslash, and short enough for a system call. Tabs and newlines cannot be in it. */
static bool is_name(struct span text)
{
    size_t len = text.len;
    if (len && memchr(text.text, 0, len))
        return false;
    for (const char *at = text.text, *end = at + text.len; at < end && (at = memchr(at, '\\', (size_t)(end - at))); at += 4) {
        if (end - at < 4 || escape_byte(at, false) < 0)
            return false;
        len -= 3;
    }
    return len < PATH_MAX;
}

/* "", or components that are neither empty nor "." nor "..". */
static bool is_clean(struct span path)
{
    if (!path.len)
        return true;
    for (size_t start = 0, i = 0; i <= path.len; i++) {
        if (i < path.len && path.text[i] != '/')
            continue;
        const char *part = path.text + start;
        size_t len = i - start;
        if (!len || (part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.'))))
            return false;
        start = i + 1;
    }
    return is_name(path);
}

static const char *parse_device(struct span field, struct entry *entry)
{
    const char *colon = memchr(field.text, ':', field.len);
    size_t len = colon ? (size_t)(colon - field.text) : 0;
    if (!colon || !parse_id((struct span){field.text, len}, &entry->major) || !parse_id(span_skip(field, len + 1), &entry->minor))
        return "malformed device number";
    return NULL;
}

/* The fields that only this type has. */
static const char *parse_type_fields(struct line *line, struct span *rest)
{
    switch (line->entry.type) {
    case ENTRY_FILE:
        if (!parse_number(next_field(rest), INT64_MAX, &line->entry.size))
            return "malformed size";
        line->hex = next_field(rest);
        return line->hex.len == DIGEST_HEX && is_hex(line->hex) ? NULL : "malformed digest";
    case ENTRY_SYMLINK:
        line->target = next_field(rest);
        return line->target.len && is_name(line->target) ? NULL : "malformed symlink target";
    case ENTRY_CHAR: case ENTRY_BLOCK:
        return rest->len ? parse_device(next_field(rest), &line->entry) : "malformed device number";
    default:
        return NULL;
    }
}

static bool next_xattr(struct span *rest, struct span *name, struct span *hex)
{
    struct span field = next_field(rest);
    if (!span_starts(field, "xattr "))
        return false;
    field = span_skip(field, 6);
    const char *equal = field.len ? memrchr(field.text, '=', field.len) : NULL;
    if (!equal || equal == field.text)
        return false;
    *name = (struct span){field.text, (size_t)(equal - field.text)};
    *hex = span_skip(field, name->len + 1);
    return is_name(*name) && hex->len % 2 == 0 && is_hex(*hex);
}

/* Take a line apart. NULL, or what is wrong with it. */
static const char *parse_line(struct span text, struct line *line)
{
    struct span rest = text;
    if (text.len && text.text[text.len - 1] == '\t')
        return "empty field";
    *line = (struct line){.path = next_field(&rest)};
    struct span type = next_field(&rest);
    if (!is_clean(line->path))
        return "malformed path";
    if (type.len != 1 || !strchr("dDflcbphw", type.text[0]))
        return "unknown type";
    line->entry.type = (enum entry_type)type.text[0];
    if (!line->path.len && line->entry.type != ENTRY_DIR && line->entry.type != ENTRY_OPAQUE)
        return "the root is no folder";
    if (line->entry.type == ENTRY_WHITEOUT)
        return rest.len ? "trailing field" : NULL;
    if (line->entry.type == ENTRY_HARDLINK) {
        line->target = next_field(&rest);
        return line->target.len && is_clean(line->target) && !rest.len ? NULL : "malformed hard link";
    }
    if (!parse_mode(next_field(&rest), &line->entry.mode))
        return "malformed mode";
    if (!parse_id(next_field(&rest), &line->entry.uid) || !parse_id(next_field(&rest), &line->entry.gid))
        return "malformed owner";
    const char *why = parse_type_fields(line, &rest);
    if (why)
        return why;
    line->xattrs = rest;
    for (struct span name, hex; rest.len; line->entry.xattr_count++)
        if (!next_xattr(&rest, &name, &hex))
            return "malformed extended attribute";
    return NULL;
}

/* --- order --- */

/* The next byte of an escaped path in a line, -1 at its end. */
static inline int next_byte(const char **at)
{
    const char *here = *at;
    if (*here == '\t' || *here == '\n')
        return -1;
    *at = here + (*here == '\\' ? 4 : 1);
    return *here == '\\' ? escape_byte(here, false) : (unsigned char)*here;
}

static int compare_lines(const char *a, const char *b)
{
    for (;;) {
        int x = next_byte(&a), y = next_byte(&b);
        if (x != y)
            return x < y ? -1 : 1;
        if (x < 0)
            return 0;
    }
}

int list_compare(const struct list *list, size_t i, const char *path)
{
    const char *at = list->text + list->lines.items[i];
    for (;; path++) {
        int x = next_byte(&at), y = *path ? (unsigned char)*path : -1;
        if (x != y)
            return x < y ? -1 : 1;
        if (x < 0)
            return 0;
    }
}

/* --- opening --- */

static struct span line_text(const struct list *list, size_t i)
{
    const char *text = list->text + list->lines.items[i];
    size_t end = i + 1 < list->lines.count ? list->lines.items[i + 1] : list->len;
    return (struct span){text, end - list->lines.items[i] - 1};
}

/* The first name's own line must be there, come before and be no folder: then following a link once always gives data. */
static const char *check_links(const struct list *list)
{
    struct arena arena = {0};
    struct entry entry;
    const char *why = NULL;
    for (size_t i = 0; i < list->lines.count && !why; i++) {
        if (list_type(list, i) != ENTRY_HARDLINK)
            continue;
        list_entry(list, i, &arena, &entry);
        int64_t first = list_find(list, entry.target);
        if (first < 0 || (size_t)first >= i || strchr("dDhw", list_type(list, (size_t)first)))
            why = "hard link to what is no earlier file";
    }
    arena_free(&arena);
    return why;
}

static const char *check(struct list *list)
{
    size_t begin = sizeof header - 1;
    bool has_links = false;
    if (list->len < begin || memcmp(list->text, header, begin))
        return "not a listing";
    if (list->text[list->len - 1] != '\n')
        return "cut short";
    for (size_t at = begin; at < list->len;) {
        const char *text = list->text + at;
        size_t len = (size_t)((const char *)memchr(text, '\n', list->len - at) - text);
        struct line line;
        const char *why = parse_line((struct span){text, len}, &line);
        if (why)
            return why;
        if (list->lines.count && compare_lines(list->text + list->lines.items[list->lines.count - 1], text) >= 0)
            return "not in order";
        has_links |= line.entry.type == ENTRY_HARDLINK;
        vec_push(&list->lines, at);
        at += len + 1;
    }
    return has_links ? check_links(list) : NULL;
}

static struct list *open_text(char *text, size_t len, bool is_mapped, const char **why)
{
    struct list *list = xcalloc(1, sizeof *list);
    *list = (struct list){.text = text, .len = len, .is_mapped = is_mapped};
    const char *wrong = check(list);
    if (!wrong)
        return list;
    list_close(list);
    if (why)
        *why = wrong;
    errno = EINVAL;
    return NULL;
}

static struct list *map_text(int fd, size_t len, const char **why)
{
    char *text = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    return text == MAP_FAILED ? NULL : open_text(text, len, true, why);
}

/* A root may have hundreds of layers with a few lines each. */
static struct list *read_text(int fd, size_t len, const char **why)
{
    char *text = xmalloc(len);
    if (fd_pread_all(fd, text, len, 0) == 0)
        return open_text(text, len, false, why);
    free(text);
    return NULL;
}

struct list *list_open_at(int dir, const char *name, const char **why)
{
    autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (why)
        *why = NULL;
    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof header - 1) {
        if (why)
            *why = "not a listing";
        errno = EINVAL;
        return NULL;
    }
    return st.st_size <= READ_LIMIT ? read_text(fd, (size_t)st.st_size, why) : map_text(fd, (size_t)st.st_size, why);
}

struct list *list_from_text(char *text, size_t len, const char **why)
{
    if (why)
        *why = NULL;
    return open_text(text, len, false, why);
}

void list_close(struct list *list)
{
    if (!list)
        return;
    if (list->is_mapped)
        munmap(list->text, list->len);
    else
        free(list->text);
    vec_free(&list->lines);
    free(list);
}

/* --- looking --- */

size_t list_count(const struct list *list)
{
    return list->lines.count;
}

enum entry_type list_type(const struct list *list, size_t i)
{
    const char *text = list->text + list->lines.items[i];
    return (enum entry_type)strchr(text, '\t')[1];
}

bool list_is_foreign(const struct list *list, size_t i)
{
    static const char ours[] = "0\t0";
    const char *type = strchr(list->text + list->lines.items[i], '\t') + 1;
    if (*type == ENTRY_HARDLINK || *type == ENTRY_WHITEOUT)
        return false;
    /* "T\t0644\tUID\tGID" */
    const char *owner = type + 7;
    return *type == ENTRY_CHAR || *type == ENTRY_BLOCK || memcmp(owner, ours, sizeof ours - 1) ||
           (owner[sizeof ours - 1] != '\t' && owner[sizeof ours - 1] != '\n');
}

const char *list_path(const struct list *list, size_t i, struct arena *arena)
{
    struct span rest = line_text(list, i);
    return escape_undo(arena, next_field(&rest), false);
}

static void decode_xattrs(const struct line *line, struct arena *arena, struct entry *entry)
{
    struct entry_xattr *xattrs = arena_array(arena, entry->xattr_count, sizeof *xattrs);
    struct span rest = line->xattrs, name, hex;
    for (size_t i = 0; i < entry->xattr_count && next_xattr(&rest, &name, &hex); i++) {
        xattrs[i].name = escape_undo(arena, name, false);
        xattrs[i].hex = arena_strndup(arena, hex.text, hex.len);
    }
    entry->xattrs = xattrs;
}

void list_entry(const struct list *list, size_t i, struct arena *arena, struct entry *entry)
{
    struct line line;
    parse_line(line_text(list, i), &line);
    *entry = line.entry;
    entry->path = escape_undo(arena, line.path, false);
    if (line.target.len)
        entry->target = escape_undo(arena, line.target, false);
    if (line.hex.len)
        digest_parse(line.hex.text, &entry->digest);
    if (entry->xattr_count)
        decode_xattrs(&line, arena, entry);
}

size_t list_lower_bound_in(const struct list *list, const char *path, size_t from, size_t to)
{
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (list_compare(list, middle, path) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

size_t list_lower_bound(const struct list *list, const char *path)
{
    return list_lower_bound_in(list, path, 0, list->lines.count);
}

int64_t list_find(const struct list *list, const char *path)
{
    size_t i = list_lower_bound(list, path);
    return i < list->lines.count && list_compare(list, i, path) == 0 ? (int64_t)i : -1;
}

struct digest list_digest(const struct list *list)
{
    return digest_of(list->text, list->len);
}
