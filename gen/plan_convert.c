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

static void add_annotations(json_t *json, const opt_annotations *list, enum opt_annotated type, const char *platform)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct opt_annotation *one = &list->items[i];
        bool is_for_it = platform ? one->platform && !strcmp(one->platform, platform) : !one->platform;
        if (one->type == type && is_for_it)
            json_object_set_new(json, one->key, json_text(span_of(one->value)));
    }
}

/* Those for the platform alone go over those for all, and an output's over the options'. None: no member. */
static void set_annotations(const struct plan *plan, const struct opt_output *output, json_t *json, const char *member,
                            enum opt_annotated type, const char *platform)
{
    json_t *annotations = json_object();
    const char *platforms[] = {NULL, platform};
    for (size_t i = 0; i < sizeof platforms / sizeof *platforms; i++) {
        add_annotations(annotations, &plan->opts->annotations, type, platforms[i]);
        if (output)
            add_annotations(annotations, &output->annotations, type, platforms[i]);
    }
    if (json_object_size(annotations))
        json_object_set(json, member, annotations);
    json_decref(annotations);
}

static void set_manifest_annotations(const struct plan *plan, const struct opt_output *output, json_t *json,
                                     const struct platform *platform)
{
    const char *text = platform_text(plan->arena, platform);
    set_annotations(plan, output, json, "annotations", ANNOTATE_MANIFEST, text);
    set_annotations(plan, output, json, "descriptor_annotations", ANNOTATE_MANIFEST_DESCRIPTOR, text);
}

/* What an index that is made anew says of its manifests, in its order: a platform that is named twice stands once. */
static json_t *manifests_json(const struct plan *plan, const struct opt_output *output)
{
    const opt_list *texts = &plan->opts->platforms;
    const char **names = arena_array(plan->arena, texts->count, sizeof *names);
    json_t *manifests = json_array();
    size_t count = 0;
    for (size_t i = 0; i < texts->count; i++) {
        struct platform platform;
        if (platform_parse(plan->arena, span_of(texts->items[i]), &platform))
            continue;
        names[count] = platform_text(plan->arena, &platform);
        size_t k = 0;
        while (strcmp(names[k], names[count]))
            k++;
        if (k < count)
            continue;
        json_t *manifest = json_object();
        set_manifest_annotations(plan, output, manifest, &platform);
        json_array_append_new(manifests, manifest);
        count++;
    }
    return manifests;
}

void plan_set_names_of(const struct plan *plan, const struct opt_output *output, json_t *json)
{
    json_t *tags = json_array();
    const struct opts *opts = plan->opts;
    for (size_t i = 0; i < opts->tags.count; i++)
        json_array_append_new(tags, json_text(span_of(opts->tags.items[i])));
    for (size_t k = 0; output && k < output->names.count && !output->by_digest; k++)
        json_array_append_new(tags, json_text(span_of(output->names.items[k])));
    if (output && output->docker_types)
        json_object_set_new(json, "docker", json_true());
    /* Of several platforms, the index that joins them has the names. */
    if (json_array_size(tags) && !opts->platform)
        json_object_set(json, "tags", tags);
    json_decref(tags);
    if (opts->platforms.count > 1) {
        set_annotations(plan, output, json, "annotations", ANNOTATE_INDEX, NULL);
        set_annotations(plan, output, json, "descriptor_annotations", ANNOTATE_INDEX_DESCRIPTOR, NULL);
    } else {
        set_manifest_annotations(plan, output, json, &plan->stages->target_platform);
    }
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
    else
        json_object_set_new(step.json, "manifests", manifests_json(plan, output));
    plan_set_names_of(plan, output, step.json);
    plan_step_line(&step, "image", &index, 1);
    vec_push(&step.edge->inputs, index);
    return plan_step_end(&step, arena_printf(arena, "%s.layout/index.json", base));
}
