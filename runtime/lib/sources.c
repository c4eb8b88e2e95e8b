/*
 * Owns what a source of COPY, ADD or a bind mount means in a tree: from its text to its matches. Called by gen (which
 * lists them) and dfgen-copy (which copies them). Must not read a file or know where entries go; what lies below a
 * match is sources_walk.c's.
 */
#include "runtime/lib/sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/glob.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/span.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

enum { LINKS_MAX = 255 };

/* One expansion under way. */
struct expansion {
    const struct tree *tree;
    struct arena *arena;
    const struct source_spec *spec;
    const struct sources_touch *touch;
    const char **error;
    VEC(struct source_match) matches;
};

/* --- errors, needs, touches --- */

static int fail(struct expansion *expansion, int number, const char *text)
{
    *expansion->error = text;
    errno = number;
    return -1;
}

static int fail_missing(struct expansion *expansion, const char *path)
{
    return fail(expansion, ENOENT, arena_printf(expansion->arena, "\"/%s\": not found", path));
}

static int need(struct expansion *expansion, const char *path, bool deep)
{
    const struct sources_touch *touch = expansion->touch;
    if (!touch->need || touch->need(touch->need_data, path, deep) == 0)
        return 0;
    int number = errno;
    return fail(expansion, number, arena_printf(expansion->arena, "cannot read \"/%s\": %s", path, strerror(number)));
}

static void touch(struct expansion *expansion, const struct entry *entry)
{
    if (expansion->touch->touch && *entry->path)
        expansion->touch->touch(expansion->touch->touch_data, entry);
}

/* Look a path up whose folder the tree holds. */
static bool look(struct expansion *expansion, const char *path, struct entry *entry)
{
    struct tree_node node;
    if (!tree_lookup(expansion->tree, expansion->arena, path, &node, entry))
        return false;
    touch(expansion, entry);
    return true;
}

static void add_match(struct expansion *expansion, const struct source_match *match)
{
    vec_push(&expansion->matches, *match);
}

/* --- symlinks --- */

/* The first component of a path is cut off; the path then begins at the next. */
static struct span cut_component(const char **path)
{
    *path += strspn(*path, "/");
    struct span part = {*path, strcspn(*path, "/")};
    *path += part.len;
    *path += strspn(*path, "/");
    return part;
}

static char *parent_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return arena_strndup(arena, path, slash ? (size_t)(slash - path) : 0);
}

/*
 * Follow the symlinks of all components. *real is NULL when there is nothing: then 0 all the same. A component that is
 * no folder has nothing below it.
 */
static int resolve(struct expansion *expansion, const char *path, const char **real, bool *is_dir)
{
    struct arena *arena = expansion->arena;
    const char *done = "", *rest = path;
    *is_dir = true;
    for (int links = 0; *rest;) {
        struct span part = cut_component(&rest);
        *real = NULL;
        if (!part.len || span_is(part, "."))
            continue;
        if (!*is_dir)
            return 0;
        if (span_is(part, "..")) {
            done = parent_of(arena, done);
            continue;
        }
        struct entry entry;
        char *next = path_join(arena, done, arena_strndup(arena, part.text, part.len));
        if (need(expansion, done, false) < 0)
            return -1;
        if (!look(expansion, next, &entry))
            return 0;
        if (entry.type != ENTRY_SYMLINK) {
            done = next;
            *is_dir = entry.type == ENTRY_DIR;
            continue;
        }
        if (++links > LINKS_MAX)
            return fail(expansion, ELOOP, arena_printf(arena, "\"/%s\": too many symbolic links", path));
        if (entry.target[0] == '/')
            done = "";
        rest = arena_printf(arena, "%s/%s", entry.target, rest);
    }
    *real = done;
    return 0;
}

/* What one path comes to, symlinks followed; it must be there. */
static int take(struct expansion *expansion, const char *path)
{
    struct source_match match = {.name = path_base(path)};
    if (resolve(expansion, path, &match.real, &match.is_dir) < 0)
        return -1;
    if (!match.real)
        return fail_missing(expansion, path);
    if (match.is_dir && need(expansion, match.real, true) < 0)
        return -1;
    add_match(expansion, &match);
    return 0;
}

/* --- wildcards --- */

struct wildcard {
    struct glob **globs;    /* one a component; NULL for one that matches nothing */
    size_t count;
};

/* The tail of a path from its first component with a wildcard on; its end when there is none. */
static const char *find_wildcard(struct arena *arena, const char *path)
{
    for (const char *at = path; *at;) {
        const char *start = at;
        struct span part = cut_component(&at);
        if (glob_is_wildcard(arena_strndup(arena, part.text, part.len)))
            return start;
    }
    return path + strlen(path);
}

static struct wildcard compile_wildcard(struct arena *arena, const char *text)
{
    struct wildcard wildcard = {.globs = arena_array(arena, strlen(text) + 1, sizeof *wildcard.globs)};
    while (*text) {
        struct span part = cut_component(&text);
        wildcard.globs[wildcard.count++] = glob_compile(arena, part, GLOB_MATCH);
    }
    return wildcard;
}

/* dir is real, shown the same as the source has it written. Only real folders are entered. */
static int match_level(struct expansion *expansion, const struct wildcard *wildcard, size_t level, const char *dir,
                       const char *shown)
{
    struct arena *arena = expansion->arena;
    const char *const *names;
    if (!wildcard->globs[level])
        return 0;
    if (need(expansion, dir, false) < 0)
        return -1;
    size_t count = tree_children(expansion->tree, arena, dir, &names);
    for (size_t i = 0; i < count; i++) {
        if (!glob_matches(wildcard->globs[level], span_of(names[i])))
            continue;
        char *path = path_join(arena, dir, names[i]), *name = path_join(arena, shown, names[i]);
        struct entry entry;
        if (level + 1 == wildcard->count) {
            if (take(expansion, path) < 0)
                return -1;
        } else if (look(expansion, path, &entry) && entry.type == ENTRY_DIR &&
                   match_level(expansion, wildcard, level + 1, path, name) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A source without --parents, clean. */
static int expand_plain(struct expansion *expansion, const char *path)
{
    const char *tail = find_wildcard(expansion->arena, path);
    if (!*tail)
        return take(expansion, path);
    if (!glob_is_valid(tail))
        return fail(expansion, EINVAL, "syntax error in pattern");
    size_t len = (size_t)(tail - path);
    const char *prefix = arena_strndup(expansion->arena, path, len ? len - 1 : 0), *real;
    bool is_dir;
    if (resolve(expansion, prefix, &real, &is_dir) < 0)
        return -1;
    if (!real)
        return fail_missing(expansion, prefix);
    if (!is_dir)
        return 0;
    struct wildcard wildcard = compile_wildcard(expansion->arena, tail);
    return match_level(expansion, &wildcard, 0, real, prefix);
}

/* --- --parents --- */

struct parents_search {
    struct expansion *expansion;
    const struct pattern *pattern;
    size_t levels;      /* deepest that can match, 0 for any */
};

static int add_parents_match(struct expansion *expansion, const char *real, const char *relative, bool is_dir)
{
    struct source_match match = {.name = path_base(real), .real = real, .relative = relative, .is_dir = is_dir};
    if (is_dir && need(expansion, real, true) < 0)
        return -1;
    add_match(expansion, &match);
    return 0;
}

/* The tree holds all below dir. */
static int search_folder(const struct parents_search *search, const char *dir, const char *relative, size_t level)
{
    struct expansion *expansion = search->expansion;
    struct arena *arena = expansion->arena;
    const char *const *names;
    size_t count = tree_children(expansion->tree, arena, dir, &names);
    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(arena, dir, names[i]), *below = path_join(arena, relative, names[i]);
        struct tree_node node;
        struct entry entry;
        if (!tree_lookup(expansion->tree, arena, path, &node, &entry))
            continue;
        bool is_dir = entry.type == ENTRY_DIR;
        if (pattern_match(search->pattern, below)) {
            touch(expansion, &entry);
            if (add_parents_match(expansion, path, below, is_dir) < 0)
                return -1;
        } else if (is_dir && (!search->levels || level < search->levels)) {
            size_t before = expansion->matches.count;
            if (search_folder(search, path, below, level + 1) < 0)
                return -1;
            if (expansion->matches.count > before)
                touch(expansion, &entry);
        }
    }
    return 0;
}

/* A name that stands for itself in a §7.2 pattern. */
static bool is_plain_name(struct span part)
{
    for (size_t i = 0; i < part.len; i++)
        if (strchr("*?[]\\", part.text[i]))
            return false;
    return true;
}

static size_t count_levels(const char *pattern)
{
    size_t levels = 1;
    for (const char *at = pattern; *at; at++) {
        if (at[0] == '*' && at[1] == '*')
            return 0;
        levels += *at == '/';
    }
    return levels;
}

/* The entries below one pivot folder (real) that a clean pattern matches. */
static int expand_pattern(struct expansion *expansion, const char *pivot, const char *pattern)
{
    struct arena *arena = expansion->arena;
    struct parents_search search = {.expansion = expansion, .levels = count_levels(pattern)};
    /* The pivot itself is never meant: the reference has no pattern then, which matches nothing. */
    if (!*pattern)
        return 0;
    const char *why = NULL;
    if (!(search.pattern = pattern_compile(arena, pattern, &why)))
        return fail(expansion, EINVAL, why);
    /* Names that are plain lead straight to where the search begins, or to the match itself. */
    const char *dir = pivot, *relative = "", *rest = pattern;
    for (size_t level = 1;; level++) {
        struct span part = cut_component(&rest);
        if (!is_plain_name(part)) {
            if (need(expansion, dir, true) < 0)
                return -1;
            return search_folder(&search, dir, relative, level);
        }
        char *name = arena_strndup(arena, part.text, part.len);
        const char *path = path_join(arena, dir, name);
        struct entry entry;
        if (need(expansion, dir, false) < 0)
            return -1;
        if (!look(expansion, path, &entry))
            return 0;
        relative = path_join(arena, relative, name);
        dir = path;
        if (!*rest)
            return add_parents_match(expansion, path, relative, entry.type == ENTRY_DIR);
        if (entry.type != ENTRY_DIR)
            return 0;
    }
}

static void note_visit(void *data, const struct tree_node *node, const struct entry *entry, const char *relative)
{
    (void)node, (void)entry, (void)relative;
    *(bool *)data = true;
}

/* Does --exclude leave anything of what was found? */
static bool has_some(const struct expansion *expansion)
{
    bool is_some = false;
    for (size_t i = 0; i < expansion->matches.count && !is_some; i++)
        sources_walk_entries(expansion->tree, expansion->spec, &expansion->matches.items[i], note_visit, &is_some);
    return is_some;
}

/* Is the last component a symlink? *is_link says so. */
static int ends_in_link(struct expansion *expansion, const char *path, bool *is_link)
{
    const char *real;
    bool is_dir;
    struct entry entry;
    if (resolve(expansion, parent_of(expansion->arena, path), &real, &is_dir) < 0)
        return -1;
    *is_link = *path && real && is_dir && look(expansion, path_join(expansion->arena, real, path_base(path)), &entry) &&
               entry.type == ENTRY_SYMLINK;
    return 0;
}

static int expand_parents(struct expansion *expansion, const char *source)
{
    struct arena *arena = expansion->arena;
    const char *cut = strstr(source, "/./");
    const char *pivot = cut ? path_clean(arena, (struct span){source, (size_t)(cut - source)}) : "";
    const char *pattern = path_clean(arena, span_of(cut ? cut + 3 : source));
    if (expand_plain(expansion, pivot) < 0)
        return -1;
    size_t count = expansion->matches.count;
    struct source_match *pivots = expansion->matches.items;
    expansion->matches.items = NULL;
    expansion->matches.count = expansion->matches.room = 0;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        if (pivots[i].is_dir)
            result = expand_pattern(expansion, pivots[i].real, pattern);
    free(pivots);
    if (result < 0 || *find_wildcard(arena, pivot) || *find_wildcard(arena, pattern))
        return result;
    /* The reference looks for a plain name behind no symlink. */
    bool is_link;
    if (ends_in_link(expansion, pivot, &is_link) < 0)
        return -1;
    return is_link || !has_some(expansion) ? fail_missing(expansion, path_join(arena, pivot, pattern)) : 0;
}

/* --- what the reference finds missing --- */

/* It follows a symlink of the root itself before it copies the link. */
static int check_link(struct expansion *expansion, const char *name)
{
    const struct source_spec *spec = expansion->spec;
    struct tree_node node;
    struct entry entry;
    const char *real;
    bool is_dir;
    if (strchr(name, '/') || !tree_lookup(expansion->tree, expansion->arena, name, &node, &entry) ||
        entry.type != ENTRY_SYMLINK || (spec->exclude && pattern_list_excludes(spec->exclude, name)))
        return 0;
    if (resolve(expansion, name, &real, &is_dir) < 0)
        return -1;
    return real ? 0 : fail_missing(expansion, name);
}

/* Only where patterns choose of what lies in the root. */
static int check_links(struct expansion *expansion, const char *path)
{
    const struct source_spec *spec = expansion->spec;
    const char *const *names;
    if (spec->parents) {
        for (size_t i = 0; i < expansion->matches.count; i++)
            if (!strcmp(expansion->matches.items[i].real, expansion->matches.items[i].relative) &&
                check_link(expansion, expansion->matches.items[i].relative) < 0)
                return -1;
        return 0;
    }
    if (!spec->exclude || pattern_list_is_empty(spec->exclude) || *path)
        return 0;
    size_t count = tree_children(expansion->tree, expansion->arena, "", &names);
    for (size_t i = 0; i < count; i++)
        if (check_link(expansion, names[i]) < 0)
            return -1;
    return 0;
}

static int expand(struct expansion *expansion)
{
    const struct source_spec *spec = expansion->spec;
    const char *path = path_clean(expansion->arena, span_of(spec->path));
    int result = spec->parents ? expand_parents(expansion, spec->path) : expand_plain(expansion, path);
    return result < 0 ? result : check_links(expansion, path);
}

int sources_expand(const struct tree *tree, struct arena *arena, const struct source_spec *spec, sources_need need,
                   void *data,
                   struct source_matches *matches, const char **error)
{
    struct sources_touch touch = {.need = need, .need_data = data};
    struct expansion expansion = {tree, arena, spec, &touch, error, {0}};
    int result = expand(&expansion);
    *matches = (struct source_matches){.count = expansion.matches.count};
    matches->items = arena_array(arena, matches->count + 1, sizeof *matches->items);
    if (matches->count)
        memcpy(matches->items, expansion.matches.items, matches->count * sizeof *matches->items);
    vec_free(&expansion.matches);
    return result;
}

/* --- what is touched --- */

static void visit_touch(void *data, const struct tree_node *node, const struct entry *entry, const char *relative)
{
    (void)node;
    (void)relative;
    touch(data, entry);
}

int sources_touched(const struct tree *tree, struct arena *arena, const struct source_spec *spec,
                    const struct sources_touch *touch,
                    const char **error)
{
    struct expansion expansion = {tree, arena, spec, touch, error, {0}};
    int result = expand(&expansion);
    for (size_t i = 0; i < expansion.matches.count && result == 0; i++)
        sources_walk_entries(tree, spec, &expansion.matches.items[i], visit_touch, &expansion);
    int saved = errno;
    vec_free(&expansion.matches);
    errno = saved;
    return result;
}
