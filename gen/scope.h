/* Variables in order: the global ARGs, or what a stage's ARG and ENV have set so far (reference/dockerfile.md §3). */
#ifndef DFGEN_SCOPE_H
#define DFGEN_SCOPE_H

#include <stdbool.h>

#include "gen/seq.h"

struct arena;

struct variable {
    struct span name, value;
};

struct scope {
    SEQ(struct variable) variables;
};

/* Set one: in its old place, or at the end. */
void scope_set(struct scope *scope, struct arena *arena, struct span name, struct span value);
/* False: it is not set. */
bool scope_get(const struct scope *scope, struct span name, struct span *value);
/* Lookup for word_env: data is a struct scope. */
bool scope_lookup(const void *data, struct span name, struct span *value);
void scope_copy(struct scope *to, struct arena *arena, const struct scope *from);

#endif
