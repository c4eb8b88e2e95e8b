/*
 * Owns following symlinks in a tree as the kernel would in that root. Called by whatever takes a path from a user or an image.
 * Stands on tree_lookup; knows no layers.
 */
#include "runtime/lib/tree.h"

#include <errno.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/span.h"

enum { LINK_LIMIT = 255 };

struct walk {
    const struct tree *tree;
    struct arena *arena;
    const char *base;       /* the folder that is the root for what is walked */
    const char *done;       /* clean and real */
    const char *rest;       /* what is still to be walked */
    bool follow_last;
    bool stays;             /* ".." may not lead above base */
    int links;
};

static const char *parent_of(const struct walk *walk)
{
    const char *path = walk->done, *slash = strrchr(path, '/');
    if (!strcmp(path, walk->base))
        return path;
    return arena_strndup(walk->arena, path, slash ? (size_t)(slash - path) : 0);
}

/* Continue in what the link says, from the folder that it lies in. */
static bool follow(struct walk *walk, const char *target)
{
    if (++walk->links > LINK_LIMIT) {
        errno = ELOOP;
        return false;
    }
    walk->rest = arena_printf(walk->arena, "%s/%s", target, walk->rest);
    if (*target == '/')
        walk->done = walk->base;
    return true;
}

/* Go one component down. */
static bool enter(struct walk *walk, struct span name)
{
    struct tree_node node;
    struct entry entry;
    /* A trailing slash asks for what the link points to. */
    bool is_last = !walk->rest[0];
    const char *below = walk->rest + strspn(walk->rest, "/");
    const char *path = path_join(walk->arena, walk->done, arena_strndup(walk->arena, name.text, name.len));
    if (tree_lookup(walk->tree, walk->arena, path, &node, &entry)) {
        if (entry.type == ENTRY_SYMLINK && (!is_last || walk->follow_last))
            return follow(walk, entry.target);
        if (entry.type != ENTRY_DIR && *below) {
            errno = ENOTDIR;
            return false;
        }
    }
    walk->done = path;
    return true;
}

static bool resolve(struct walk *walk, const char **out)
{
    for (;;) {
        walk->rest += strspn(walk->rest, "/");
        struct span name = {walk->rest, strcspn(walk->rest, "/")};
        walk->rest += name.len;
        if (!name.len)
            break;
        if (span_is(name, "."))
            continue;
        if (span_is(name, "..") && walk->stays && !strcmp(walk->done, walk->base)) {
            errno = EXDEV;
            return false;
        }
        if (span_is(name, ".."))
            walk->done = parent_of(walk);
        else if (!enter(walk, name))
            return false;
    }
    *out = walk->done;
    return true;
}

bool tree_resolve(const struct tree *tree, struct arena *arena, const char *path, bool follow_last, const char **out)
{
    struct walk walk = {.tree = tree, .arena = arena, .base = "", .done = "", .rest = path, .follow_last = follow_last};
    return resolve(&walk, out);
}

bool tree_resolve_in(const struct tree *tree, struct arena *arena, const char *base, const char *path, const char **out)
{
    struct walk walk = {.tree = tree, .arena = arena, .base = base, .done = base, .rest = path, .follow_last = true,
                        .stays = true};
    return resolve(&walk, out);
}
