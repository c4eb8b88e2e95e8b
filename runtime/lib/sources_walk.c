/*
 * Owns the walk over what one match of a source brings: the entries below it that --exclude lets through. Called by gen
 * (which lists them), dfgen-copy (which copies them) and sources.c. Must not know how a match was found.
 */
#include "runtime/lib/sources.h"

#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/tree.h"

/* A folder that --exclude leaves out, entered for what a "!" may take back: named once something is. */
struct pending {
    const struct pending *above;
    const struct tree_node *node;
    const struct entry *entry;
    const char *relative;
};

struct walk {
    const struct tree *tree;
    const struct pattern_list *exclude;
    const char *base;       /* --parents: patterns are relative to the pivot, of which this is the match */
    sources_visit visit;
    void *data;
    bool is_pending;        /* some pending folder has not been named */
};

static void visit_pending(struct walk *walk, const struct pending *pending)
{
    if (!pending)
        return;
    visit_pending(walk, pending->above);
    walk->visit(walk->data, pending->node, pending->entry, pending->relative);
}

static void walk_folder(struct walk *walk, const char *path, const char *relative, const bool *state,
                        const struct pending *pending);

/* One entry and what is below it. True when something was visited, so that pending folders are done with. */
static void walk_entry(struct walk *walk, const struct tree_node *node, const struct entry *entry, const char *relative,
                       const bool *parent, struct arena *scratch, const struct pending **pending)
{
    bool is_dir = entry->type == ENTRY_DIR;
    bool *state = NULL;
    if (walk->exclude) {
        const char *shown = path_join(scratch, walk->base, relative);
        state = arena_array(scratch, pattern_list_count(walk->exclude) + 1, sizeof *state);
        if (pattern_list_step(walk->exclude, shown, parent, state)) {
            if (!is_dir || !pattern_list_may_include_below(walk->exclude, shown))
                return;
            struct pending here = {*pending, node, entry, relative};
            bool was_pending = walk->is_pending;
            walk->is_pending = true;
            walk_folder(walk, node->path, relative, state, &here);
            /* Still so: nothing below was taken back. */
            if (walk->is_pending)
                walk->is_pending = was_pending;
            else
                *pending = NULL;
            return;
        }
    }
    if (walk->is_pending)
        visit_pending(walk, *pending);
    walk->is_pending = false;
    *pending = NULL;
    walk->visit(walk->data, node, entry, relative);
    if (is_dir)
        walk_folder(walk, node->path, relative, state, NULL);
}

static void walk_folder(struct walk *walk, const char *path, const char *relative, const bool *state,
                        const struct pending *pending)
{
    struct arena names_arena = {0}, scratch = {0};
    const char *const *names;
    size_t count = tree_children(walk->tree, &names_arena, path, &names);
    for (size_t i = 0; i < count; i++) {
        struct tree_node node;
        struct entry entry;
        const char *child = path_join(&scratch, path, names[i]);
        if (tree_lookup(walk->tree, &scratch, child, &node, &entry))
            walk_entry(walk, &node, &entry, path_join(&scratch, relative, names[i]), state, &scratch, &pending);
        /* Pending folders below are of this frame or above: nothing kept points into what is freed. */
        if (i % 64 == 63)
            arena_free(&scratch);
    }
    arena_free(&scratch);
    arena_free(&names_arena);
}

/* --parents: what the patterns say of the folders above the match, and then of the match. */
static bool *state_of(struct arena *arena, const struct pattern_list *exclude, const char *path)
{
    bool *parent = NULL;
    for (size_t len = 0; path[len];) {
        len += strspn(path + len, "/");
        len += strcspn(path + len, "/");
        bool *state = arena_array(arena, pattern_list_count(exclude) + 1, sizeof *state);
        if (path[len])
            pattern_list_step(exclude, arena_strndup(arena, path, len), parent, state);
        else
            return parent;
        parent = state;
    }
    return parent;
}

void sources_walk_entries(const struct tree *tree, const struct source_spec *spec, const struct source_match *match,
                          sources_visit visit, void *data)
{
    struct arena arena = {0};
    bool has_exclude = spec->exclude && !pattern_list_is_empty(spec->exclude);
    struct walk walk = {.tree = tree, .base = "", .visit = visit, .data = data};
    struct tree_node node;
    struct entry entry;
    const struct pending *pending = NULL;
    if (tree_lookup(tree, &arena, match->real, &node, &entry)) {
        if (has_exclude && match->relative && *match->relative) {
            walk.exclude = spec->exclude;
            walk.base = match->relative;
            walk_entry(&walk, &node, &entry, "", state_of(&arena, spec->exclude, match->relative), &arena, &pending);
        } else {
            visit(data, &node, &entry, "");
            if (match->is_dir) {
                walk.exclude = has_exclude ? spec->exclude : NULL;
                walk_folder(&walk, match->real, "", NULL, NULL);
            }
        }
    }
    arena_free(&arena);
}

struct path_visitor {
    void (*visit)(void *data, const char *path, const char *relative);
    void *data;
};

static void visit_path(void *data, const struct tree_node *node, const struct entry *entry, const char *relative)
{
    struct path_visitor *visitor = data;
    (void)entry;
    visitor->visit(visitor->data, node->path, relative);
}

void sources_walk(const struct tree *tree, struct arena *arena, const struct source_spec *spec,
                  const struct source_match *match,
                  void (*visit)(void *data, const char *path, const char *relative), void *data)
{
    struct path_visitor visitor = {visit, data};
    (void)arena;
    sources_walk_entries(tree, spec, match, visit_path, &visitor);
}
