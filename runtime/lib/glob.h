/*
 * The matcher under both pattern languages: a pattern as a row of tokens, run as a set of states, so that time is at
 * most pattern length times path length whatever the pattern.
 */
#ifndef DFGEN_GLOB_H
#define DFGEN_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;
struct glob;

enum glob_language {
    GLOB_MATCH,     /* §7.1: "**" is "*" */
    GLOB_PATTERN,   /* §7.2: "**" crosses folders */
};

/* NULL when the pattern is malformed (Go's filepath.Match says what is). */
struct glob *glob_compile(struct arena *arena, struct span pattern, enum glob_language language);
bool glob_matches(const struct glob *glob, struct span path);

#endif
