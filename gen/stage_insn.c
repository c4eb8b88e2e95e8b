/*
 * Owns what each instruction does to a stage's config and environment: a row of a table each. Called by stage.c, in the
 * order of the file. Copies and RUN have files of their own.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "gen/history.h"
#include "gen/value.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"

static void add_history(struct resolver *resolver, struct span text, bool is_layer)
{
    config_add_history(&resolver->stage->config, resolver->arena, text, is_layer);
}

struct action *stage_add_action(struct resolver *resolver, enum action_kind kind, const struct insn *insn)
{
    struct action *action = arena_alloc(resolver->arena, sizeof *action);
    *action = (struct action){.kind = kind, .place = insn->place, .text = insn->text};
    seq_push(resolver->arena, &resolver->stage->actions, action);
    return action;
}

void stage_add_shell(const struct resolver *resolver, span_seq *words)
{
    const span_seq *shell = &resolver->stage->config.shell;
    for (size_t i = 0; i < shell->count; i++)
        seq_push(resolver->arena, words, shell->items[i]);
    if (shell->count)
        return;
    seq_push(resolver->arena, words, span_of("/bin/sh"));
    seq_push(resolver->arena, words, span_of("-c"));
}

struct origin stage_main_context(const struct resolver *resolver)
{
    return (struct origin){.kind = resolver->opts->context_source ? ORIGIN_REMOTE : ORIGIN_CONTEXT};
}

bool stage_find_origin(struct resolver *resolver, struct span name, bool takes_numbers, struct place place,
                       const char *target, struct origin *origin)
{
    struct stage *source, *stage = resolver->stage;
    if (!stage_find_source(resolver, name, takes_numbers, place, &source))
        return false;
    if (!source)
        return stage_find_image(resolver, name, place, origin);
    *origin = (struct origin){.kind = ORIGIN_STAGE, .stage = source};
    if (source->index < stage->index) {
        /* What is wrong with it has been said where it stands. */
        stage->has_failed |= source->has_failed;
        return !source->has_failed;
    }
    if (target)
        diag_error(resolver->diag, place,
                   "cannot mount from stage \"%.*s\" to \"%s\", stage needs to be defined before current command",
                   SPAN(name), target);
    else
        diag_error(resolver->diag, place,
                   "cannot copy from stage \"%.*s\", it needs to be defined before current stage \"%s\"", SPAN(name),
                   stage->name);
    return false;
}

/* Once; base stages' are there already. */
static void declare_arg(struct resolver *resolver, struct span name)
{
    struct stage *stage = resolver->stage;
    size_t i;
    while (stage->arg_names.items.count < stage->declared_args.count)
        names_add(&stage->arg_names, resolver->arena, stage->declared_args.items[stage->arg_names.items.count]);
    if (!names_find(&stage->arg_names, name, &i))
        seq_push(resolver->arena, &stage->declared_args, name);
}

/*
 * ARG name[=default] (dockerfile.md §3.3): a build argument, else the default, else the global of that name. The name
 * is taken as written, and a default that a build argument replaces is not looked at.
 */
static void resolve_arg(struct resolver *resolver, const struct insn *insn)
{
    struct stage *stage = resolver->stage;
    struct span text = span_of("ARG");
    for (size_t i = 0; i < insn->arg_count; i++) {
        const struct arg *arg = &insn->args[i];
        struct span name = arg->name, value = {"", 0};
        bool is_set = stage_build_arg(resolver, name, &value);
        if (!is_set && arg->has_value && !stage_expand(resolver, arg->value, arg->place, &value))
            continue;
        is_set = is_set || arg->has_value || scope_get(&resolver->globals, name, &value);
        if (is_set)
            scope_set(&stage->scope, resolver->arena, name, value);
        declare_arg(resolver, name);
        text = span_of(arena_printf(resolver->arena, "%.*s %.*s%s%.*s", SPAN(text), SPAN(name), is_set ? "=" : "",
                                    SPAN(value)));
    }
    add_history(resolver, text, false);
}

/* All names and values of ENV or LABEL: the whole line sees the environment before it. NULL: said in diag. */
static struct label *expand_pairs(struct resolver *resolver, const struct insn *insn)
{
    struct label *pairs = arena_array(resolver->arena, insn->arg_count, sizeof *pairs);
    bool is_fine = true;
    for (size_t i = 0; i < insn->arg_count; i++) {
        const struct arg *arg = &insn->args[i];
        is_fine &= stage_expand(resolver, arg->name, arg->place, &pairs[i].name) &&
                   stage_expand(resolver, arg->value, arg->place, &pairs[i].value);
    }
    return is_fine ? pairs : NULL;
}

static void resolve_env(struct resolver *resolver, const struct insn *insn)
{
    const struct label *pairs = expand_pairs(resolver, insn);
    for (size_t i = 0; pairs && i < insn->arg_count; i++) {
        scope_set(&resolver->stage->scope, resolver->arena, pairs[i].name, pairs[i].value);
        config_set_env(&resolver->stage->config, resolver->arena, pairs[i].name, pairs[i].value);
    }
    if (pairs)
        add_history(resolver, history_pairs(resolver->arena, "ENV", pairs, insn->arg_count), false);
}

static void resolve_label(struct resolver *resolver, const struct insn *insn)
{
    const struct label *pairs = expand_pairs(resolver, insn);
    for (size_t i = 0; pairs && i < insn->arg_count; i++)
        config_set_label(&resolver->stage->config, resolver->arena, pairs[i].name, pairs[i].value);
    if (pairs)
        add_history(resolver, history_pairs(resolver->arena, "LABEL", pairs, insn->arg_count), false);
}

/* JSON as it is, text behind the shell. */
static span_seq command_words(struct resolver *resolver, const struct insn *insn)
{
    span_seq words = {0};
    if (!insn->is_json)
        stage_add_shell(resolver, &words);
    if (!insn->is_json && !insn->arg_count)
        seq_push(resolver->arena, &words, (struct span){"", 0});
    for (size_t i = 0; i < insn->arg_count; i++)
        seq_push(resolver->arena, &words, insn->args[i].value);
    return words;
}

static void resolve_cmd(struct resolver *resolver, const struct insn *insn)
{
    struct stage *stage = resolver->stage;
    stage->config.cmd = command_words(resolver, insn);
    stage->config.args_escaped = true;
    stage->has_cmd = true;
    add_history(resolver, history_quoted(resolver->arena, "CMD", &stage->config.cmd), false);
}

/* A CMD that was not set in this stage goes. */
static void resolve_entrypoint(struct resolver *resolver, const struct insn *insn)
{
    struct config *config = &resolver->stage->config;
    config->entrypoint = command_words(resolver, insn);
    if (!resolver->stage->has_cmd)
        config->cmd = (span_seq){0};
    add_history(resolver, history_quoted(resolver->arena, "ENTRYPOINT", &config->entrypoint), false);
}

static int compare_args(const void *left, const void *right)
{
    struct span a = ((const struct arg *)left)->value, b = ((const struct arg *)right)->value;
    int order = memcmp(a.text, b.text, a.len < b.len ? a.len : b.len);
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static void expose_word(struct resolver *resolver, struct span word, struct place place, span_seq *exposed)
{
    struct value_ports ports;
    const char *error = value_ports(resolver->arena, word, &ports);
    if (error) {
        diag_error(resolver->diag, place, "%s", error);
        return;
    }
    for (unsigned port = ports.first; port <= ports.last; port++) {
        struct span text = span_of(arena_printf(resolver->arena, "%u/%s", port, ports.protocol));
        seq_push(resolver->arena, exposed, text);
        config_add_port(&resolver->stage->config, resolver->arena, text);
    }
}

static void resolve_expose(struct resolver *resolver, const struct insn *insn)
{
    span_seq exposed = {0};
    struct word_env env = {scope_lookup, &resolver->stage->scope, &resolver->spent};
    struct arg *sorted = arena_array(resolver->arena, insn->arg_count, sizeof *sorted);
    memcpy(sorted, insn->args, insn->arg_count * sizeof *sorted);
    qsort(sorted, insn->arg_count, sizeof *sorted, compare_args);
    for (size_t i = 0; i < insn->arg_count; i++) {
        struct word_list words = word_split(resolver->arena, sorted[i].value, resolver->file->escape, &env);
        if (words.error)
            diag_error(resolver->diag, sorted[i].place, "failed to process \"%.*s\": %s", SPAN(sorted[i].value),
                       words.error);
        for (size_t k = 0; !words.error && k < words.count; k++)
            expose_word(resolver, words.words[k], sorted[i].place, &exposed);
    }
    add_history(resolver, history_list(resolver->arena, "EXPOSE", &exposed), false);
}

static void resolve_volume(struct resolver *resolver, const struct insn *insn)
{
    span_seq volumes = {0};
    for (size_t i = 0; i < insn->arg_count; i++) {
        struct span path;
        if (!stage_expand(resolver, insn->args[i].value, insn->args[i].place, &path))
            continue;
        if (!path.len) {
            diag_error(resolver->diag, insn->args[i].place, "VOLUME specified can not be an empty string");
            continue;
        }
        seq_push(resolver->arena, &volumes, path);
        config_add_volume(&resolver->stage->config, resolver->arena, path);
    }
    add_history(resolver, history_list(resolver->arena, "VOLUME", &volumes), false);
}

static void resolve_user(struct resolver *resolver, const struct insn *insn)
{
    struct config *config = &resolver->stage->config;
    if (stage_expand(resolver, insn->args[0].value, insn->args[0].place, &config->user))
        add_history(resolver, history_text(resolver->arena, "USER", config->user), false);
}

static void resolve_stopsignal(struct resolver *resolver, const struct insn *insn)
{
    struct span text;
    if (!stage_expand(resolver, insn->args[0].value, insn->args[0].place, &text))
        return;
    const char *error = value_signal(resolver->arena, text);
    if (error)
        diag_error(resolver->diag, insn->args[0].place, "%s", error);
    resolver->stage->config.stop_signal = text;
    add_history(resolver, history_text(resolver->arena, "STOPSIGNAL", text), false);
}

static void resolve_maintainer(struct resolver *resolver, const struct insn *insn)
{
    resolver->stage->config.author = insn->args[0].value;
    add_history(resolver, history_text(resolver->arena, "MAINTAINER", insn->args[0].value), false);
}

static void resolve_shell(struct resolver *resolver, const struct insn *insn)
{
    span_seq words = {0};
    for (size_t i = 0; i < insn->arg_count; i++)
        seq_push(resolver->arena, &words, insn->args[i].value);
    resolver->stage->config.shell = words;
    add_history(resolver, history_list(resolver->arena, "SHELL", &words), false);
}

/* Options of HEALTHCHECK have been checked by the parser: what is wrong there does not come here. */
static void set_health_times(struct resolver *resolver, const struct insn *insn, struct health *health)
{
    const struct {
        const char *name;
        int64_t *value;
    } intervals[] = {
        {"interval", &health->interval},
        {"timeout", &health->timeout},
        {"start-period", &health->start_period},
        {"start-interval", &health->start_interval},
    };
    struct span text;
    struct place place;
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++)
        if (stage_flag(insn, intervals[i].name, &text, &place))
            value_interval(resolver->arena, intervals[i].name, text, intervals[i].value);
    if (stage_flag(insn, "retries", &text, &place))
        value_retries(resolver->arena, text, &health->retries);
}

static void resolve_healthcheck(struct resolver *resolver, const struct insn *insn)
{
    struct health *health = arena_alloc(resolver->arena, sizeof *health);
    bool is_none = span_is_nocase(insn->subtype, "NONE");
    seq_push(resolver->arena, &health->test, span_of(is_none ? "NONE" : insn->is_json ? "CMD" : "CMD-SHELL"));
    for (size_t i = 0; i < insn->arg_count && !is_none; i++)
        seq_push(resolver->arena, &health->test, insn->args[i].value);
    if (!is_none)
        set_health_times(resolver, insn, health);
    resolver->stage->config.health = health;
    add_history(resolver, history_health(resolver->arena, health), false);
}

static void resolve_onbuild(struct resolver *resolver, const struct insn *insn)
{
    seq_push(resolver->arena, &resolver->stage->config.on_build, insn->trigger);
}

static void resolve_workdir(struct resolver *resolver, const struct insn *insn)
{
    struct config *config = &resolver->stage->config;
    struct span path;
    if (!stage_expand(resolver, insn->args[0].value, insn->args[0].place, &path))
        return;
    path = config_join_workdir(resolver->arena, config->workdir, path);
    if (path.len >= PATH_MAX) {
        /* No command could begin there, and relative ones on top of each other would come to any length. */
        diag_error(resolver->diag, insn->args[0].place, "the working directory is longer than %d bytes", PATH_MAX - 1);
        return;
    }
    config->workdir = path;
    bool is_layer = !span_is(config->workdir, "/");
    if (is_layer)
        stage_add_action(resolver, ACTION_WORKDIR, insn)->workdir =
            (struct workdir_action){config->workdir, config->user};
    add_history(resolver, history_text(resolver->arena, "WORKDIR", config->workdir), is_layer);
}

/* FROM is none of a stage's instructions. */
static void (*const resolvers[])(struct resolver *resolver, const struct insn *insn) = {
    [INSN_ADD] = stage_resolve_copy,         [INSN_ARG] = resolve_arg,
    [INSN_CMD] = resolve_cmd,                [INSN_COPY] = stage_resolve_copy,
    [INSN_ENTRYPOINT] = resolve_entrypoint,  [INSN_ENV] = resolve_env,
    [INSN_EXPOSE] = resolve_expose,          [INSN_HEALTHCHECK] = resolve_healthcheck,
    [INSN_LABEL] = resolve_label,            [INSN_MAINTAINER] = resolve_maintainer,
    [INSN_ONBUILD] = resolve_onbuild,        [INSN_RUN] = stage_resolve_run,
    [INSN_SHELL] = resolve_shell,            [INSN_STOPSIGNAL] = resolve_stopsignal,
    [INSN_USER] = resolve_user,              [INSN_VOLUME] = resolve_volume,
    [INSN_WORKDIR] = resolve_workdir,
};

void stage_resolve_insn(struct resolver *resolver, const struct insn *insn)
{
    resolvers[insn->kind](resolver, insn);
}
