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
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

static bool is_target(const struct plan *plan, const struct planned *planned)
{
    return planned->stage == plan->stages->target;
}

/* --- image --- */

json_t *plan_platform_json(const struct platform *platform)
{
    json_t *json = json_pack("{s:s,s:s}", "os", platform->os, "architecture", platform->architecture);
    if (*platform->variant)
        json_object_set_new(json, "variant", json_string(platform->variant));
    return json;
}

/* The member "layers". */
static struct span layers_text(const struct planned *planned, struct buf *out)
{
    size_t made = 0;
    buf_putc(out, '[');
    for (size_t i = 0; i < planned->layers.count; i++) {
        const struct image_layer *base = planned->layers.items[i]->base;
        if (i)
            buf_putc(out, ',');
        if (!base) {
            buf_printf(out, "{\"input\":%zu}", made++);
            continue;
        }
        json_t *json = json_pack("{s:s,s:s,s:I,s:s}", "mediaType", base->media_type, "digest", base->digest, "size",
                                 (json_int_t)base->size, "diff_id", base->diff_id);
        json_write(json, out);
        out->len--;
        json_decref(json);
    }
    buf_putc(out, ']');
    return (struct span){out->data, out->len};
}

static void write_config(struct plan *plan, struct planned *planned, const char *path)
{
    struct config *config = &planned->stage->config;
    struct arena scratch = {0};
    struct buf text = {0};
    struct span *fill = arena_array(&scratch, planned->layers.count + 1, sizeof *fill);
    for (size_t i = config_layer_count(config); i < planned->layers.count; i++)
        fill[i] = plan_layer_text(plan, &scratch, planned->layers.items[i]);
    struct config_times times = {plan->stages->epoch, plan->stages->has_epoch};
    config_write(config, plan->arena, &times, &(struct config_layers){fill, planned->layers.count}, &text);
    /* An image of dfgen.ini may be the base of another. */
    if (is_target(plan, planned) && plan->opts->image)
        planned->config = json_parse((struct span){text.data, text.len}, NULL);
    outbox_add(plan->outbox, path, &text);
    arena_free(&scratch);
}

static void add_base_stamps(struct plan *plan, struct plan_step *step, const struct planned *planned)
{
    for (size_t i = 0; i < planned->layers.count; i++) {
        const struct image_layer *base = planned->layers.items[i]->base;
        if (!base)
            continue;
        const char *stamp = plan_base_stamp(plan, base);
        plan_step_line(step, "root", &stamp, 1);
        graph_add_path(&step->edge->inputs, stamp);
    }
}

static const char *image_step(struct plan *plan, struct planned *planned)
{
    struct arena *arena = plan->arena;
    const struct opts *opts = plan->opts;
    const char *name = opts->image && is_target(plan, planned) ? opts->image : planned->stage->name;
    const char *label = planned->label;
    const char *config = arena_printf(arena, "%s/config.json", planned->folder);
    const char *text = arena_printf(arena, "image %s", name), *base = arena_printf(arena, "%s/image", planned->folder);
    struct place_note note = {label, planned->stage->ast->from.place, span_of(text), NULL};
    struct buf layers = {0};
    plan_place(plan, base, &note);
    struct plan_step step = plan_step_begin_text(plan, RULE_IMAGE, base, label, span_of("image"));
    json_object_set_new(step.json, "kind", json_string("image"));
    json_object_set_new(step.json, "name", json_string(name));
    json_object_set_new(step.json, "platform", plan_platform_json(&planned->stage->platform));
    step.text = (struct json_member){"layers", layers_text(planned, &layers)};
    if (is_target(plan, planned))
        plan_set_names(plan, step.json);
    if (is_target(plan, planned))
        plan_attest(plan, planned, &step);
    write_config(plan, planned, config);
    plan_step_line(&step, "config", &config, 1);
    vec_push(&step.edge->inputs, config);
    for (size_t i = 0; i < planned->layers.count; i++) {
        const char *descriptor = planned->layers.items[i]->descriptor;
        if (!descriptor)
            continue;
        plan_step_line(&step, "layer", &descriptor, 1);
        vec_push(&step.edge->inputs, descriptor);
    }
    add_base_stamps(plan, &step, planned);
    const char *layout = plan_layout(plan, plan->opts, planned->stage, is_target(plan, planned));
    const char *index = plan_step_end(&step, arena_printf(arena, "%s/index.json", layout));
    buf_free(&layers);
    return index;
}

/* --- what is written out --- */

/* type of output → what it is made from, and what its edge leaves. */
static const struct form {
    const char *type;
    bool from_image;        /* else from the root file system */
    bool always_tar, never_tar;
} forms[] = {
    {"oci", true, false, false},
    {"docker", true, false, false},
    {"tar", false, true, false},
    {"local", false, false, true},
    {"bundle", false, false, true},
    {"squashfs", false, true, false},
    /* Files about the image: --iidfile, --metadata-file. */
    {"registry", true, false, false},
    {"load", true, false, false},
    {"iid", true, true, false},
    {"metadata", true, true, false},
};

static const struct form *find_form(const char *type)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strcmp(forms[i].type, type))
            return &forms[i];
    return NULL;
}

static void set_files(json_t *json, const struct opt_output *output)
{
    json_t *files = json_array();
    for (size_t i = 0; i < output->files.count; i++)
        json_array_append_new(files, json_bytes(span_of(output->files.items[i])));
    if (output->files.count)
        json_object_set(json, "files", files);
    json_decref(files);
}

const char *plan_export(struct plan *plan, struct planned *planned, const char *name, const struct opt_output *output,
                        const char *index)
{
    struct arena *arena = plan->arena;
    const struct form *form = find_form(output->type);
    if (!strcmp(output->type, "registry"))
        return plan_push(plan, planned, name, output, index);
    bool is_tar = form->always_tar || (output->tar && !form->never_tar);
    const char *stage = planned->label;
    const char *text = plan_printable(arena, span_of(arena_printf(arena, "export %s to %s", output->type, output->dest)), 0);
    const char *base = arena_printf(arena, "%s/%s", planned->folder, name);
    struct plan_step step = plan_step_begin_text(plan, RULE_EXPORT, base, stage, span_of(text));
    if (planned->pack)
        plan_step_pack(&step, planned->pack, output->type);
    else
        plan_place(plan, base, &(struct place_note){stage, planned->stage->ast->from.place, span_of(text), NULL});
    json_object_set_new(step.json, "kind", json_string("export"));
    json_object_set_new(step.json, "type", json_string(output->type));
    json_object_set_new(step.json, "dest", json_bytes(span_of(output->dest)));
    json_object_set_new(step.json, "tar", json_boolean(is_tar));
    json_object_set_new(step.json, "epoch", json_integer(plan->stages->epoch));
    if (strcmp(plan->opts->timestamps, "epoch"))
        json_object_set_new(step.json, "times", json_string(plan->opts->timestamps));
    if (output->own)
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
    set_files(step.json, output);
    plan_step_end(&step, out);
    /* What other rules may depend on are outputs, too. */
    for (size_t i = 0; i < output->files.count; i++)
        vec_push(&step.edge->outputs, path_join(arena, output->dest, output->files.items[i]));
    return out;
}

/* --- targets --- */

void plan_target(struct plan *plan, const struct opts *opts, const char *name, const char *input)
{
    struct target *target = graph_target(plan->graph, arena_printf(plan->arena, "%s%s", plan->root->prefix, name));
    if (target->owner && target->owner != opts->own)
        die_usage("dfgen.ini: images %s and %s both make a target %s: call one of them or its stages otherwise",
                  path_base(target->owner), path_base(opts->own), name);
    target->owner = opts->own;
    vec_push(&target->inputs, input);
}

const char *plan_target_name(struct plan *plan, const struct opts *opts, const struct stage *stage, bool is_target)
{
    const char *name = !opts->image ? stage->target
                       : is_target  ? opts->image
                                    : arena_printf(plan->arena, "%s/%s", opts->image, stage->target);
    return opts->platform ? arena_printf(plan->arena, "%s/%s", name, opts->platform) : name;
}

const char *plan_layout(struct plan *plan, const struct opts *opts, const struct stage *stage, bool is_target)
{
    if (opts->image && is_target && !opts->platform)
        return arena_printf(plan->arena, "%s/images/%s", opts->state, opts->image);
    return arena_printf(plan->arena, "%s/images/%s", opts->folder, stage->target);
}

/* docker/STAGE, tar/STAGE, rootfs/STAGE: made when asked for, which for most stages is never. So one file has the steps. */
static void add_form_targets(struct plan *plan, struct planned *planned, const char *name, const char *index)
{
    struct arena *arena = plan->arena;
    const char *state = plan->root->state;
    const struct {
        const char *target, *step;
        struct opt_output output;
    } rows[] = {
        {"bundle", "to-bundle",
         {.type = "bundle", .dest = arena_printf(arena, "%s/bundle/%s", state, name), .own = true}},
        {"docker", "to-docker",
         {.type = "docker", .dest = arena_printf(arena, "%s/docker/%s.tar", state, name), .tar = true, .own = true}},
        {"rootfs", "to-rootfs", {.type = "local", .dest = arena_printf(arena, "%s/rootfs/%s", state, name), .own = true}},
        {"squashfs", "to-squashfs",
         {.type = "squashfs", .dest = arena_printf(arena, "%s/squashfs/%s.squashfs", state, name), .own = true}},
        {"tar", "to-tar",
         {.type = "tar", .dest = arena_printf(arena, "%s/tar/%s.tar", state, name), .tar = true, .own = true}},
    };
    const char *base = arena_printf(arena, "%s/exports", planned->folder);
    struct plan_pack pack = {.file = arena_printf(arena, "%s.json", base)};
    struct place place = planned->stage->ast->from.place;
    plan_place(plan, base, &(struct place_note){planned->label, place, span_of("export"), NULL});
    planned->pack = &pack;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        plan_target(plan, plan->opts, arena_printf(arena, "%s/%s", rows[i].target, name),
                    plan_export(plan, planned, rows[i].step, &rows[i].output, index));
    planned->pack = NULL;
    plan_pack_end(plan, &pack);
}

void plan_facts(struct plan *plan, struct planned *planned, const char *name, const char *index)
{
    const struct opt_output facts[] = {{.type = "iid", .dest = plan->opts->iidfile},
                                       {.type = "metadata", .dest = plan->opts->metadata_file}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if (facts[i].dest)
            plan_target(plan, plan->opts, name,
                        plan_export(plan, planned, arena_printf(plan->arena, "output-%s", facts[i].type), &facts[i], index));
}

void plan_output(struct plan *plan, struct planned *planned, const char *step, const struct opt_output *output,
                 const char *target, const char *index)
{
    /* These are the image layout itself. */
    if (!strcmp(output->type, "image") || !strcmp(output->type, "cacheonly"))
        return;
    index = plan_convert(plan, planned, step, output, index);
    plan_target(plan, plan->opts, target,
                strcmp(output->type, "load") ? plan_export(plan, planned, step, output, index)
                                             : plan_load(plan, planned, step, index));
}

/* Of several platforms, each has a folder in what --output type=local names, as docker has it. */
static void add_outputs(struct plan *plan, struct planned *planned, const char *name, const char *index)
{
    const struct opts *opts = plan->opts;
    for (size_t i = 0; i < opts->outputs.count; i++) {
        struct opt_output output = opts->outputs.items[i];
        const struct form *form = find_form(output.type);
        bool is_joined = opts->platform && form && form->from_image;
        if (opts->platform && output.dest)
            output.dest = path_join(plan->arena, output.dest, opts->platform);
        if (!is_joined)
            plan_output(plan, planned, arena_printf(plan->arena, "output-%zu", i + 1), &output, name, index);
    }
    /* Of several platforms, these are about the index that joins them. */
    if (!opts->platform)
        plan_facts(plan, planned, name, index);
}

/* Stages of an image that is one of several are only looked at: what they hold is written out of the image itself. */
void plan_image(struct plan *plan, struct planned *planned)
{
    const char *index = image_step(plan, planned);
    bool is_main = is_target(plan, planned);
    const char *name = plan_target_name(plan, plan->opts, planned->stage, is_main);
    plan_target(plan, plan->opts, name, index);
    if (is_main || !plan->opts->image)
        add_form_targets(plan, planned, name, index);
    if (is_main)
        add_outputs(plan, planned, name, index);
    if (!plan->opts->platform && (is_main || !plan->opts->image))
        plan_target(plan, plan->opts, arena_printf(plan->arena, "oci/%s", name), index);
    if (is_main && !plan->opts->platform)
        plan_target(plan, plan->opts, arena_printf(plan->arena, "push/%s", name), plan_push(plan, planned, "push", NULL, index));
    const char *load = is_main && !plan->opts->platform ? plan_load(plan, planned, "load", index) : NULL;
    if (load)
        plan_target(plan, plan->opts, arena_printf(plan->arena, "load/%s", name), load);
    if (load && plan->opts->load)
        plan_target(plan, plan->opts, name, load);
    if (is_main && !plan->opts->platform)
        vec_push(&plan->graph->defaults, arena_printf(plan->arena, "%s%s", plan->root->prefix, name));
}
