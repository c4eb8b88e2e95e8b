/*
 * Owns the edges that bring base images into the store: one for each layer, whichever stages share it. Called by plan and by what copies
 * from images. Must not know how an image was found.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <jansson.h>
#include <string.h>

#include "gen/images.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"

const struct image_layer *plan_base_layer(const struct plan *plan, const struct image_layer *layer)
{
    for (size_t i = 0; i < plan->bases.count; i++)
        if (!strcmp(plan->bases.items[i]->diff_id, layer->diff_id))
            return plan->bases.items[i];
    return NULL;
}

const char *plan_base_stamp(const struct plan *plan, const struct image_layer *layer)
{
    return arena_printf(plan->arena, "%s/bases/%s.stamp", plan->root->state, layer->diff_id + 7);
}

/* Where the layer's blob is: a file, or the store, into which it comes from a registry if it is not there. */
static void blob_line(struct plan_step *step, const struct image_layer *layer)
{
    struct arena *arena = step->plan->arena;
    if (!layer->blob) {
        if (layer->repository)
            plan_step_line(step, "registry", &layer->repository, 1);
        return;
    }
    const char *words[] = {layer->blob, NULL, NULL};
    if (layer->offset >= 0) {
        words[1] = arena_printf(arena, "%lld", (long long)layer->offset);
        words[2] = arena_printf(arena, "%lld", (long long)layer->size);
    }
    plan_step_line(step, "blob", words, layer->offset >= 0 ? 3 : 1);
    vec_push(&step->edge->inputs, layer->blob);
}

static void add_edge(struct plan *plan, const struct image *image, const struct image_layer *layer, const char *stamp,
                     struct place place)
{
    const char *hex = layer->diff_id + 7, *base = arena_printf(plan->arena, "%s/bases/%s", plan->root->state, hex);
    const char *name = plan_printable(plan->arena, span_of(image->name), 0);
    const char *text = arena_printf(plan->arena, "layer %.12s of %s", hex, name);
    struct place_note note = {"base", place, span_of(text), NULL};
    plan_place(plan, base, &note);
    struct plan_step step = plan_step_begin_text(plan, RULE_BASE, base, "base", note.text);
    json_object_set_new(step.json, "kind", json_string("base"));
    json_object_set_new(step.json, "layer",
                        json_pack("{s:s,s:s,s:I,s:s}", "mediaType", layer->media_type, "digest", layer->digest, "size",
                                  (json_int_t)layer->size, "diff_id", layer->diff_id));
    blob_line(&step, layer);
    plan_step_end(&step, stamp);
}

stamp_seq plan_base(struct plan *plan, const struct image *image, struct place place)
{
    stamp_seq root = {0};
    if (image->built) {
        seq_copy(plan->arena, &root, &image->built->root);
        return root;
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        const struct image_layer *layer = &image->layers[i];
        const char *stamp = plan_base_stamp(plan, layer);
        if (!plan_base_layer(plan, layer)) {
            seq_push(plan->arena, &plan->bases, layer);
            add_edge(plan, image, layer, stamp, place);
        }
        seq_push(plan->arena, &root, stamp);
    }
    return root;
}

/* The stamp of a root without files, for what copies from an empty stage: one step for all of them. */
static const char *empty_root(struct plan *plan)
{
    const char *base = opts_state(plan->root, "bases/empty"), *stamp = opts_state(plan->root, "bases/empty.stamp");
    if (plan->has_empty)
        return stamp;
    plan->has_empty = true;
    struct place_note note = {.label = "base", .text = span_of("an empty root"), .where = "scratch"};
    plan_place(plan, base, &note);
    struct plan_step step = plan_step_begin_text(plan, RULE_COPY, base, "base", note.text);
    json_object_set_new(step.json, "kind", json_string("copy"));
    json_object_set_new(step.json, "dest", json_string("/"));
    plan_step_end(&step, stamp);
    return stamp;
}

stamp_seq plan_origin(struct plan *plan, const struct origin *origin, struct place place)
{
    stamp_seq root = {0};
    if (origin->kind == ORIGIN_STAGE)
        root = plan->planned[origin->stage->index].root;
    else if (origin->kind == ORIGIN_IMAGE)
        root = plan_base(plan, origin->image, place);
    else if (origin->kind == ORIGIN_REMOTE)
        seq_push(plan->arena, &root, origin->remote ? plan_remote(plan, origin->remote, place) : opts_context_stamp(plan->opts));
    if (!root.count)
        seq_push(plan->arena, &root, empty_root(plan));
    return root;
}
