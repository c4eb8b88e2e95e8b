/* Variables in order: the global ARGs, or what a stage's ARG and ENV have set so far (reference/dockerfile.md §3). */
#ifndef DFGEN_SCOPE_H
#define DFGEN_SCOPE_H

#include <stdbool.h>

#include "gen/names.h"
#include "gen/seq.h"

struct arena;

struct variable {
    struct span name, value;
    size_t turn;            /* of the scope, when it was last set */
};

/* What a scope was at some moment, in the order of the last settings: such is the environment of a process. */
struct variables {
    const struct variable *items;
    size_t count;
};

struct scope {
    SEQ(struct variable) variables;
    struct name_index names;     /* theirs */
    bool is_shared;         /* by scope_share: a value changes in a copy */
    size_t turns;           /* times that a variable was set */
    bool is_moved;          /* one was set again that is not the last of the list */
    struct variables sorted;    /* by turn, as it was at sorted_turns */
    size_t sorted_turns;
};

void scope_set(struct scope *scope, struct arena *arena, struct span name, struct span value);
/* False: it is not set. */
bool scope_get(const struct scope *scope, struct span name, struct span *value);
/* Lookup for word_env: data is a struct scope. */
bool scope_lookup(const void *data, struct span name, struct span *value);
/* The variables as they are now, whatever is set later; two that are the same have the same items and count. */
struct variables scope_share(struct scope *scope, struct arena *arena);
void scope_copy(struct scope *to, struct arena *arena, const struct scope *from);

#endif
