/*
 * Owns what becomes of a stage's root: packed layers, the image, and what is written out of it. Called by plan when a stage's steps stand.
 * Must not know instructions.
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
#include "runtime/lib/json.h"

static bool is_target(const struct plan *plan, const struct planned *planned)
{
    return planned->stage == plan->stages->target;
}

/* --- image --- */

static json_t *platform_json(const struct platform *platform)
{
    json_t *json = json_pack("{s:s,s:s}", "os", platform->os, "architecture", platform->architecture);
    if (*platform->variant)
        json_object_set_new(json, "variant", json_string(platform->variant));
    return json;
}

static json_t *layers_json(const struct planned *planned)
{
    json_t *layers = json_array();
    size_t made = 0;
    for (size_t i = 0; i < planned->layers.count; i++) {
        const struct image_layer *base = planned->layers.items[i].base;
        json_array_append_new(layers, base ? json_pack("{s:s,s:s,s:I,s:s}", "mediaType", base->media_type, "digest", base->digest,
                                                       "size", (json_int_t)base->size, "diff_id", base->diff_id)
                                           : json_pack("{s:i}", "input", (int)made++));
    }
    return layers;
}

/* Names and annotations are the target's: other stages are only looked at. */
static void set_names(const struct plan *plan, json_t *json)
{
    json_t *tags = json_array(), *annotations = json_object();
    const struct opts *opts = plan->opts;
    for (size_t i = 0; i < opts->tags.count; i++)
        json_array_append_new(tags, json_text(span_of(opts->tags.items[i])));
    for (size_t i = 0; i < opts->annotations.count; i++)
        json_object_set_new(annotations, opts->annotations.items[i].name,
                            json_text(span_of(opts->annotations.items[i].value)));
    for (size_t i = 0; i < opts->outputs.count; i++) {
        const struct opt_output *output = &opts->outputs.items[i];
        for (size_t k = 0; k < output->names.count; k++)
            json_array_append_new(tags, json_text(span_of(output->names.items[k])));
        for (size_t k = 0; k < output->annotations.count; k++)
            json_object_set_new(annotations, output->annotations.items[k].name,
                                json_text(span_of(output->annotations.items[k].value)));
        if (output->docker_types)
            json_object_set_new(json, "docker", json_true());
    }
    if (json_array_size(tags))
        json_object_set(json, "tags", tags);
    if (json_object_size(annotations))
        json_object_set(json, "annotations", annotations);
    json_decref(tags);
    json_decref(annotations);
}

static void write_config(struct plan *plan, const struct planned *planned, const char *path)
{
    struct span *fill = arena_array(plan->arena, planned->layers.count + 1, sizeof *fill);
    for (size_t i = 0; i < planned->layers.count; i++)
        fill[i] = planned->layers.items[i].text;
    struct config_times times = {plan->stages->epoch, plan->stages->has_epoch};
    json_t *config = config_write(&planned->stage->config, &times, fill, planned->layers.count);
    outbox_add_json(plan->outbox, path, config);
    json_decref(config);
}

static void add_base_stamps(struct plan *plan, struct plan_step *step, const struct planned *planned)
{
    for (size_t i = 0; i < planned->layers.count; i++) {
        const struct image_layer *base = planned->layers.items[i].base;
        if (!base)
            continue;
        const char *stamp = arena_printf(plan->arena, ".dfgen/bases/%s.stamp", base->diff_id + 7);
        plan_step_line(step, "root", &stamp, 1);
        graph_add_path(&step->edge->inputs, stamp);
    }
}

static const char *image_step(struct plan *plan, struct planned *planned)
{
    struct arena *arena = plan->arena;
    const char *name = planned->stage->name, *config = arena_printf(arena, "%s/config.json", planned->folder);
    const char *text = arena_printf(arena, "image %s", name), *label = arena_printf(arena, "%s", name);
    plan_place(planned->places, "image", label, plan_where(arena, planned->stage->ast->from.place), text);
    struct plan_step step = plan_step_begin_text(plan, RULE_IMAGE, arena_printf(arena, "%s/image", planned->folder), label, "image");
    json_object_set_new(step.json, "kind", json_string("image"));
    json_object_set_new(step.json, "name", json_string(name));
    json_object_set_new(step.json, "platform", platform_json(&planned->stage->platform));
    json_object_set_new(step.json, "layers", layers_json(planned));
    if (is_target(plan, planned))
        set_names(plan, step.json);
    write_config(plan, planned, config);
    plan_step_line(&step, "config", &config, 1);
    vec_push(&step.edge->inputs, config);
    for (size_t i = 0; i < planned->layers.count; i++) {
        const char *descriptor = planned->layers.items[i].descriptor;
        if (!descriptor)
            continue;
        plan_step_line(&step, "layer", &descriptor, 1);
        vec_push(&step.edge->inputs, descriptor);
    }
    add_base_stamps(plan, &step, planned);
    const char *index = arena_printf(arena, ".dfgen/images/%s/index.json", planned->stage->target);
    plan_step_end(&step, index);
    return index;
}

/* --- what is written out --- */

/* type of output → what it is made from, and what its edge leaves. */
static const struct form {
    const char *type;
    bool from_image;        /* else from the root file system */
    bool always_tar, never_tar;
} forms[] = {
    {"oci", true, false, false},      {"docker", true, false, false},  {"tar", false, true, false},
    {"local", false, false, true},    {"bundle", false, false, true},  {"squashfs", false, true, false},
    /* Files about the image: --iidfile, --metadata-file. */
    {"iid", true, true, false},       {"metadata", true, true, false},
};

static const struct form *find_form(const char *type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strcmp(forms[i].type, type))
            return &forms[i];
    return NULL;
}

/* One export edge. Returns its output: the archive, the layout's index.json, or a stamp for a folder of files. */
static const char *export_step(struct plan *plan, struct planned *planned, const char *name, const struct opt_output *output,
                               const char *index)
{
    struct arena *arena = plan->arena;
    const struct form *form = find_form(output->type);
    bool is_tar = form->always_tar || (output->tar && !form->never_tar);
    const char *stage = planned->stage->name;
    const char *text = plan_printable(arena, span_of(arena_printf(arena, "export %s to %s", output->type, output->dest)), 0);
    const char *base = arena_printf(arena, "%s/%s", planned->folder, name);
    plan_place(planned->places, name, stage, plan_where(arena, planned->stage->ast->from.place), text);
    struct plan_step step = plan_step_begin_text(plan, RULE_EXPORT, base, stage, text);
    json_object_set_new(step.json, "kind", json_string("export"));
    json_object_set_new(step.json, "type", json_string(output->type));
    json_object_set_new(step.json, "dest", json_bytes(span_of(output->dest)));
    json_object_set_new(step.json, "tar", json_boolean(is_tar));
    json_object_set_new(step.json, "epoch", json_integer(plan->stages->epoch));
    if (strcmp(plan->opts->timestamps, "epoch"))
        json_object_set_new(step.json, "times", json_string(plan->opts->timestamps));
    if (!strncmp(output->dest, ".dfgen/", 7))
        json_object_set_new(step.json, "own", json_true());
    if (form->from_image) {
        plan_step_line(&step, "image", &index, 1);
        vec_push(&step.edge->inputs, index);
    } else {
        plan_step_root(&step, &planned->root);
    }
    if (!strcmp(output->type, "bundle")) {
        const char *config = arena_printf(arena, "%s/config.json", planned->folder);
        plan_step_line(&step, "config", &config, 1);
        vec_push(&step.edge->inputs, config);
    }
    const char *out = is_tar             ? output->dest
                      : form->from_image ? arena_printf(arena, "%s/index.json", output->dest)
                                         : arena_printf(arena, "%s.stamp", base);
    plan_step_end(&step, out);
    return out;
}

static void add_target(struct plan *plan, const char *name, const char *input)
{
    vec_push(&graph_target(plan->graph, name)->inputs, input);
}

/* oci/STAGE, docker/STAGE, tar/STAGE, ...: made when asked for. */
static void add_form_targets(struct plan *plan, struct planned *planned, const char *index)
{
    struct arena *arena = plan->arena;
    const char *target = planned->stage->target;
    const struct {
        const char *target, *step;
        struct opt_output output;
    } rows[] = {
        {"docker", "to-docker", {.type = "docker", .dest = arena_printf(arena, ".dfgen/docker/%s.tar", target), .tar = true}},
        {"tar", "to-tar", {.type = "tar", .dest = arena_printf(arena, ".dfgen/tar/%s.tar", target), .tar = true}},
        {"rootfs", "to-rootfs", {.type = "local", .dest = arena_printf(arena, ".dfgen/rootfs/%s", target)}},
        {"bundle", "to-bundle", {.type = "bundle", .dest = arena_printf(arena, ".dfgen/bundle/%s", target)}},
        {"squashfs", "to-squashfs", {.type = "squashfs", .dest = arena_printf(arena, ".dfgen/squashfs/%s.squashfs", target)}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        add_target(plan, arena_printf(arena, "%s/%s", rows[i].target, target),
                   export_step(plan, planned, rows[i].step, &rows[i].output, index));
    add_target(plan, arena_printf(arena, "oci/%s", target), index);
}

static void add_outputs(struct plan *plan, struct planned *planned, const char *index)
{
    for (size_t i = 0; i < plan->opts->outputs.count; i++) {
        const char *name = arena_printf(plan->arena, "output-%zu", i + 1);
        add_target(plan, planned->stage->target, export_step(plan, planned, name, &plan->opts->outputs.items[i], index));
    }
    const struct opt_output facts[] = {{.type = "iid", .dest = plan->opts->iidfile},
                                       {.type = "metadata", .dest = plan->opts->metadata_file}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (facts[i].dest)
            add_target(plan, planned->stage->target,
                       export_step(plan, planned, arena_printf(plan->arena, "output-%s", facts[i].type), &facts[i], index));
}

void plan_image(struct plan *plan, struct planned *planned)
{
    const char *index = image_step(plan, planned);
    add_target(plan, planned->stage->target, index);
    add_form_targets(plan, planned, index);
    if (is_target(plan, planned)) {
        add_outputs(plan, planned, index);
        vec_push(&plan->graph->defaults, planned->stage->target);
    }
}
