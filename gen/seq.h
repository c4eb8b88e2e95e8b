/*
 * A growing array that lives in an arena: SEQ(struct span) words = {0}; seq_push(arena, &words, word). Nothing to free.
 */
#ifndef DFGEN_SEQ_H
#define DFGEN_SEQ_H

#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;

#define SEQ(type)     \
    struct {          \
        type *items;  \
        size_t count; \
        size_t room;  \
    }

typedef SEQ(struct span) span_seq;

/* The items in more room than *room. */
void *seq_grow(struct arena *arena, const void *items, size_t count, size_t *room, size_t size);

#define seq_push(arena, seq, ...)                                                                                   \
    do {                                                                                                            \
        if ((seq)->count == (seq)->room)                                                                            \
            (seq)->items = seq_grow(arena, (seq)->items, (seq)->count, &(seq)->room, sizeof *(seq)->items);         \
        (seq)->items[(seq)->count++] = (__VA_ARGS__);                                                               \
    } while (0)

/* A copy of its own: changing one leaves the other alone. */
#define seq_copy(arena, to, from)                                                                                   \
    do {                                                                                                            \
        (to)->count = (from)->count;                                                                                \
        (to)->room = (from)->count;                                                                                 \
        (to)->items = seq_grow(arena, (from)->items, (from)->count, &(to)->room, sizeof *(to)->items);              \
    } while (0)

/* Is one of the items that text? */
bool span_seq_has(const span_seq *seq, struct span text);

#endif
