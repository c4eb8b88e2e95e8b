/*
 * Owns the ignore and exclude patterns: how a line becomes a pattern, and which of many decides. Called by what walks
 * folders. Must not know where patterns come from, nor read a file.
 */
#include "runtime/lib/pattern.h"

#include <stdlib.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/glob.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"

/* What the shape of a pattern makes of it; the first three are compared as text, as the reference does it. */
enum shape { SHAPE_EXACT, SHAPE_PREFIX, SHAPE_SUFFIX, SHAPE_GLOB };

struct pattern {
    enum shape shape;
    struct span text;   /* cleaned, without "!"; for prefix and suffix without the stars */
    struct glob *glob;
    size_t fixed;       /* so many bytes of the text stand for themselves */
};

enum { LINE_LIMIT = 65535 };

struct pattern_item {
    struct pattern *pattern;
    const char *text;
    bool negated;
};

struct pattern_list {
    struct pattern_item *items;
    size_t count;
    bool has_negation;
};

/* White space of Unicode. */
static const char *const spaces[] = {
    " ", "\t", "\n", "\v", "\f", "\r", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
    "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87",
    "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
    "\xe2\x81\x9f", "\xe3\x80\x80",
};

/* The length of the space that the text begins with, or ends with; 0: none. */
static size_t space_at(struct span text, bool at_end)
{
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        size_t len = strlen(spaces[i]);
        if (len <= text.len && !memcmp(at_end ? text.text + text.len - len : text.text, spaces[i], len))
            return len;
    }
    return 0;
}

static struct span trim(struct span text)
{
    for (size_t len; (len = space_at(text, false));)
        text = span_skip(text, len);
    for (size_t len; (len = space_at(text, true));)
        text.len -= len;
    return text;
}

/* --- one pattern --- */

static bool has_special(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (strchr("*?[]\\", text.text[i]) && text.text[i])
            return true;
    return false;
}

/*
 * "dir/" and two stars, or two stars and "x": nothing else special in it. Two stars alone are a suffix of nothing: all.
 */
static void find_shape(struct pattern *pattern)
{
    struct span text = pattern->text;
    size_t len = text.len;
    pattern->shape = SHAPE_GLOB;
    if (!has_special(text)) {
        pattern->shape = SHAPE_EXACT;
    } else if (span_starts(text, "**") && !has_special(span_skip(text, 2))) {
        pattern->shape = SHAPE_SUFFIX;
        pattern->text = span_skip(text, 2);
    } else if (len >= 2 && !memcmp(text.text + len - 2, "**", 2) && !has_special((struct span){text.text, len - 2})) {
        pattern->shape = SHAPE_PREFIX;
        pattern->text.len = len - 2;
    }
}

/* text is clean and the arena's. */
static struct pattern *compile(struct arena *arena, struct span text, const char **error)
{
    struct pattern *pattern = arena_alloc(arena, sizeof *pattern);
    pattern->text = text;
    while (pattern->fixed < text.len && !strchr("*?[]\\", text.text[pattern->fixed]))
        pattern->fixed++;
    find_shape(pattern);
    /* The reference compares text with its byte order mark, and compiles it without. */
    if (pattern->shape == SHAPE_GLOB && span_starts(text, "\xef\xbb\xbf"))
        text = span_skip(text, 3);
    pattern->glob = glob_compile(arena, text, GLOB_PATTERN);
    if (pattern->glob)
        return pattern;
    *error = "syntax error in pattern";
    return NULL;
}

static bool matches(const struct pattern *pattern, struct span path)
{
    struct span text = pattern->text;
    switch (pattern->shape) {
    case SHAPE_EXACT:
        return span_equal(path, text);
    case SHAPE_PREFIX:
        return path.len >= text.len && !memcmp(path.text, text.text, text.len);
    case SHAPE_SUFFIX:
        if (path.len >= text.len && !memcmp(path.text + path.len - text.len, text.text, text.len))
            return true;
        return text.len && text.text[0] == '/' && span_equal(path, span_skip(text, 1));
    case SHAPE_GLOB:
        break;
    }
    return glob_matches(pattern->glob, path);
}

struct pattern *pattern_compile(struct arena *arena, const char *text, const char **error)
{
    return compile(arena, span_of(path_clean_go(arena, trim(span_of(text)))), error);
}

bool pattern_match(const struct pattern *pattern, const char *path)
{
    return matches(pattern, span_of(path));
}

/* --- lists --- */

struct items {
    VEC(struct pattern_item) vec;
};

/* One pattern, "!" allowed. False with *error. */
static bool add_item(struct arena *arena, struct items *items, struct span text, const char **error)
{
    text = trim(text);
    if (!text.len)
        return true;
    /* Cleaned with its "!", as the reference does it: "!../x" keeps its dots. */
    char *clean = path_clean_go(arena, text);
    struct pattern_item item = {.text = clean, .negated = clean[0] == '!'};
    if (item.negated && !clean[1]) {
        *error = "illegal exclusion pattern: \"!\"";
        return false;
    }
    item.pattern = compile(arena, span_of(clean + item.negated), error);
    if (!item.pattern)
        return false;
    vec_push(&items->vec, item);
    return true;
}

static struct pattern_list *make_list(struct arena *arena, struct items *items)
{
    struct pattern_list *list = arena_alloc(arena, sizeof *list);
    list->count = items->vec.count;
    list->items = arena_array(arena, list->count + 1, sizeof *list->items);
    for (size_t i = 0; i < list->count; i++) {
        list->items[i] = items->vec.items[i];
        list->has_negation |= list->items[i].negated;
    }
    vec_free(&items->vec);
    return list;
}

/* A line of an ignore file as a pattern: "" for none. */
static struct span clean_line(struct arena *arena, struct span line)
{
    if (line.len && line.text[0] == '#')
        return (struct span){"", 0};
    line = trim(line);
    if (!line.len)
        return line;
    bool negated = line.text[0] == '!';
    if (negated)
        line = trim(span_skip(line, 1));
    const char *clean = line.len ? path_clean_go(arena, line) : "";
    if (clean[0] == '/' && clean[1])
        clean++;
    return span_of(negated ? arena_printf(arena, "!%s", clean) : clean);
}

struct pattern_list *pattern_list_parse(struct arena *arena, struct span text, const char **error, int *line)
{
    struct items items = {{0}};
    *line = 0;
    if (span_starts(text, "\xef\xbb\xbf"))
        text = span_skip(text, 3);
    while (text.len) {
        const char *end = memchr(text.text, '\n', text.len);
        struct span raw = {text.text, end ? (size_t)(end - text.text) : text.len};
        text = span_skip(text, raw.len + (end != NULL));
        ++*line;
        /* No path has a NUL, and what stands behind one would be lost without a word. */
        if (raw.len > LINE_LIMIT || memchr(raw.text, 0, raw.len)) {
            *error = raw.len > LINE_LIMIT ? "a line of more than 65535 bytes" : "a NUL byte in a pattern";
            vec_free(&items.vec);
            return NULL;
        }
        struct span pattern = clean_line(arena, raw);
        if (!add_item(arena, &items, pattern, error)) {
            vec_free(&items.vec);
            return NULL;
        }
    }
    return make_list(arena, &items);
}

struct pattern_list *pattern_list_of(struct arena *arena, const char *const *patterns, size_t count, const char **error)
{
    struct items items = {{0}};
    for (size_t i = 0; i < count; i++) {
        if (!add_item(arena, &items, span_of(patterns[i]), error)) {
            vec_free(&items.vec);
            return NULL;
        }
    }
    return make_list(arena, &items);
}

size_t pattern_list_count(const struct pattern_list *list)
{
    return list->count;
}

const char *pattern_list_text(const struct pattern_list *list, size_t i)
{
    return list->items[i].text;
}

/*
 * The reference looks at a pattern only when it would change the decision so far, and what it did not look at for a
 * folder does not count for what lies below. That shows in lists like "x/y", "!x", so it is done here as well.
 */
static bool step(const struct pattern_list *list, struct span path, const bool *parent, bool *state)
{
    bool excluded = false;
    for (size_t i = 0; i < list->count; i++) {
        const struct pattern_item *item = &list->items[i];
        state[i] = parent && parent[i];
        if (!state[i] && item->negated == excluded)
            state[i] = matches(item->pattern, path);
        if (state[i])
            excluded = !item->negated;
    }
    return excluded;
}

bool pattern_list_step(const struct pattern_list *list, const char *path, const bool *parent, bool *state)
{
    return step(list, span_of(path), parent, state);
}

bool pattern_list_excludes(const struct pattern_list *list, const char *path)
{
    bool *states = xcalloc(list->count + 1, 2 * sizeof *states);
    bool *parent = NULL, *state = states, excluded = false;
    for (size_t len = 0; path[len];) {
        len += strspn(path + len, "/");
        len += strcspn(path + len, "/");
        excluded = step(list, (struct span){path, len}, parent, state);
        parent = state;
        state = state == states ? states + list->count + 1 : states;
    }
    free(states);
    return excluded;
}

bool pattern_list_may_include_below(const struct pattern_list *list, const char *dir)
{
    size_t len = strlen(dir);
    for (size_t i = 0; i < list->count; i++) {
        const struct pattern_item *item = &list->items[i];
        if (!item->negated)
            continue;
        /* What is fixed of the pattern and the folder's name must agree as far as both go. */
        const char *text = item->text + 1;
        size_t fixed = item->pattern->fixed;
        /* A plain name at or above the folder had its say when the folder was excluded. */
        if (item->pattern->shape == SHAPE_EXACT && fixed <= len)
            continue;
        if (fixed <= len ? !memcmp(text, dir, fixed) : !memcmp(text, dir, len) && (!len || text[len] == '/'))
            return true;
    }
    return false;
}

bool pattern_list_has_negation(const struct pattern_list *list)
{
    return list->has_negation;
}

bool pattern_list_is_empty(const struct pattern_list *list)
{
    return list->count == 0;
}
