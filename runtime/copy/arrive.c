/*
 * Owns what becomes of a source's entry on its way to a destination: its mode, its owner, the attributes that it keeps. Called by plan.c for
 * each one. Must not know what else is at the destination.
 */
#include "runtime/lib/list.h"

#include "runtime/copy/plan.h"

#include <string.h>

#include "runtime/copy/mode.h"
#include "runtime/copy/owner.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

#include "runtime/copy/plan_internal.h"

/* File capabilities are the only attributes that a layer of ours has. */
static void keep_capability(struct entry *entry)
{
    for (size_t i = 0; i < entry->xattr_count; i++)
        if (entry->type == ENTRY_FILE && !strcmp(entry->xattrs[i].name, "security.capability")) {
            entry->xattrs += i;
            entry->xattr_count = 1;
            return;
        }
    entry->xattrs = NULL;
    entry->xattr_count = 0;
}

static void copy_strings(struct arena *arena, struct entry *entry)
{
    if (entry->target)
        entry->target = arena_strdup(arena, entry->target);
    if (!entry->xattr_count)
        return;
    struct entry_xattr *xattr = arena_alloc(arena, sizeof *xattr);
    *xattr = (struct entry_xattr){arena_strdup(arena, entry->xattrs->name), arena_strdup(arena, entry->xattrs->hex)};
    entry->xattrs = xattr;
}

/* Most destinations end in the name that the source has: one text for both then. */
static const char *share_tail(struct arena *arena, const char *path, const char *real)
{
    size_t path_len = strlen(path), real_len = strlen(real);
    const char *tail = path_len >= real_len ? path + path_len - real_len : "";
    return !strcmp(tail, real) ? tail : arena_strdup(arena, real);
}

bool plan_is_unnamed(const struct plan *plan, const struct entry *entry)
{
    return plan->is_archive && entry->type == ENTRY_DIR && entry->xattr_count && !strcmp(entry->xattrs->name, LIST_UNNAMED);
}

struct plan_entry plan_arrive(const struct plan *plan, const struct tree *tree, const struct tree_node *node,
                              const struct entry *entry, const char *path)
{
    const struct plan_options *options = &plan->options;
    struct plan_entry planned = {.entry = *entry, .tree = tree, .layer = node->layer, .source = plan->sources};
    planned.entry.path = path;
    planned.real = share_tail(plan->arena, path, node->link_to ? node->link_to : node->path);
    keep_capability(&planned.entry);
    copy_strings(plan->arena, &planned.entry);
    /* --chown is of what the archive has: a folder that it does not name stays root's. */
    if (options->owner && !plan_is_unnamed(plan, entry)) {
        planned.entry.uid = options->owner->uid;
        planned.entry.gid = options->owner->gid;
    }
    if (options->chmod && entry->type != ENTRY_SYMLINK && !plan->is_archive)
        planned.entry.mode = mode_apply(options->chmod, entry->mode, entry->type == ENTRY_DIR);
    return planned;
}
