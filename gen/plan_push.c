/*
 * Owns push edges: an image to the registries of its names. Called by plan_image and plan_join. Must not know how
 * images are made, nor registries.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <jansson.h>

#include "gen/images.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"

/* Blobs that base images brought are at their registries: a push to one of those need not send them. */
static json_t *origins_json(const struct plan *plan)
{
    json_t *origins = json_array();
    for (size_t i = 0; i < plan->bases.count; i++)
        if (plan->bases.items[i]->repository)
            json_array_append_new(origins, json_pack("{s:s,s:s}", "digest", plan->bases.items[i]->digest, "repository",
                                                     plan->bases.items[i]->repository));
    return origins;
}

static json_t *names_json(const struct plan *plan, const struct opt_output *output)
{
    const opt_list *list = output && output->names.count ? &output->names : &plan->opts->tags;
    json_t *names = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(names, json_text(span_of(list->items[i])));
    return names;
}

/* A step on an image layout: what it takes is that alone. */
static struct plan_step begin(struct plan *plan, struct planned *planned, enum rule rule, const char *name,
                              const char *index)
{
    const char *stage = planned->stage->name, *base = arena_printf(plan->arena, "%s/%s", planned->folder, name);
    struct place_note note = {stage, planned->stage->ast->from.place, span_of(rule_names[rule]), NULL};
    plan_place(plan, base, &note);
    struct plan_step step = plan_step_begin_text(plan, rule, base, stage, note.text);
    json_object_set_new(step.json, "kind", json_string(rule_names[rule]));
    plan_step_line(&step, "image", &index, 1);
    vec_push(&step.edge->inputs, index);
    return step;
}

static void add_always(struct plan_step *step)
{
    const char *name = arena_printf(step->plan->arena, "%s/always", step->plan->root->state);
    vec_push(&step->edge->inputs, graph_target(step->plan->graph, name)->name);
}

static const char *end(struct plan_step *step)
{
    const char *out = arena_printf(step->plan->arena, "%s.stamp", step->base);
    plan_step_end(step, out);
    return out;
}

const char *plan_push(struct plan *plan, struct planned *planned, const char *name, const struct opt_output *output,
                      const char *index)
{
    struct plan_step step = begin(plan, planned, RULE_PUSH, name, index);
    json_object_set_new(step.json, "names", names_json(plan, output));
    json_object_set_new(step.json, "origins", origins_json(plan));
    if (output && output->by_digest)
        json_object_set_new(step.json, "by_digest", json_true());
    /* Asked for by name it runs each time: whether it is still there, the registry knows. */
    if (!output)
        add_always(&step);
    return end(&step);
}

const char *plan_load(struct plan *plan, struct planned *planned, const char *name, const char *index)
{
    struct plan_step step = begin(plan, planned, RULE_LOAD, name, index);
    /* Somebody may have removed it there. */
    add_always(&step);
    return end(&step);
}
