/* Owns lists of variables. Called by stage. Must not know ARG from ENV. */
#include "gen/scope.h"

void scope_set(struct scope *scope, struct arena *arena, struct span name, struct span value)
{
    size_t i;
    if (!names_find(&scope->names, name, &i)) {
        names_add(&scope->names, arena, name);
        seq_push(arena, &scope->variables, (struct variable){name, value});
        return;
    }
    if (span_equal(scope->variables.items[i].value, value))
        return;
    if (scope->is_shared)
        seq_copy(arena, &scope->variables, &scope->variables);
    scope->is_shared = false;
    scope->variables.items[i].value = value;
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

struct variables scope_share(struct scope *scope)
{
    scope->is_shared = true;
    return (struct variables){scope->variables.items, scope->variables.count};
}

void scope_copy(struct scope *to, struct arena *arena, const struct scope *from)
{
    *to = (struct scope){0};
    seq_copy(arena, &to->variables, &from->variables);
    for (size_t i = 0; i < from->variables.count; i++)
        names_add(&to->names, arena, from->variables.items[i].name);
}
