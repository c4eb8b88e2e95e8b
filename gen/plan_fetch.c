/*
 * Owns the steps that fetch: one for each URL or git reference of an ADD. Called by plan_copy, whose step takes the
 * files from there. Must not know where they go.
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
#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"

static void set_text(json_t *json, const char *key, struct span text)
{
    if (text.len)
        json_object_set_new(json, key, json_bytes(text));
}

/* A whole hash says what will come; anything else may bring another file tomorrow. */
static bool is_pinned(const struct add_source *remote)
{
    return remote->kind == ADD_HTTP ? remote->checksum.len : remote->checksum.len == 40 || remote->checksum.len == 64;
}

static void set_fetch(json_t *json, const struct add_source *remote)
{
    json_object_set_new(json, "kind", json_string("fetch"));
    set_text(json, "url", remote->url);
    set_text(json, "checksum", remote->checksum);
    if (remote->kind == ADD_HTTP) {
        set_text(json, "name", span_of(remote->name));
        return;
    }
    json_object_set_new(json, "git", json_true());
    set_text(json, "ref", remote->ref);
    set_text(json, "subdir", span_of(remote->subdir));
    json_object_set_new(json, "keep_git_dir", json_boolean(remote->keeps_git_dir));
    json_object_set_new(json, "submodules", json_boolean(!remote->skips_submodules));
}

const char *plan_fetch(struct plan *plan, struct planned *planned, const struct action *action,
                       const struct copy_source *source, const char *name)
{
    struct arena *arena = plan->arena;
    const char *base = arena_printf(arena, "%s/%s", planned->folder, name);
    const char *label = arena_printf(arena, "%s %zu fetch", planned->label, planned->steps);
    const char *text = plan_printable(arena, source->path, 0);
    plan_place(planned->places, name, label, plan_where(arena, action->place), plan_printable(arena, action->text, 0));
    struct plan_step step = plan_step_begin_text(plan, RULE_FETCH, base, label, text);
    set_fetch(step.json, source->remote);
    if (action->copy.is_forced && !is_pinned(source->remote))
        plan_step_force(&step);
    return plan_step_end(&step, arena_printf(arena, "%s.stamp", base));
}
