/*
 * Owns FROM: what a stage is built on, its platform, the triggers that its base brings, and where its config and
 * environment begin. Called by stage.c and needed.c. Must not know other instructions.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <string.h>

#include "gen/frontend.h"
#include "gen/images.h"
#include "gen/opts.h"
#include "gen/parse.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"

static struct place image_place(const struct stage *stage)
{
    return stage->ast->from.arg_count ? stage->ast->from.args[0].place : stage->ast->from.place;
}

static void read_platform(struct resolver *resolver, struct stage *stage)
{
    struct span text, value;
    struct place place;
    stage->platform = resolver->stages->target_platform;
    /* "--platform=" says no more than no flag. */
    if (!stage_flag(&stage->ast->from, "platform", &text, &place) || !text.len ||
        !stage_expand_with(resolver, &resolver->globals, text, place, &value))
        return;
    if (!value.len) {
        diag_error(resolver->diag, place, "empty platform value from expression %.*s", SPAN(text));
        return;
    }
    struct platform platform;
    const char *error = platform_parse(resolver->arena, value, &platform);
    if (error)
        diag_error(resolver->diag, place, "failed to parse platform %.*s: %s", SPAN(value), error);
    else
        stage->platform = platform;
}

/* What a named context becomes. */
static bool take_context(struct resolver *resolver, const struct named_context *context, struct span name,
                         struct place place, struct origin *origin)
{
    switch (context->kind) {
    case CONTEXT_FOLDER:
        *origin = (struct origin){.kind = ORIGIN_FOLDER, .folder = context->folder};
        return true;
    case CONTEXT_IMAGE:
        *origin = (struct origin){.kind = ORIGIN_IMAGE, .image = context->image};
        return true;
    case CONTEXT_REMOTE:
        stage_lock_remote(resolver, context->remote, place);
        *origin = (struct origin){.kind = ORIGIN_REMOTE, .remote = context->remote};
        seq_push(resolver->arena, &resolver->stages->remotes, context->remote);
        return true;
    case CONTEXT_SCRATCH:
        *origin = (struct origin){.kind = ORIGIN_SCRATCH};
        return true;
    case CONTEXT_NONE:
    case CONTEXT_BAD:
        break;
    }
    diag_error(resolver->diag, place, "context %.*s: %s", SPAN(name), context->error);
    return false;
}

static struct named_context context_of(struct resolver *resolver, struct span name)
{
    const struct platform *platform = resolver->stage ? &resolver->stage->platform : &resolver->stages->target_platform;
    return images_context(resolver->images, arena_strndup(resolver->arena, name.text, name.len), platform);
}

static void note_inputs(struct resolver *resolver, const struct image *image)
{
    for (size_t i = 0; i < image->input_count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < resolver->stages->inputs.count && !is_known; k++)
            is_known = !strcmp(resolver->stages->inputs.items[k], image->inputs[i]);
        if (!is_known)
            seq_push(resolver->arena, &resolver->stages->inputs, image->inputs[i]);
    }
}

bool stage_find_image(struct resolver *resolver, struct span name, struct place place, struct origin *origin)
{
    if (span_is(name, "scratch")) {
        *origin = (struct origin){.kind = ORIGIN_SCRATCH};
        return true;
    }
    struct named_context context = context_of(resolver, name);
    bool is_found = context.kind != CONTEXT_NONE;
    if (is_found && !take_context(resolver, &context, name, place, origin))
        return false;
    if (!is_found) {
        struct ref ref;
        const char *error;
        if (!ref_parse(resolver->arena, name, &ref)) {
            diag_error(resolver->diag, place, "failed to parse stage name \"%.*s\": %s", SPAN(name),
                       ref_error(resolver->arena, name));
            return false;
        }
        const struct image *image = images_find(resolver->images, ref_text(resolver->arena, &ref),
                                                &resolver->stage->platform, &error);
        if (!image) {
            diag_error(stage_missing_diag(resolver), place, "%s", error);
            return false;
        }
        *origin = (struct origin){.kind = ORIGIN_IMAGE, .image = image};
    }
    if (origin->kind != ORIGIN_IMAGE)
        return true;
    note_inputs(resolver, origin->image);
    return stage_lock_image(resolver, name, place, origin->image);
}

/* One FROM line. Errors here count for stages that are not needed, too. */
static void read_from(struct resolver *resolver, struct stage *stage)
{
    struct place place = image_place(stage);
    resolver->stage = stage;
    stage->base.kind = ORIGIN_IMAGE;
    read_platform(resolver, stage);
    if (!stage_expand_with(resolver, &resolver->globals, stage->ast->image, place, &stage->base_name))
        return;
    if (!stage->base_name.len) {
        diag_error(resolver->diag, place, "base name (%.*s) should not be blank", SPAN(stage->ast->image));
        return;
    }
    if (stage->ast->name.len && context_of(resolver, stage->ast->name).kind != CONTEXT_NONE) {
        stage->is_replaced = true;
        return;
    }
    struct stage *base = stage_find(resolver, stage->base_name, stage->index);
    if (base) {
        stage->base = (struct origin){.kind = ORIGIN_STAGE, .stage = base};
        stage->platform = base->platform;
    } else if (span_is(stage->base_name, "scratch")) {
        stage->base.kind = ORIGIN_SCRATCH;
        stage->platform = resolver->stages->target_platform;
    } else {
        /* Whether a named context replaces it or not. */
        const char *error = ref_error(resolver->arena, stage->base_name);
        if (error)
            diag_error(resolver->diag, place, "failed to parse stage name \"%.*s\": %s", SPAN(stage->base_name), error);
    }
}

void stage_read_froms(struct resolver *resolver)
{
    for (size_t i = 0; i < resolver->stages->count; i++) {
        struct stage *stage = &resolver->stages->items[i];
        read_from(resolver, stage);
        stage->platform_text = platform_text(resolver->arena, &stage->platform);
    }
}

static void add_trigger(struct resolver *resolver, struct stage *stage, struct span text)
{
    struct insn insn;
    if (!parse_trigger(resolver->arena, text, stage->ast->from.place, resolver->diag, &insn))
        return;
    seq_push(resolver->arena, &stage->triggers, insn);
    needed_scan(resolver, stage, &insn);
}

static void add_image_triggers(struct resolver *resolver, struct stage *stage, const struct image *image)
{
    struct config config;
    config_from_image(&config, resolver->arena, image->config);
    for (size_t i = 0; i < config.on_build.count; i++)
        add_trigger(resolver, stage, config.on_build.items[i]);
}

/* A base stage's own ONBUILDs, or its image's when a named context replaced the stage. */
static void add_stage_triggers(struct resolver *resolver, struct stage *stage, const struct stage *base)
{
    struct origin origin;
    if (base->is_replaced) {
        if (stage_find_image(resolver, base->ast->name, base->ast->from.place, &origin) && origin.kind == ORIGIN_IMAGE)
            add_image_triggers(resolver, stage, origin.image);
        return;
    }
    for (size_t i = 0; i < base->ast->insn_count; i++)
        if (base->ast->insns[i].kind == INSN_ONBUILD)
            add_trigger(resolver, stage, base->ast->insns[i].trigger);
}

void stage_enter(struct resolver *resolver)
{
    struct stage *stage = resolver->stage;
    if (stage->is_entered)
        return;
    stage->is_entered = true;
    size_t errors = diag_error_count(resolver->diag);
    if (stage->is_replaced)
        stage_find_image(resolver, stage->ast->name, stage->ast->from.place, &stage->base);
    else if (stage->base.kind == ORIGIN_IMAGE && frontend_is_foreign(&stage->platform))
        diag_error(resolver->diag, stage->ast->from.place, "images for Windows cannot be built here, only for Linux");
    else if (stage->base.kind == ORIGIN_IMAGE)
        stage_find_image(resolver, stage->base_name, image_place(stage), &stage->base);
    if (diag_error_count(resolver->diag) == errors) {
        if (stage->base.kind == ORIGIN_STAGE)
            add_stage_triggers(resolver, stage, stage->base.stage);
        else if (stage->base.kind == ORIGIN_IMAGE && !stage->is_replaced)
            add_image_triggers(resolver, stage, stage->base.image);
    }
    stage->has_failed |= diag_error_count(resolver->diag) > errors;
}

/* A folder as base, here or elsewhere: a stage from scratch whose first step copies all of it. */
static void add_folder(struct resolver *resolver, struct stage *stage)
{
    struct action *action = stage_add_action(resolver, ACTION_COPY, &stage->ast->from);
    action->copy = (struct copy_action){.from = stage->base, .dest = {"/", 1}, .is_slash = true};
    struct copy_source all = {.path = {"/", 1}, .place = image_place(stage)};
    seq_push(resolver->arena, &action->copy.sources, all);
    stage->base = (struct origin){.kind = ORIGIN_SCRATCH};
    stage->is_from_folder = true;
}

static void put_env_into_scope(struct resolver *resolver, struct stage *stage)
{
    for (size_t i = 0; i < stage->config.env.count; i++) {
        struct span pair = stage->config.env.items[i];
        const char *equals = memchr(pair.text, '=', pair.len);
        struct span name = {pair.text, equals ? (size_t)(equals - pair.text) : pair.len};
        struct span value = equals ? span_skip(pair, name.len + 1) : (struct span){"", 0};
        scope_set(&stage->scope, resolver->arena, name, value);
    }
}

void stage_begin(struct resolver *resolver)
{
    struct stage *stage = resolver->stage;
    struct arena *arena = resolver->arena;
    switch (stage->base.kind) {
    case ORIGIN_STAGE:
        config_inherit(&stage->config, arena, &stage->base.stage->config);
        scope_copy(&stage->scope, arena, &stage->base.stage->scope);
        seq_copy(arena, &stage->declared_args, &stage->base.stage->declared_args);
        break;
    case ORIGIN_IMAGE:
        config_from_image(&stage->config, arena, stage->base.image->config);
        if (!stage->is_replaced)
            stage->config.on_build = (span_seq){0};
        if (resolver->opts->platforms.count)
            stage->config.platform = resolver->stages->target_platform;
        break;
    case ORIGIN_FOLDER:
    case ORIGIN_REMOTE:
        config_init(&stage->config, arena, &resolver->stages->target_platform);
        add_folder(resolver, stage);
        break;
    case ORIGIN_SCRATCH:
    case ORIGIN_CONTEXT:
        config_init(&stage->config, arena, &resolver->stages->target_platform);
        break;
    }
    put_env_into_scope(resolver, stage);
}
