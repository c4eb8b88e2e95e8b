/*
 * Owns images of several platforms: what was planned for each becomes one index, and one target. Called by cmd_generate. Must not know
 * what stages do.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan.h"
#include "gen/plan_state.h"

#include <jansson.h>
#include <string.h>

#include "gen/opts.h"
#include "runtime/lib/arena.h"

struct join {
    struct plan *plan;
    const struct opts *opts;
    struct unit *const *units;
    size_t count;
    const struct stage *stage;
    bool is_target;
};

static const char *index_step(const struct join *join)
{
    struct plan *plan = join->plan;
    struct arena *arena = plan->arena;
    const struct stage *stage = join->stage;
    const char *base = arena_printf(arena, "%s/index", opts_own(join->opts, stage->folder));
    const char *text = arena_printf(arena, "image %s", stage->name);
    plan_place(plan, base, &(struct place_note){stage->name, stage->ast->from.place, span_of(text), NULL});
    struct plan_step step = plan_step_begin_text(plan, RULE_IMAGE, base, stage->name, span_of("index"));
    json_object_set_new(step.json, "kind", json_string("index"));
    json_object_set_new(step.json, "name", json_string(join->is_target && join->opts->image ? join->opts->image : stage->name));
    if (join->is_target)
        plan_set_names(plan, step.json);
    for (size_t i = 0; i < join->count; i++) {
        const struct unit *unit = join->units[i];
        const char *layout = plan_layout(plan, unit->opts, &unit->stages->items[stage->index], join->is_target);
        const char *index = arena_printf(arena, "%s/index.json", layout);
        plan_step_line(&step, "image", &index, 1);
        vec_push(&step.edge->inputs, index);
    }
    const char *layout = plan_layout(plan, join->opts, stage, join->is_target);
    return plan_step_end(&step, arena_printf(arena, "%s/index.json", layout));
}

/* tar/STAGE and rootfs/STAGE are those of all platforms; an archive for docker holds just one. */
static void add_form_targets(const struct join *join, const char *name)
{
    static const char *const forms[] = {"tar", "rootfs"};
    struct arena *arena = join->plan->arena;
    const char *prefix = join->plan->root->prefix;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *whole = arena_printf(arena, "%s/%s", forms[i], name);
        for (size_t k = 0; k < join->count; k++)
            plan_target(join->plan, join->opts, whole, arena_printf(arena, "%s%s/%s", prefix, whole, join->units[k]->opts->platform));
    }
}

static void add_outputs(const struct join *join, const char *name, const char *index)
{
    struct plan *plan = join->plan;
    struct planned *planned = &join->units[0]->planned[join->stage->index];
    plan_facts(plan, planned, name, index);
    for (size_t i = 0; i < join->opts->outputs.count; i++) {
        const struct opt_output *output = &join->opts->outputs.items[i];
        if (!strcmp(output->type, "oci") || !strcmp(output->type, "registry"))
            plan_output(plan, planned, arena_printf(plan->arena, "joined-%zu", i + 1), output, name, index);
    }
}

static void join_stage(struct join *join)
{
    struct plan *plan = join->plan;
    for (size_t i = 0; i < join->count; i++)
        if (!join->units[i]->planned[join->stage->index].is_done)
            return;
    const char *name = plan_target_name(plan, join->opts, join->stage, join->is_target), *index = index_step(join);
    plan_target(plan, join->opts, name, index);
    if (!join->is_target && join->opts->image)
        return;
    plan_target(plan, join->opts, arena_printf(plan->arena, "oci/%s", name), index);
    add_form_targets(join, name);
    if (!join->is_target)
        return;
    add_outputs(join, name, index);
    plan_target(plan, join->opts, arena_printf(plan->arena, "push/%s", name),
                plan_push(plan, &join->units[0]->planned[join->stage->index], "joined-push", NULL, index));
    for (size_t i = 0; i < join->count && join->opts->outputs.count; i++)
        plan_target(plan, join->opts, name, arena_printf(plan->arena, "%s%s/%s", plan->root->prefix, name, join->units[i]->opts->platform));
    vec_push(&plan->graph->defaults, arena_printf(plan->arena, "%s%s", plan->root->prefix, name));
}

void plan_join(struct plan *plan, const struct opts *opts, struct unit *const *units, size_t count)
{
    const struct stages *stages = units[0]->stages;
    plan->unit = units[0];
    plan->opts = opts;
    plan->stages = units[0]->stages;
    plan->settings_file = opts_own(opts, "settings.json");
    for (size_t i = 0; i < stages->count; i++) {
        struct join join = {plan, opts, units, count, &stages->items[i], &stages->items[i] == stages->target};
        join_stage(&join);
    }
}
