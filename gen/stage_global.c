/*
 * Owns what holds for the whole file: the platform that is built for, automatic and global ARGs, SOURCE_DATE_EPOCH.
 * Called by stage.c. Must not know stages but by name.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gen/images.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"

static struct place whole_file(const struct resolver *resolver)
{
    return (struct place){.source = resolver->file->source};
}

static void set_target_platform(struct resolver *resolver)
{
    const struct opts *opts = resolver->opts;
    struct stages *stages = resolver->stages;
    stages->target_platform = platform_host();
    if (!opts->platforms.count)
        return;
    const char *error = platform_parse(resolver->arena, span_of(opts->platforms.items[0]), &stages->target_platform);
    if (error)
        diag_error(resolver->diag, whole_file(resolver), "--platform: %s", error);
}

static void set_platform_args(struct resolver *resolver, const char *prefix, const struct platform *platform)
{
    const struct {
        const char *name, *value;
    } args[] = {
        {"PLATFORM", platform_text(resolver->arena, platform)},
        {"OS", platform->os},
        {"ARCH", platform->architecture},
        {"VARIANT", platform->variant},
        {"OSVERSION", ""},
    };
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        struct span name = span_of(arena_printf(resolver->arena, "%s%s", prefix, args[i].name));
        struct span value = span_of(args[i].value);
        stage_build_arg(resolver, name, &value);
        scope_set(&resolver->globals, resolver->arena, name, value);
    }
}

static void set_automatic_args(struct resolver *resolver)
{
    struct platform host = platform_host();
    const struct dockerfile *file = resolver->file;
    set_platform_args(resolver, "BUILD", &host);
    set_platform_args(resolver, "TARGET", &resolver->stages->target_platform);
    struct span stage = span_of("default");
    if (resolver->opts->target && *resolver->opts->target)
        stage = span_of(resolver->opts->target);
    else if (file->stage_count && file->stages[file->stage_count - 1].name.len)
        stage = file->stages[file->stage_count - 1].name;
    stage_build_arg(resolver, span_of("TARGETSTAGE"), &stage);
    scope_set(&resolver->globals, resolver->arena, span_of("TARGETSTAGE"), stage);
}

static void set_global(struct resolver *resolver, const struct arg *arg)
{
    struct span name = arg->name, value;
    bool is_set = stage_build_arg(resolver, name, &value);
    if (!is_set && arg->has_value)
        is_set = stage_expand_with(resolver, &resolver->globals, arg->value, arg->place, &value);
    if (is_set)
        scope_set(&resolver->globals, resolver->arena, name, value);
}

/* Where the value of SOURCE_DATE_EPOCH is written. */
static struct place epoch_place(const struct resolver *resolver)
{
    const struct dockerfile *file = resolver->file;
    for (size_t i = file->global_count; i-- > 0;)
        for (size_t k = 0; k < file->globals[i].arg_count; k++)
            if (span_is(file->globals[i].args[k].name, "SOURCE_DATE_EPOCH"))
                return file->globals[i].args[k].place;
    return whole_file(resolver);
}

static bool is_stage_or_context(struct resolver *resolver, struct span name)
{
    struct stage *stage;
    const char *text = arena_strndup(resolver->arena, name.text, name.len);
    stage_find_source(resolver, name, false, whole_file(resolver), &stage);
    return stage || images_context(resolver->images, text, &resolver->stages->target_platform).kind != CONTEXT_NONE;
}

static void set_epoch(struct resolver *resolver)
{
    struct span text;
    if (!scope_get(&resolver->globals, span_of("SOURCE_DATE_EPOCH"), &text)) {
        if (!resolver->opts->source_date_epoch)
            return;
        text = span_of(resolver->opts->source_date_epoch);
    }
    /* "context": a local folder has no time of its own. */
    if (!text.len || span_is(text, "context"))
        return;
    char *end, *copy = arena_strndup(resolver->arena, text.text, text.len);
    errno = 0;
    long long epoch = strtoll(copy, &end, 10);
    bool is_number = !errno && !*end && (text.text[0] == '-' || text.text[0] == '+' ||
                                         (text.text[0] >= '0' && text.text[0] <= '9'));
    if (is_number) {
        resolver->stages->epoch = epoch;
        resolver->stages->has_epoch = true;
    } else if (is_stage_or_context(resolver, text)) {
        diag_error(resolver->diag, epoch_place(resolver),
                   "SOURCE_DATE_EPOCH: the time of a stage or context (%.*s) is not supported yet: give seconds",
                   SPAN(text));
    } else {
        diag_error(resolver->diag, epoch_place(resolver), "invalid SOURCE_DATE_EPOCH: %.*s", SPAN(text));
    }
}

static void set_args(struct resolver *resolver)
{
    set_target_platform(resolver);
    set_automatic_args(resolver);
    for (size_t i = 0; i < resolver->file->global_count; i++)
        for (size_t k = 0; k < resolver->file->globals[i].arg_count; k++)
            set_global(resolver, &resolver->file->globals[i].args[k]);
}

void stage_set_globals(struct resolver *resolver)
{
    set_args(resolver);
    set_epoch(resolver);
}

void stage_read_globals(struct arena *arena, const struct opts *opts, const struct dockerfile *file, struct diag *diag,
                        struct scope *globals, struct platform *target)
{
    struct stages stages = {0};
    struct resolver resolver = {.arena = arena, .opts = opts, .file = file, .stages = &stages, .user = diag,
                                .hidden = diag, .diag = diag};
    set_args(&resolver);
    *globals = resolver.globals;
    *target = stages.target_platform;
}
