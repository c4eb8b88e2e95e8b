/*
 * Where a name stands in a list: for lists that may be long (variables, labels), beside which it grows. The list's owner
 * adds the names in the list's order; an empty one ({0}) is as good as a copy.
 */
#ifndef DFGEN_NAMES_H
#define DFGEN_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen/seq.h"

struct arena;

struct name_index {
    span_seq items;
    uint32_t *slots;    /* hashed: number + 1; 0: free */
    size_t room;
    bool has_twins;     /* some name was added twice: the first is found */
};

void names_add(struct name_index *names, struct arena *arena, struct span name);
/* False: it is not there. */
bool names_find(const struct name_index *names, struct span name, size_t *number);

#endif
