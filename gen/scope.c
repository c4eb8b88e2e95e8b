/* Owns lists of variables. Called by stage. Must not know ARG from ENV. */
#include "gen/scope.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"

void scope_set(struct scope *scope, struct arena *arena, struct span name, struct span value)
{
    size_t i;
    if (!names_find(&scope->names, name, &i)) {
        names_add(&scope->names, arena, name);
        seq_push(arena, &scope->variables, (struct variable){name, value, ++scope->turns});
        return;
    }
    if (span_equal(scope->variables.items[i].value, value) && scope->variables.items[i].turn == scope->turns)
        return;
    if (scope->is_shared)
        seq_copy(arena, &scope->variables, &scope->variables);
    scope->is_shared = false;
    scope->is_moved |= i + 1 < scope->variables.count;
    scope->variables.items[i].value = value;
    scope->variables.items[i].turn = ++scope->turns;
}

bool scope_get(const struct scope *scope, struct span name, struct span *value)
{
    size_t i;
    if (!names_find(&scope->names, name, &i))
        return false;
    *value = scope->variables.items[i].value;
    return true;
}

bool scope_lookup(const void *data, struct span name, struct span *value)
{
    return scope_get(data, name, value);
}

static int by_turn(const void *left, const void *right)
{
    const struct variable *a = left, *b = right;
    return (a->turn > b->turn) - (a->turn < b->turn);
}

struct variables scope_share(struct scope *scope, struct arena *arena)
{
    if (!scope->is_moved) {
        scope->is_shared = true;
        return (struct variables){scope->variables.items, scope->variables.count};
    }
    if (scope->sorted_turns != scope->turns) {
        size_t count = scope->variables.count;
        struct variable *sorted = arena_array(arena, count, sizeof *sorted);
        memcpy(sorted, scope->variables.items, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, by_turn);
        scope->sorted = (struct variables){sorted, count};
        scope->sorted_turns = scope->turns;
    }
    return scope->sorted;
}

void scope_copy(struct scope *to, struct arena *arena, const struct scope *from)
{
    *to = (struct scope){.turns = from->turns, .is_moved = from->is_moved};
    seq_copy(arena, &to->variables, &from->variables);
    for (size_t i = 0; i < from->variables.count; i++)
        names_add(&to->names, arena, from->variables.items[i].name);
}
