/*
 * Owns the resolving of names below a root folder, and path text. Called by whatever opens what an image, a context or a
 * user named. Must not know what is being opened or why.
 */
#include "runtime/lib/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/lib/arena.h"

enum { RACE_TRIES = 1000 };

int path_open_in(int root, const char *name, int flags)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? 0600 : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    for (int i = 0; i < RACE_TRIES; i++) {
        long fd = syscall(SYS_openat2, root, *name ? name : ".", &how, sizeof how);
        /* EAGAIN: something was renamed on the way while the kernel looked; a second look tells the truth. */
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            return (int)fd;
    }
    return -1;
}

char *path_clean_go(struct arena *arena, struct span path)
{
    bool is_rooted = path.len && path.text[0] == '/';
    char *out = arena_alloc(arena, path.len + 2);
    size_t len = 0, floor = 0;
    if (is_rooted)
        out[len++] = '/';
    floor = len;
    for (size_t i = 0; i < path.len;) {
        size_t end = i;
        while (end < path.len && path.text[end] != '/')
            end++;
        struct span part = {path.text + i, end - i};
        i = end + 1;
        if (!part.len || span_is(part, "."))
            continue;
        if (span_is(part, "..")) {
            if (len > floor) {
                while (len > floor && out[len - 1] != '/')
                    len--;
                if (len > floor)
                    len--;
                continue;
            }
            if (is_rooted)
                continue;
            /* Leading ".." of a relative path stays, and cannot be taken back. */
            if (len)
                out[len++] = '/';
            memcpy(out + len, "..", 2);
            len += 2;
            floor = len;
            continue;
        }
        if (len && out[len - 1] != '/')
            out[len++] = '/';
        memcpy(out + len, part.text, part.len);
        len += part.len;
    }
    if (!len)
        out[len++] = '.';
    out[len] = 0;
    return out;
}

char *path_clean(struct arena *arena, struct span path)
{
    char *rooted = arena_alloc(arena, path.len + 2);
    rooted[0] = '/';
    if (path.len)
        memcpy(rooted + 1, path.text, path.len);
    return path_clean_go(arena, (struct span){rooted, path.len + 1}) + 1;
}

char *path_join(struct arena *arena, const char *a, const char *b)
{
    if (*b == '/' || !*a || !strcmp(a, "."))
        return arena_strdup(arena, b);
    if (!*b || !strcmp(b, "."))
        return arena_strdup(arena, a);
    const char *slash = a[strlen(a) - 1] == '/' ? "" : "/";
    return arena_printf(arena, "%s%s%s", a, slash, b);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_relative(struct arena *arena, const char *from, const char *path)
{
    /* The longest beginning that both share, in whole components. */
    size_t shared = 0;
    for (size_t i = 0;; i++) {
        bool from_ends = from[i] == '/' || !from[i], path_ends = path[i] == '/' || !path[i];
        if (from_ends && path_ends)
            shared = i;
        if (!from[i] || !path[i] || from[i] != path[i])
            break;
    }
    const char *rest = path + shared;
    rest += *rest == '/';
    const char *up = from + shared;
    size_t climbs = 0;
    while (*up) {
        up += strspn(up, "/");
        if (*up)
            climbs++;
        up += strcspn(up, "/");
    }
    char *out = arena_alloc(arena, climbs * 3 + strlen(rest) + 2);
    char *end = out;
    for (size_t i = 0; i < climbs; i++, end += 3)
        memcpy(end, "../", 3);
    strcpy(end, rest);
    if (!*rest && climbs)
        end[-1] = 0;
    return *out ? out : strcpy(out, ".");
}

bool path_is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return !len || (!strncmp(path, dir, len) && (!path[len] || path[len] == '/'));
}
