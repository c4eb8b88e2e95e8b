/* Owns lists of variables. Called by stage. Must not know ARG from ENV. */
#include "gen/scope.h"

static struct variable *find(const struct scope *scope, struct span name)
{
    for (size_t i = 0; i < scope->variables.count; i++)
        if (span_equal(scope->variables.items[i].name, name))
            return &scope->variables.items[i];
    return NULL;
}

void scope_set(struct scope *scope, struct arena *arena, struct span name, struct span value)
{
    struct variable *known = find(scope, name);
    if (known)
        known->value = value;
    else
        seq_push(arena, &scope->variables, (struct variable){name, value});
}

bool scope_get(const struct scope *scope, struct span name, struct span *value)
{
    const struct variable *known = find(scope, name);
    if (known)
        *value = known->value;
    return known != NULL;
}

bool scope_lookup(const void *data, struct span name, struct span *value)
{
    return scope_get(data, name, value);
}

void scope_copy(struct scope *to, struct arena *arena, const struct scope *from)
{
    seq_copy(arena, &to->variables, &from->variables);
}
