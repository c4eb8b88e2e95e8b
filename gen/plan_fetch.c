/*
 * Owns the steps that fetch: one for each URL or git reference of an ADD, and those of contexts that lie elsewhere.
 * Called by plan_copy and plan_base, whose steps take the files from there. Must not know where they go.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <jansson.h>

#include "gen/add.h"
#include "gen/opts.h"
#include "gen/elsewhere.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"

/* A whole hash says what will come; anything else may bring another file tomorrow. */
static bool is_pinned(const struct add_source *remote)
{
    return remote->kind == ADD_HTTP ? remote->checksum.len : remote->checksum.len == 40 || remote->checksum.len == 64;
}

const char *plan_fetch(struct plan *plan, struct planned *planned, const struct action *action,
                       const struct copy_source *source, const char *name)
{
    struct arena *arena = plan->arena;
    const char *base = arena_printf(arena, "%s/%s", planned->folder, name);
    const char *label = arena_printf(arena, "%s %zu fetch", planned->label, planned->steps);
    plan_place(plan, base, &(struct place_note){label, action->place, action->text, NULL});
    struct plan_step step = plan_step_begin_text(plan, RULE_FETCH, base, label, source->path);
    elsewhere_set_fetch(step.json, source->remote);
    if (action->copy.is_forced && !is_pinned(source->remote))
        plan_step_force(&step);
    return plan_step_end(&step, arena_printf(arena, "%s.stamp", base));
}

/* --- contexts --- */

static struct plan_step begin_context(struct plan *plan, enum rule rule, const char *name, const char *text,
                                      struct place place)
{
    struct place_note note = {"context", place, span_of(text), NULL};
    const char *base = opts_state(plan->root, arena_printf(plan->arena, "contexts/%s", name));
    plan_place(plan, base, &note);
    return plan_step_begin_text(plan, rule, base, "context", note.text);
}

/* The file of a URL is unpacked when it is an archive. */
static const char *unpack_context(struct plan *plan, const char *name, const char *text, const char *stamp,
                                  struct place place)
{
    struct plan_step step = begin_context(plan, RULE_COPY, arena_printf(plan->arena, "%s.files", name), text, place);
    elsewhere_set_unpack(step.json, "fetch", "/" ELSEWHERE_FILE);
    plan_step_line(&step, "fetch", &stamp, 1);
    graph_add_path(&step.edge->inputs, stamp);
    const char *files = opts_state(plan->root, arena_printf(plan->arena, "contexts/%s.files.stamp", name));
    plan_step_end(&step, files);
    return files;
}

const char *plan_remote(struct plan *plan, const struct add_source *remote, struct place place)
{
    for (size_t i = 0; i < plan->remotes.count; i++)
        if (plan->remotes.items[i].remote == remote)
            return plan->remotes.items[i].stamp;
    const char *name = arena_printf(plan->arena, "%zu", plan->remotes.count + 1);
    const char *text = plan_printable(plan->arena, remote->public_text, 0);
    struct plan_step step = begin_context(plan, RULE_FETCH, name, text, place);
    elsewhere_set_fetch(step.json, remote);
    if (plan->opts->no_cache && !is_pinned(remote))
        plan_step_force(&step);
    const char *stamp = opts_state(plan->root, arena_printf(plan->arena, "contexts/%s.stamp", name));
    plan_step_end(&step, stamp);
    if (remote->kind == ADD_HTTP)
        stamp = unpack_context(plan, name, text, stamp, place);
    seq_push(plan->arena, &plan->remotes, (struct plan_remote_context){remote, stamp});
    return stamp;
}
