/*
 * The two pattern languages of Dockerfiles (reference/dockerfile.md §7). Bytes in, decisions out; matching is linear in
 * practice, never exponential.
 */
#ifndef DFGEN_PATTERN_H
#define DFGEN_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;

/* §7.1: Go filepath.Match on a whole path. *bad is set on a malformed pattern. Characters are UTF-8. */
bool glob_match(const char *pattern, const char *path, bool *bad);
bool glob_is_valid(const char *pattern);
/* True when a path component holds an unescaped * ? or [. */
bool glob_is_wildcard(const char *component);

/* §7.2: a list of patterns, "!" allowed, the last that applies wins, and a pattern covers what lies below its match. */
struct pattern_list;

/*
 * Lines of a .dockerignore (comments, blanks, BOM, cleaning per §6). NULL on error: *error is the arena's text, *line
 * its line.
 */
struct pattern_list *pattern_list_parse(struct arena *arena, struct span text, const char **error, int *line);
/* The patterns as cleaned, "!" in front of those that negate. */
size_t pattern_list_count(const struct pattern_list *list);
const char *pattern_list_text(const struct pattern_list *list, size_t i);

/* Patterns as --exclude gives them, one by one. */
struct pattern_list *pattern_list_of(struct arena *arena, const char *const *patterns, size_t count,
                                     const char **error);

/* True when the path (clean, relative) is excluded: the last pattern that matches it or a parent of it decides. */
bool pattern_list_excludes(const struct pattern_list *list, const char *path);
/* True when something below this excluded folder might be re-included, so that it must be entered. */
bool pattern_list_may_include_below(const struct pattern_list *list, const char *dir);
/*
 * The same for who walks a tree: parent is what the call for the folder above has put into state (NULL at the top
 * level), state has room for pattern_list_count claims. Each pattern is held against the path alone.
 */
bool pattern_list_step(const struct pattern_list *list, const char *path, const bool *parent, bool *state);
bool pattern_list_has_negation(const struct pattern_list *list);
bool pattern_list_is_empty(const struct pattern_list *list);

/* One §7.2 pattern on one path, no parent rule ("--parents"). */
struct pattern;
struct pattern *pattern_compile(struct arena *arena, const char *text, const char **error);
bool pattern_match(const struct pattern *pattern, const char *path);

#endif
