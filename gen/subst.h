/* The patterns of ${name#p} and ${name/p/r} (reference/dockerfile.md §2.2): `*`, `?` and escapes. Linear, with a budget. */
#ifndef DFGEN_SUBST_H
#define DFGEN_SUBST_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;
struct buf;

enum { SUBST_BUDGET = 1 << 28 }; /* steps that one word's patterns may take together */

struct subst {
    struct arena *arena;
    struct span pattern; /* escapes still in it */
    size_t *steps;       /* counted up; more than SUBST_BUDGET is an error */
    size_t limit;        /* bytes in the output after which replacing stops: the caller refuses them */
};

/* Append value without the shortest or longest prefix or suffix that matches. NULL, or what is wrong (the arena's). */
const char *subst_trim(const struct subst *subst, struct span value, bool is_suffix, bool is_longest, struct buf *out);

/*
 * Append value with the first (leftmost, longest) or every match replaced. For every match the replacement is a template:
 * $0 is the match, $$ a dollar, any other $name empty.
 */
const char *subst_replace(const struct subst *subst, struct span value, struct span replacement, bool is_all,
                          struct buf *out);

#endif
