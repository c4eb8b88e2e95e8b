/*
 * Owns a quirk of BuildKit's contexts (reference/dockerfile.md §5.1): of a folder only what the needed stages name
 * arrives there. So a wildcard in a folder of which nothing arrives is an error, though elsewhere one that matches
 * nothing is none; and a name with a backslash, which is a pattern when files are sent and a name when they are copied,
 * arrives only with something else. Called by plan_copy and plan. Must not know steps.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/context.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/sources.h"

/* A source of a needed stage in a context folder. */
struct named_source {
    struct plan_context *context;
    struct source_spec spec;
    struct place place;
};

void plan_lost_note(struct plan *plan, struct plan_context *context, const struct source_spec *spec, struct place place)
{
    struct named_source *source = arena_alloc(plan->arena, sizeof *source);
    *source = (struct named_source){context, *spec, place};
    seq_push(plan->arena, &plan->named, source);
}

/* The folder above the first component with a wildcard; NULL: there is none such, or it is the root. */
static const char *wildcard_folder(struct arena *arena, const char *path)
{
    char *rest = arena_strdup(arena, path), *start = rest;
    for (char *part; (part = strsep(&rest, "/"));) {
        if (!glob_is_wildcard(part)) {
            if (rest)
                rest[-1] = '/';
            continue;
        }
        const char *folder = path_clean(arena, (struct span){start, (size_t)(part - start)});
        return *folder ? folder : NULL;
    }
    return NULL;
}

static struct source_matches matches_of(struct plan *plan, const struct named_source *source)
{
    struct source_matches matches = {0};
    const char *error;
    struct context *context = source->context->context;
    if (sources_expand(context_tree(context), plan->arena, &source->spec, context_need, context, &matches, &error) < 0)
        matches.count = 0;
    return matches;
}

/* Does something that is named lie in the folder, or the folder in it? */
static bool arrives(struct plan *plan, const struct plan_context *context, const char *folder)
{
    for (size_t i = 0; i < plan->named.count; i++) {
        if (plan->named.items[i]->context != context)
            continue;
        struct source_matches matches = matches_of(plan, plan->named.items[i]);
        for (size_t k = 0; k < matches.count; k++)
            if (path_is_below(matches.items[k].real, folder) || path_is_below(folder, matches.items[k].real))
                return true;
    }
    return false;
}

/* A name that is no pattern to COPY, but is one when the files are sent. */
static bool has_plain_backslash(struct arena *arena, const struct named_source *source)
{
    return !source->spec.parents && strchr(source->spec.path, '\\') && !wildcard_folder(arena, source->spec.path) &&
           !glob_is_wildcard(source->spec.path);
}

/* Does another source bring what this one names? */
static bool is_brought(struct plan *plan, const struct named_source *source)
{
    struct source_matches wanted = matches_of(plan, source);
    bool is_there = !wanted.count;
    for (size_t i = 0; i < plan->named.count && !is_there; i++) {
        const struct named_source *other = plan->named.items[i];
        if (other->context != source->context || has_plain_backslash(plan->arena, other))
            continue;
        struct source_matches matches = matches_of(plan, other);
        for (size_t k = 0; k < matches.count && !is_there; k++)
            is_there = path_is_below(wanted.items[0].real, matches.items[k].real);
    }
    return is_there;
}

void plan_lost_check(struct plan *plan)
{
    for (size_t i = 0; i < plan->named.count; i++) {
        const struct named_source *source = plan->named.items[i];
        if (has_plain_backslash(plan->arena, source) && !is_brought(plan, source))
            diag_error(plan->diag, source->place,
                       "\"/%s\": not found: a name with a backslash is sent only with a folder that holds it",
                       path_clean(plan->arena, span_of(source->spec.path)));
    }
    for (size_t i = 0; i < plan->named.count; i++) {
        const struct named_source *source = plan->named.items[i];
        const char *folder = source->spec.parents ? NULL : wildcard_folder(plan->arena, source->spec.path);
        if (!folder || matches_of(plan, source).count || arrives(plan, source->context, folder))
            continue;
        diag_error(plan->diag, source->place,
                   "\"%s\" matches nothing, and nothing else is copied from the folder: "
                   "lstat /%s: no such file or directory",
                   source->spec.path, folder);
    }
}
