/*
 * Owns the reading of extended attributes from disk into a listing's form. Called by what walks real folders (commit). Must not know
 * listings or layers. There are no *at calls before Linux 6.13, so there, and for the few files that have any, files are named through
 * /proc/self/fd, where a last component is not followed.
 */
#include "runtime/lib/xattrs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/list.h"

#ifndef SYS_listxattrat
#define SYS_listxattrat 465 /* of all architectures that are built for */
#endif

enum { NAMES_LIMIT = 64 * 1024, VALUE_LIMIT = 64 * 1024 };

/* Left out, as a whole or as the beginning of the name. */
static const struct {
    const char *name;
    bool is_prefix;
} left_out[] = {
    {"trusted.overlay.", true},
    {"user.overlay.", true},
    {"security.selinux", false},
};

static const char *const opaque_names[] = {"trusted.overlay.opaque", "user.overlay.opaque"};

static bool is_left_out(const char *name)
{
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (left_out[i].is_prefix ? !strncmp(name, left_out[i].name, strlen(left_out[i].name)) : !strcmp(name, left_out[i].name))
            return true;
    return false;
}

static char *proc_path(struct arena *arena, int dir, const char *name)
{
    return arena_printf(arena, "/proc/self/fd/%d/%s", dir, name);
}

/*
 * File capabilities of version 3 end with the id of the namespace's root (bytes 20 to 23) and say so in the first word, which is little-endian.
 * What a layer holds is version 2: the same without it.
 */
static size_t plain_capability(unsigned char *value, size_t len)
{
    if (len != 24 || value[3] != 3)
        return len;
    value[3] = 2;
    return 20;
}

static const char *to_hex(struct arena *arena, const unsigned char *value, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *hex = arena_alloc(arena, 2 * len + 1);
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = digits[value[i] >> 4];
        hex[2 * i + 1] = digits[value[i] & 15];
    }
    return hex;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry_xattr *)a)->name, ((const struct entry_xattr *)b)->name);
}

static int read_values(const char *path, struct arena *arena, const char *names, size_t len, struct xattrs *xattrs)
{
    static _Thread_local unsigned char value[VALUE_LIMIT];
    size_t count = 0;
    for (const char *name = names; name < names + len; name += strlen(name) + 1)
        count++;
    struct entry_xattr *items = arena_array(arena, count, sizeof *items);
    for (const char *name = names; name < names + len; name += strlen(name) + 1) {
        for (size_t i = 0; i < sizeof opaque_names / sizeof *opaque_names; i++)
            if (!strcmp(name, opaque_names[i]))
                xattrs->is_opaque = lgetxattr(path, name, value, sizeof value) == 1 && value[0] == 'y';
        if (is_left_out(name))
            continue;
        ssize_t got = lgetxattr(path, name, value, sizeof value);
        if (got < 0)
            return -1;
        size_t size = (size_t)got;
        if (!strcmp(name, "security.capability"))
            size = plain_capability(value, size);
        items[xattrs->count++] = (struct entry_xattr){arena_strdup(arena, name), to_hex(arena, value, size)};
    }
    if (xattrs->count)
        qsort(items, xattrs->count, sizeof *items, by_name);
    xattrs->items = items;
    return 0;
}

/* Most files have none. False, too, when that cannot be told like this. */
static bool has_none(int dir, const char *name)
{
    return syscall(SYS_listxattrat, dir, name, AT_SYMLINK_NOFOLLOW, NULL, (size_t)0) == 0;
}

int xattrs_read_at(int dir, const char *name, struct arena *arena, struct xattrs *xattrs)
{
    char names[1024];
    char path[sizeof "/proc/self/fd/" + 12 + 256];
    *xattrs = (struct xattrs){0};
    if (has_none(dir, name))
        return 0;
    const char *file = path;
    if (snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name) >= (int)sizeof path)
        file = proc_path(arena, dir, name);
    ssize_t len = llistxattr(file, names, sizeof names);
    if (len < 0 && errno == ERANGE) {
        char *more = arena_alloc(arena, NAMES_LIMIT);
        len = llistxattr(file, more, NAMES_LIMIT);
        return len < 0 ? -1 : read_values(file, arena, more, (size_t)len, xattrs);
    }
    if (len < 0)
        return errno == EOPNOTSUPP ? 0 : -1;
    return len ? read_values(file, arena, names, (size_t)len, xattrs) : 0;
}

int xattrs_clear_opaque_at(int dir, const char *name)
{
    struct arena arena = {0};
    const char *path = proc_path(&arena, dir, name);
    int result = 0;
    for (size_t i = 0; i < sizeof opaque_names / sizeof *opaque_names; i++)
        if (lremovexattr(path, opaque_names[i]) < 0 && errno != ENODATA && errno != EPERM && errno != EOPNOTSUPP)
            result = -1;
    arena_free(&arena);
    return result;
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

int xattrs_set(int fd, const struct entry *entry)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const char *hex = entry->xattrs[i].hex;
        size_t size = strlen(hex) / 2;
        unsigned char *value = xmalloc(size + 1);
        for (size_t k = 0; k < size; k++)
            value[k] = (unsigned char)(nibble(hex[2 * k]) << 4 | nibble(hex[2 * k + 1]));
        int result = fsetxattr(fd, entry->xattrs[i].name, value, size, 0);
        free(value);
        if (result < 0 && errno != EOPNOTSUPP && errno != EPERM && errno != EINVAL)
            return -1;
    }
    return 0;
}

int xattrs_set_opaque_at(int dir, const char *name)
{
    struct arena arena = {0};
    const char *path = proc_path(&arena, dir, name);
    int result = -1;
    /* In a user namespace the first one is EPERM. */
    for (size_t i = 0; i < sizeof opaque_names / sizeof *opaque_names && result < 0; i++)
        result = lsetxattr(path, opaque_names[i], "y", 1, 0);
    arena_free(&arena);
    return result;
}

int xattrs_clear_overlay_at(int dir, const char *name)
{
    struct arena arena = {0};
    const char *path = proc_path(&arena, dir, name);
    char *names = arena_alloc(&arena, NAMES_LIMIT);
    ssize_t len = llistxattr(path, names, NAMES_LIMIT);
    int result = len < 0 && errno != EOPNOTSUPP ? -1 : 0;
    for (const char *at = names; at < names + len && result == 0; at += strlen(at) + 1)
        if (strstr(at, ".overlay.") && is_left_out(at))
            result = lremovexattr(path, at);
    arena_free(&arena);
    return result;
}
