/*
 * Owns arrays that grow in an arena. Called by whatever collects things for the whole translation; knows none of them.
 */
#include "gen/seq.h"

#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"

void *seq_grow(struct arena *arena, const void *items, size_t count, size_t *room, size_t size)
{
    size_t wanted;
    if (__builtin_mul_overflow(*room, 2, &wanted))
        die("out of memory");
    wanted = wanted < 4 ? 4 : wanted;
    void *grown = arena_array(arena, wanted, size);
    if (count)
        memcpy(grown, items, count * size);
    *room = wanted;
    return grown;
}

bool span_seq_has(const span_seq *seq, struct span text)
{
    for (size_t i = 0; i < seq->count; i++)
        if (span_equal(seq->items[i], text))
            return true;
    return false;
}
