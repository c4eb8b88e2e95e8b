/*
 * Owns images that an output wants otherwise than the image layout has them: packed with another compression, or with
 * other names, annotations or media types. Called by plan_image and plan_join. Must not know how an image is written
 * out.
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
#include "gen/opts_output.h"
#include "runtime/lib/arena.h"

static void add_annotation(json_t *annotations, const struct opt_pair *pair)
{
    json_object_set_new(annotations, pair->name, json_text(span_of(pair->value)));
}

void plan_set_names_of(const struct plan *plan, const struct opt_output *output, json_t *json)
{
    json_t *tags = json_array(), *annotations = json_object();
    const struct opts *opts = plan->opts;
    for (size_t i = 0; i < opts->tags.count; i++)
        json_array_append_new(tags, json_text(span_of(opts->tags.items[i])));
    for (size_t i = 0; i < opts->annotations.count; i++)
        add_annotation(annotations, &opts->annotations.items[i]);
    for (size_t k = 0; output && k < output->names.count && !output->by_digest; k++)
        json_array_append_new(tags, json_text(span_of(output->names.items[k])));
    for (size_t k = 0; output && k < output->annotations.count; k++)
        add_annotation(annotations, &output->annotations.items[k]);
    if (output && output->docker_types)
        json_object_set_new(json, "docker", json_true());
    /* Of several platforms, the index that joins them has the names. */
    if (json_array_size(tags) && !opts->platform)
        json_object_set(json, "tags", tags);
    if (json_object_size(annotations))
        json_object_set(json, "annotations", annotations);
    json_decref(tags);
    json_decref(annotations);
}

void plan_set_names(const struct plan *plan, json_t *json)
{
    plan_set_names_of(plan, opts_output_main(plan->opts), json);
}

/* Layers that keep the compression that their registry gave them, unless it is forced on them. */
static json_t *kept_json(const struct plan *plan, const struct opt_output *output)
{
    json_t *kept = json_array();
    for (size_t i = 0; i < plan->bases.count && !output->force; i++)
        json_array_append_new(kept, json_string(plan->bases.items[i]->digest));
    return kept;
}

const char *plan_convert(struct plan *plan, struct planned *planned, const char *name, const struct opt_output *output,
                         const char *index)
{
    struct arena *arena = plan->arena;
    const struct opts *opts = plan->opts;
    if (!opts_output_is_other(opts, output))
        return index;
    const char *stage = planned->label, *text = arena_printf(arena, "image for %s", name);
    const char *base = arena_printf(arena, "%s/%s-image", planned->folder, name);
    struct place_note note = {stage, planned->stage->ast->from.place, span_of(text), NULL};
    plan_place(plan, base, &note);
    struct plan_step step = plan_step_begin_text(plan, RULE_IMAGE, base, stage, note.text);
    json_object_set_new(step.json, "kind", json_string("convert"));
    json_object_set_new(step.json, "name", json_string(opts->image ? opts->image : planned->stage->name));
    json_object_set_new(step.json, "compression", json_string(output->compression));
    if (output->level >= 0)
        json_object_set_new(step.json, "level", json_integer(output->level));
    json_object_set_new(step.json, "keep", kept_json(plan, output));
    if (opts->platforms.count <= 1)
        json_object_set_new(step.json, "platform", plan_platform_json(&planned->stage->platform));
    plan_set_names_of(plan, output, step.json);
    plan_step_line(&step, "image", &index, 1);
    vec_push(&step.edge->inputs, index);
    return plan_step_end(&step, arena_printf(arena, "%s.layout/index.json", base));
}
