/*
 * Owns the way from resolved stages to the graph: unit by unit, stage by stage, action by action. Called by cmd_generate. The kinds of
 * steps are planned by plan_copy, plan_run, plan_base and plan_image; nothing is written before all of them are right.
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
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gen/images.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

static void push_layer(struct plan *plan, struct planned *planned, struct plan_layer layer)
{
    struct plan_layer *own = arena_alloc(plan->arena, sizeof *own);
    *own = layer;
    seq_push(plan->arena, &planned->layers, own);
}

/* Where a stage begins: at its base's end. False: the base could not be planned. */
static bool begin_stage(struct plan *plan, struct planned *planned)
{
    struct stage *stage = planned->stage;
    if (stage->base.kind == ORIGIN_STAGE) {
        const struct planned *base = &plan->planned[stage->base.stage->index];
        if (!base->is_done)
            return false;
        seq_copy(plan->arena, &planned->root, &base->root);
        seq_copy(plan->arena, &planned->layers, &base->layers);
    } else if (stage->base.kind == ORIGIN_IMAGE && stage->base.image->built) {
        seq_copy(plan->arena, &planned->root, &stage->base.image->built->root);
        seq_copy(plan->arena, &planned->layers, &stage->base.image->built->layers);
    } else if (stage->base.kind == ORIGIN_IMAGE) {
        const struct image *image = stage->base.image;
        planned->root = plan_base(plan, image, stage->ast->from.place);
        for (size_t i = 0; i < image->layer_count; i++) {
            const struct image_layer *layer = plan_base_layer(plan, &image->layers[i]);
            push_layer(plan, planned, (struct plan_layer){.base = layer, .image = image});
        }
    }
    return true;
}

/*
 * BuildKit: "[name 2/3] COPY a b". It counts FROM an image, and the folder that a stage is built on, but numbers the
 * latter's steps from 1.
 */
struct span plan_layer_text(const struct plan *plan, struct arena *arena, const struct plan_layer *layer)
{
    if (layer->image)
        return span_of(arena_printf(arena, "pulled from %s", layer->image->name));
    const struct stage *stage = layer->planned->stage;
    bool is_from_image = stage->base.kind == ORIGIN_IMAGE, has_name = stage->ast->name.len || plan->stages->count > 1;
    size_t number = layer->number + is_from_image - stage->is_from_folder, total = stage->actions.count + is_from_image;
    if (!number)
        return span_of(arena_printf(arena, "[context %.*s] load from client", SPAN(stage->base_name)));
    return span_of(arena_printf(arena, "[%s%s%zu/%zu] %.*s", has_name ? stage->name : "", has_name ? " " : "", number,
                                total, SPAN(layer->action->text)));
}

/* How layers are packed, all alike; a layer edge's argument is its output, and its stamp has the same name (runtime/lib/step.h). */
static void add_layer_file(struct plan *plan)
{
    json_t *json = json_pack("{s:s,s:s,s:s,s:I}", "kind", "layer", "compression", plan->opts->compression, "times",
                             plan->opts->timestamps, "epoch", (json_int_t)plan->stages->epoch);
    if (plan->opts->compression_level >= 0)
        json_object_set_new(json, "level", json_integer(plan->opts->compression_level));
    struct buf text = {0};
    json_write(json, &text);
    plan->layer_text = arena_strdup(plan->arena, buf_text(&text));
    plan->layer_file = opts_own(plan->opts, "layer.json");
    /* The platforms of an image have it in common. */
    if (!plan->opts->platform || plan->opts->is_first)
        outbox_add(plan->outbox, plan->layer_file, &text);
    buf_free(&text);
    json_decref(json);
}

/* The layer that a step made is packed as soon as its step is done, beside the steps after it. */
static void add_layer(struct plan *plan, struct planned *planned, const struct action *action, const char *label)
{
    struct arena *arena = plan->arena;
    const char *stamp = planned->root.items[0];
    const char *output = arena_printf(arena, "%.*s.layer", (int)(strlen(stamp) - strlen(".stamp")), stamp);
    push_layer(plan, planned, (struct plan_layer){.descriptor = output, .planned = planned, .action = action,
                                                  .number = planned->steps});
    if (plan_share_layer(plan, stamp))
        return;
    struct edge *edge = graph_edge(plan->graph, RULE_LAYER, output, arena_printf(arena, "[%s] layer", label));
    vec_push(&edge->outputs, output);
    vec_push(&edge->inputs, stamp);
    vec_push(&edge->inputs, plan->layer_file);
    vec_push(&edge->order_only, plan->settings_file);
    vec_push(&edge->order_only, plan->places_file);
    graph_add(plan->graph, edge);
}

static bool plan_action(struct plan *plan, struct planned *planned, const struct action *action)
{
    const char *label = arena_printf(plan->arena, "%s %zu/%zu", planned->label, planned->steps + 1, planned->stage->actions.count);
    bool is_fine = true;
    switch (action->kind) {
    case ACTION_COPY:
        is_fine = plan_copy(plan, planned, action, label);
        break;
    case ACTION_RUN:
        is_fine = plan_run(plan, planned, action, label);
        break;
    case ACTION_WORKDIR:
        plan_workdir(plan, planned, action, label);
        break;
    }
    add_layer(plan, planned, action, label);
    return is_fine;
}

/* Edges of a stage that turns out to be wrong half way are taken back: what it shares with others (base layers) stays. */
static void take_back(struct plan *plan, const struct planned *planned, size_t edges)
{
    const char *bases = opts_state(plan->root, "bases/");
    size_t kept = edges;
    for (size_t i = edges; i < plan->graph->edges.count; i++) {
        struct edge *edge = plan->graph->edges.items[i];
        if (!strncmp(edge->step, bases, strlen(bases)))
            plan->graph->edges.items[kept++] = edge;
        else
            edge_free(edge);
    }
    plan->graph->edges.count = kept;
    outbox_drop(plan->outbox, planned->folder);
    plan_places_drop(plan, planned->folder);
}

static void plan_stage(struct plan *plan, struct planned *planned)
{
    struct stage *stage = planned->stage;
    size_t edges = plan->graph->edges.count, shared = shared_count(plan->shared);
    for (size_t i = 0; i < stage->uses.count; i++)
        if (!plan->planned[stage->uses.items[i].stage->index].is_done)
            return;
    if (!begin_stage(plan, planned))
        return;
    bool is_fine = true;
    for (size_t i = 0; i < stage->actions.count; i++)
        is_fine &= plan_action(plan, planned, stage->actions.items[i]);
    if (!is_fine) {
        take_back(plan, planned, edges);
        shared_take_back(plan->shared, shared);
        return;
    }
    plan_image(plan, planned);
    planned->is_done = true;
}

/* "production", "api/production", "linux/arm64 api/production": what a stage is called in messages. */
static const char *label_of(struct plan *plan, const struct stage *stage)
{
    const struct opts *opts = plan->opts;
    const char *platform = opts->platform ? platform_text(plan->arena, &plan->stages->target_platform) : "";
    return arena_printf(plan->arena, "%s%s%s%s%s", platform, *platform ? " " : "", opts->image ? opts->image : "",
                        opts->image ? "/" : "", stage->name);
}

static void plan_stages(struct plan *plan)
{
    plan->planned = arena_array(plan->arena, plan->stages->count, sizeof *plan->planned);
    for (size_t i = 0; i < plan->stages->count; i++) {
        struct stage *stage = &plan->stages->items[i];
        plan->planned[i].stage = stage;
        plan->planned[i].unit = plan->unit;
        plan->planned[i].label = label_of(plan, &plan->stages->items[i]);
        plan->planned[i].folder = arena_printf(plan->arena, "%s/%s", plan->opts->folder, stage->folder);
    }
    for (size_t i = 0; i < plan->stages->count; i++)
        if (!plan->planned[i].stage->has_failed)
            plan_stage(plan, &plan->planned[i]);
}

struct plan *plan_new(struct arena *arena, const struct opts *opts)
{
    struct plan *plan = arena_alloc(arena, sizeof *plan);
    *plan = (struct plan){.arena = arena, .root = opts, .graph = graph_new(arena), .outbox = outbox_new(arena)};
    bool is_alone = opts->images.count < 2;
    for (size_t i = 0; i <= opts->images.count && is_alone; i++)
        is_alone = (i ? opts->images.items[i - 1] : opts)->platforms.count < 2;
    if (!is_alone)
        plan->shared = shared_new(arena);
    plan->places_file = opts_state(opts, "places.json");
    plan_contexts_begin(plan);
    return plan;
}

/* The image as others find it: what an exported one's config says. */
static void make_image(struct plan *plan, struct unit *unit)
{
    const struct planned *target = &unit->planned[unit->stages->target->index];
    struct image *image = arena_alloc(plan->arena, sizeof *image);
    *image = (struct image){.name = plan->opts->image ? plan->opts->image : target->stage->name, .config = target->config,
                            .built = target};
    unit->image = image;
}

struct unit *plan_add(struct plan *plan, const struct opts *opts, const struct dockerfile *file, struct images *images, struct diag *diag)
{
    struct unit *unit = arena_alloc(plan->arena, sizeof *unit);
    *unit = (struct unit){.opts = opts, .stages = stage_resolve(plan->arena, opts, file, images, diag)};
    if (!unit->stages || diag_error_count(diag))
        return NULL;
    plan->unit = unit;
    plan->opts = opts;
    plan->stages = unit->stages;
    plan->diag = diag;
    plan->settings_file = opts_own(opts, "settings.json");
    plan->named.count = 0;
    add_layer_file(plan);
    /* A bad ignore file is an error even where nothing is copied. */
    if (!opts->context_source)
        plan_context(plan, NULL);
    plan_stages(plan);
    unit->planned = plan->planned;
    plan_lost_check(plan);
    for (size_t i = 0; i < plan->stages->inputs.count; i++)
        vec_push(&plan->graph->generator_inputs, plan->stages->inputs.items[i]);
    seq_push(plan->arena, &plan->units, unit);
    if (diag_error_count(diag))
        return NULL;
    make_image(plan, unit);
    return unit;
}

const struct stages *plan_stages_of(const struct unit *unit)
{
    return unit->stages;
}

const struct image *plan_built(const struct unit *unit)
{
    return unit->image;
}

struct graph *plan_finish(struct plan *plan, struct outbox **files)
{
    plan_contexts_finish(plan);
    graph_unique(&plan->graph->generator_inputs);
    plan_places_write(plan);
    *files = plan->outbox;
    return plan->graph;
}

void plan_free(struct plan *plan)
{
    for (size_t i = 0; i < plan->units.count; i++) {
        struct unit *unit = plan->units.items[i];
        for (size_t k = 0; k < unit->stages->count; k++)
            json_decref(unit->planned[k].config);
    }
    plan_contexts_close(plan);
    vec_free(&plan->places);
    free((char *)(uintptr_t)plan->env_text.text);
    shared_free(plan->shared);
    outbox_free(plan->outbox);
    graph_free(plan->graph);
}
