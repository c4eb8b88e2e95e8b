/*
 * Owns the checks that follow a stage from its base to its end: what its variables are at each instruction, where it
 * works, what was set before. Called by check. Must not know how stages are built; of a base image that cannot be had
 * it assumes nothing.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"

#include "gen/check_internal.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "gen/add.h"
#include "gen/ignore.h"
#include "gen/images.h"
#include "gen/mount.h"
#include "gen/insn.h"
#include "gen/opts.h"
#include "gen/parse.h"
#include "gen/ref.h"
#include "gen/source.h"
#include "gen/value.h"
#include "gen/word.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pattern.h"

/* A stage as far as it has been followed. */
struct followed {
    struct scope scope;         /* what is set */
    span_seq declared;          /* what ARG names, set or not */
    bool has_unknown_base;      /* its base image may set anything */
    bool has_workdir, has_shell;
    const struct insn *cmd, *entrypoint, *healthcheck;  /* the last one so far, in this stage */
};

struct walk {
    struct checker *checker;
    struct followed *stages;    /* by number */
    struct followed *stage;
    const struct insn *insn;
    span_seq reported;          /* undefined variables of this instruction: each is said once */
    const struct pattern_list *ignored; /* NULL: nothing is */
};

/* --- words --- */

static void report_undefined(struct walk *walk, const struct span *names, size_t count, struct place place)
{
    static const char *const known_elsewhere[] = {"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"};
    struct followed *stage = walk->stage;
    for (size_t i = 0; i < count && !stage->has_unknown_base; i++) {
        if (span_seq_has(&stage->declared, names[i]) || span_seq_has(&walk->reported, names[i]) ||
            span_is(names[i], known_elsewhere[0]) || span_is(names[i], known_elsewhere[1]))
            continue;
        seq_push(walk->checker->arena, &walk->reported, names[i]);
        check_say(walk->checker, CHECK_UNDEFINED_VAR, place, "Usage of undefined variable '$%.*s'%s", SPAN(names[i]),
                  check_suggest(walk->checker, names[i], "$", &stage->scope, &stage->declared));
    }
}

/* What is wrong in every environment: not "${name:?text}", when the base's variables are not known. */
static bool is_wrong_anyway(const struct walk *walk, const char *error)
{
    static const char *const beginnings[] = {"syntax error", "unsupported modifier", "unexpected end", "invalid pattern"};
    bool is_wrong = !walk->stage->has_unknown_base;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        is_wrong |= !strncmp(error, beginnings[i], strlen(beginnings[i]));
    return is_wrong;
}

/* A word expanded; what it uses without being there is reported. Errors are stage's to say, where it has a say. */
static struct span expand(struct walk *walk, struct span text, struct place place, enum word_mode mode)
{
    struct word_env env = {scope_lookup, &walk->stage->scope, &walk->checker->spent};
    struct word_result word = word_expand(walk->checker->arena, text, walk->checker->file->escape, mode, &env);
    report_undefined(walk, word.undefined, word.undefined_count, place);
    if (word.error && walk->checker->is_alone && is_wrong_anyway(walk, word.error))
        diag_error(walk->checker->diag, place, "failed to process \"%.*s\": %s", SPAN(text), word.error);
    return word.error ? (struct span){"", 0} : word.text;
}

/* What is wrong with a value, where it can be told: a variable may have another one when the base is there. */
static void judge(struct walk *walk, struct span text, struct place place, const char *error)
{
    bool is_sure = !walk->stage->has_unknown_base || !text.len || !memchr(text.text, '$', text.len);
    if (error && walk->checker->is_alone && is_sure)
        diag_error(walk->checker->diag, place, "%s", error);
}

static void expand_flags(struct walk *walk, const char *const *names)
{
    for (size_t i = 0; i < walk->insn->flag_count; i++)
        for (const char *const *name = names; *name; name++)
            if (!strcmp(walk->insn->flags[i].name, *name))
                expand(walk, walk->insn->flags[i].value, walk->insn->flags[i].place, WORD_ONE);
}

static void expand_args(struct walk *walk)
{
    for (size_t i = 0; i < walk->insn->arg_count; i++)
        expand(walk, walk->insn->args[i].value, walk->insn->args[i].place, WORD_ONE);
}

/* --- variables --- */

/* A part between underscores that is one of these words. */
static bool has_part(struct span name, const char *const *words)
{
    for (size_t start = 0; start <= name.len; start++) {
        const char *end = start < name.len ? memchr(name.text + start, '_', name.len - start) : NULL;
        size_t len = end ? (size_t)(end - name.text) - start : name.len - start;
        for (const char *const *word = words; *word; word++)
            if (span_is_nocase((struct span){name.text + start, len}, *word))
                return true;
        start += len;
    }
    return false;
}

static void check_secret(struct walk *walk, struct span name, struct place place)
{
    static const char *const secret[] = {"apikey", "auth",   "credential", "credentials", "key", "password",
                                         "pword",  "passwd", "secret",     "token",       NULL};
    static const char *const harmless[] = {"public", "file", "version", NULL};
    if (has_part(name, secret) && !has_part(name, harmless))
        check_say(walk->checker, CHECK_SECRETS_USED_IN_ARG_OR_ENV, place,
                  "Do not use ARG or ENV instructions for sensitive data (%s \"%.*s\")",
                  insn_specs[walk->insn->kind].name, SPAN(name));
}

static bool find_build_arg(const struct opts *opts, struct span name, struct span *value)
{
    for (size_t i = opts->build_args.count; i-- > 0;)
        if (span_is(name, opts->build_args.items[i].name) && opts->build_args.items[i].value) {
            *value = span_of(opts->build_args.items[i].value);
            return true;
        }
    return false;
}

static void walk_arg(struct walk *walk)
{
    struct checker *checker = walk->checker;
    for (size_t i = 0; i < walk->insn->arg_count; i++) {
        const struct arg *arg = &walk->insn->args[i];
        struct span name = arg->name, value = {"", 0};
        check_secret(walk, name, arg->place);
        bool is_set = find_build_arg(checker->opts, name, &value);
        if (!is_set && arg->has_value)
            value = expand(walk, arg->value, arg->place, WORD_ONE);
        seq_push(checker->arena, &walk->stage->declared, name);
        if (is_set || arg->has_value || scope_get(&checker->globals, name, &value))
            scope_set(&walk->stage->scope, checker->arena, name, value);
    }
}

static void check_old_form(struct walk *walk)
{
    struct span name = walk->insn->keyword;
    if (walk->insn->is_old_form)
        check_say(walk->checker, CHECK_LEGACY_KEY_VALUE_FORMAT, walk->insn->place,
                  "\"%.*s key=value\" should be used instead of legacy \"%.*s key value\" format", SPAN(name),
                  SPAN(name));
}

/* ENV and LABEL: the whole line sees what was set before it. */
static void walk_pairs(struct walk *walk)
{
    const struct insn *insn = walk->insn;
    struct arena *arena = walk->checker->arena;
    struct variable *pairs = arena_array(arena, insn->arg_count, sizeof *pairs);
    check_old_form(walk);
    for (size_t i = 0; i < insn->arg_count; i++) {
        pairs[i].name = expand(walk, insn->args[i].name, insn->args[i].place, WORD_ONE);
        pairs[i].value = expand(walk, insn->args[i].value, insn->args[i].place, WORD_ONE);
    }
    for (size_t i = 0; i < insn->arg_count && insn->kind == INSN_ENV; i++) {
        check_secret(walk, pairs[i].name, insn->args[i].place);
        scope_set(&walk->stage->scope, arena, pairs[i].name, pairs[i].value);
    }
}

/* --- files --- */

static bool is_heredoc(const struct insn *insn, size_t arg)
{
    for (size_t i = 0; i < insn->heredoc_count; i++)
        if (insn->heredocs[i].arg == arg)
            return true;
    return false;
}

static bool excludes_root(const struct pattern_list *list)
{
    for (size_t i = 0; i < pattern_list_count(list); i++) {
        const char *text = pattern_list_text(list, i);
        if (!strcmp(text, "*") || !strcmp(text, "**") || !strcmp(text, "**/*"))
            return true;
    }
    return false;
}

/* With "!" lines it takes the files to tell what is left of a folder. */
static void check_ignored(struct walk *walk, struct span source, struct place place)
{
    struct arena *arena = walk->checker->arena;
    struct add_source remote;
    add_classify(arena, source, &remote);
    if (!walk->ignored || pattern_list_has_negation(walk->ignored) || remote.kind != ADD_PATH || !source.len)
        return;
    const char *path = path_clean(arena, source);
    if (*path ? pattern_list_excludes(walk->ignored, path) : excludes_root(walk->ignored))
        check_say(walk->checker, CHECK_COPY_IGNORED_FILE, place,
                  "Attempting to %s file \"%s\" that is excluded by .dockerignore",
                  walk->insn->kind == INSN_ADD ? "Add" : "Copy", *path ? path : ".");
}

static void check_chmod(struct walk *walk)
{
    bool is_symbolic;
    uint32_t mode;
    for (size_t i = 0; i < walk->insn->flag_count; i++) {
        const struct flag *flag = &walk->insn->flags[i];
        if (strcmp(flag->name, "chmod"))
            continue;
        struct span text = expand(walk, flag->value, flag->place, WORD_ONE);
        if (text.len)
            judge(walk, flag->value, flag->place, value_chmod(walk->checker->arena, text, &is_symbolic, &mode));
    }
}

static void walk_copy(struct walk *walk)
{
    static const char *const flags[] = {"chown", "checksum", NULL};
    const struct insn *insn = walk->insn;
    bool is_context = true;
    for (size_t i = 0; i < insn->flag_count; i++)
        is_context &= strcmp(insn->flags[i].name, "from") || !insn->flags[i].value.len;
    for (size_t i = 0; i < insn->arg_count; i++) {
        if (is_heredoc(insn, i))
            continue;
        struct span text = expand(walk, insn->args[i].value, insn->args[i].place, WORD_ONE);
        if (is_context && i + 1 < insn->arg_count)
            check_ignored(walk, text, insn->args[i].place);
    }
    expand_flags(walk, flags);
    check_chmod(walk);
    for (size_t i = 0; i < insn->heredoc_count; i++)
        if (!insn->heredocs[i].is_quoted && insn->heredocs[i].arg != SIZE_MAX)
            expand(walk, insn->heredocs[i].body, insn->heredocs[i].place, WORD_HEREDOC);
}

/* Whole fields are not words, but what their variables come to is a mount or none. */
static void check_mount(struct walk *walk, const struct flag *flag)
{
    struct word_env env = {scope_lookup, &walk->stage->scope, &walk->checker->spent};
    struct mount mount;
    size_t errors = diag_error_count(walk->checker->diag);
    expand(walk, flag->value, flag->place, WORD_ONE);
    const char *error = mount_parse(walk->checker->arena, flag->value, walk->checker->file->escape, &env, &mount);
    if (diag_error_count(walk->checker->diag) == errors)
        judge(walk, flag->value, flag->place, error);
}

static void walk_run(struct walk *walk)
{
    for (size_t i = 0; i < walk->insn->flag_count; i++)
        if (!strcmp(walk->insn->flags[i].name, "mount"))
            check_mount(walk, &walk->insn->flags[i]);
    if (walk->insn->is_json && !walk->insn->arg_count)
        judge(walk, (struct span){"", 0}, walk->insn->place, "arguments are required");
    check_own_run(walk->checker, walk->insn);
}

/* --- the others --- */

static void walk_workdir(struct walk *walk)
{
    struct span path = expand(walk, walk->insn->args[0].value, walk->insn->args[0].place, WORD_ONE);
    if (!walk->stage->has_workdir && !(path.len && path.text[0] == '/'))
        check_say(walk->checker, CHECK_WORKDIR_RELATIVE_PATH, walk->insn->args[0].place,
                  "Relative workdir \"%.*s\" can have unexpected results if the base image changes", SPAN(path));
    walk->stage->has_workdir = true;
}

static void walk_expose(struct walk *walk)
{
    struct word_env env = {scope_lookup, &walk->stage->scope, &walk->checker->spent};
    for (size_t i = 0; i < walk->insn->arg_count; i++) {
        const struct arg *arg = &walk->insn->args[i];
        struct word_list words = word_split(walk->checker->arena, arg->value, walk->checker->file->escape, &env);
        if (words.error && walk->checker->is_alone && is_wrong_anyway(walk, words.error))
            diag_error(walk->checker->diag, arg->place, "failed to process \"%.*s\": %s", SPAN(arg->value), words.error);
        for (size_t k = 0; !words.error && k < words.count; k++) {
            struct value_ports ports;
            const char *error = value_ports(walk->checker->arena, words.words[k], &ports);
            judge(walk, arg->value, arg->place, error);
            if (error)
                continue;
            if (ports.has_upper_protocol)
                check_say(walk->checker, CHECK_EXPOSE_PROTO_CASING, arg->place,
                          "Defined protocol '%.*s' in EXPOSE instruction should be lowercase", SPAN(words.words[k]));
            if (ports.has_mapping)
                check_say(walk->checker, CHECK_EXPOSE_INVALID_FORMAT, arg->place,
                          "EXPOSE instruction should not define an IP address or host-port mapping, found '%.*s'",
                          SPAN(words.words[k]));
        }
    }
}

static void walk_stopsignal(struct walk *walk)
{
    const struct arg *arg = &walk->insn->args[0];
    struct span text = expand(walk, arg->value, arg->place, WORD_ONE);
    if (text.len)
        judge(walk, arg->value, arg->place, value_signal(walk->checker->arena, text));
}

static void walk_volume(struct walk *walk)
{
    for (size_t i = 0; i < walk->insn->arg_count; i++) {
        const struct arg *arg = &walk->insn->args[i];
        size_t errors = diag_error_count(walk->checker->diag);
        struct span text = expand(walk, arg->value, arg->place, WORD_ONE);
        if (!text.len && diag_error_count(walk->checker->diag) == errors)
            judge(walk, arg->value, arg->place, "VOLUME specified can not be an empty string");
    }
}

/* Only the last one counts: what is wrong is the one before. */
static void check_once(struct walk *walk, const struct insn **last)
{
    if (*last)
        check_say(
            walk->checker, CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED, (*last)->place,
            "Multiple %.*s instructions should not be used in the same stage because only the last one will be used",
            SPAN(walk->insn->keyword));
    *last = walk->insn;
}

static void check_text_form(struct walk *walk)
{
    if (!walk->insn->is_json && !walk->stage->has_shell)
        check_say(walk->checker, CHECK_JSON_ARGS_RECOMMENDED, walk->insn->place,
                  "JSON arguments recommended for %.*s to prevent unintended behavior related to OS signals",
                  SPAN(walk->insn->keyword));
}

static void walk_cmd(struct walk *walk)
{
    check_once(walk, &walk->stage->cmd);
    check_text_form(walk);
}

static void walk_entrypoint(struct walk *walk)
{
    check_once(walk, &walk->stage->entrypoint);
    check_text_form(walk);
}

static void walk_healthcheck(struct walk *walk)
{
    check_once(walk, &walk->stage->healthcheck);
}

static void walk_shell(struct walk *walk)
{
    walk->stage->has_shell = true;
}

static void (*const walkers[])(struct walk *walk) = {
    [INSN_ADD] = walk_copy,           [INSN_ARG] = walk_arg,        [INSN_CMD] = walk_cmd,
    [INSN_COPY] = walk_copy,          [INSN_ENTRYPOINT] = walk_entrypoint, [INSN_ENV] = walk_pairs,
    [INSN_EXPOSE] = walk_expose,      [INSN_FROM] = NULL,           [INSN_HEALTHCHECK] = walk_healthcheck,
    [INSN_LABEL] = walk_pairs,        [INSN_MAINTAINER] = NULL,     [INSN_ONBUILD] = NULL,
    [INSN_RUN] = walk_run,            [INSN_SHELL] = walk_shell,    [INSN_STOPSIGNAL] = walk_stopsignal,
    [INSN_USER] = expand_args,        [INSN_VOLUME] = walk_volume,  [INSN_WORKDIR] = walk_workdir,
};

/* --- bases --- */

static struct platform platform_of(struct checker *checker, const struct stage_ast *stage)
{
    struct word_env env = {scope_lookup, &checker->globals, &checker->spent};
    struct platform platform = *checker->target;
    if (stage->platform.len) {
        struct word_result word = word_expand(checker->arena, stage->platform, checker->file->escape, WORD_ONE, &env);
        if (!word.error && platform_parse(checker->arena, word.text, &platform))
            platform = *checker->target;
    }
    return platform;
}

/* NULL: it cannot be had, or is none. */
static const struct image *find_image(struct checker *checker, struct span name, const struct platform *platform)
{
    const char *text = arena_strndup(checker->arena, name.text, name.len), *error;
    struct named_context context = images_context(checker->images, text, platform);
    struct ref ref;
    if (context.kind != CONTEXT_NONE)
        return context.kind == CONTEXT_IMAGE ? context.image : NULL;
    return ref_parse(checker->arena, name, &ref)
               ? images_find(checker->images, ref_text(checker->arena, &ref), platform, &error)
               : NULL;
}

static void check_image_platform(struct walk *walk, const struct stage_ast *stage, struct span name,
                                 const struct image *image, const struct platform *wanted)
{
    struct arena *arena = walk->checker->arena;
    struct platform actual = platform_of_json(arena, image->config);
    if (strcmp(actual.os, wanted->os) || strcmp(actual.architecture, wanted->architecture))
        check_say(walk->checker, CHECK_INVALID_BASE_IMAGE_PLATFORM, check_arg_place(&stage->from, 0),
                  "Base image %.*s was pulled with platform \"%s\", expected \"%s\" for current build", SPAN(name),
                  platform_text(arena, &actual), platform_text(arena, wanted));
}

static void set_config(struct walk *walk, const struct config *config)
{
    for (size_t i = 0; i < config->env.count; i++) {
        struct span pair = config->env.items[i];
        const char *equals = memchr(pair.text, '=', pair.len);
        struct span name = {pair.text, equals ? (size_t)(equals - pair.text) : pair.len};
        scope_set(&walk->stage->scope, walk->checker->arena, name,
                  equals ? span_skip(pair, name.len + 1) : (struct span){"", 0});
    }
    walk->stage->has_shell = config->shell.count > 0;
}

static void begin_from_image(struct walk *walk, const struct stage_ast *stage)
{
    struct checker *checker = walk->checker;
    struct word_env env = {scope_lookup, &checker->globals, &checker->spent};
    struct word_result name = word_expand(checker->arena, stage->image, checker->file->escape, WORD_ONE, &env);
    struct platform platform = platform_of(checker, stage);
    struct config config;
    if (!name.error && span_is(name.text, "scratch")) {
        config_init(&config, checker->arena, &platform);
        set_config(walk, &config);
        return;
    }
    if (!name.error)
        check_own_base(checker, &stage->from, name.text, &platform);
    const struct image *image = name.error || !name.text.len ? NULL : find_image(checker, name.text, &platform);
    walk->stage->has_unknown_base = !image;
    if (!image)
        return;
    config_from_image(&config, checker->arena, image->config);
    set_config(walk, &config);
    check_image_platform(walk, stage, name.text, image, &platform);
}

static void begin(struct walk *walk, const struct stage_ast *stage)
{
    struct arena *arena = walk->checker->arena;
    size_t base = walk->checker->base[stage->index];
    if (base == SIZE_MAX) {
        begin_from_image(walk, stage);
        return;
    }
    const struct followed *from = &walk->stages[base];
    scope_copy(&walk->stage->scope, arena, &from->scope);
    seq_copy(arena, &walk->stage->declared, &from->declared);
    walk->stage->has_unknown_base = from->has_unknown_base;
    walk->stage->has_workdir = from->has_workdir;
    walk->stage->has_shell = from->has_shell;
}

/* --- all stages --- */

/* A stage that a named context replaces is not built. */
static bool is_replaced(struct checker *checker, const struct stage_ast *stage)
{
    return stage->name.len && checker->opts->contexts.count &&
           images_context(checker->images, arena_strndup(checker->arena, stage->name.text, stage->name.len),
                          checker->target)
                   .kind != CONTEXT_NONE;
}

static const struct pattern_list *read_ignored(struct checker *checker)
{
    const char *path = ignore_file(checker->arena, checker->opts, checker->opts->context, true), *error;
    struct source source;
    int line;
    if (!path || source_read_file(&source, checker->arena, path) < 0)
        return NULL;
    return pattern_list_parse(checker->arena, source.text, &error, &line);
}

static void walk_insn(struct walk *walk, const struct insn *insn)
{
    walk->insn = insn;
    walk->reported = (span_seq){0};
    check_enter(walk->checker, insn);
    if (walkers[insn->kind])
        walkers[insn->kind](walk);
}

/* What a base stage of the same file triggers, at the place of FROM. What is wrong with it is stage's to say. */
static void walk_triggers(struct walk *walk, const struct stage_ast *stage)
{
    struct checker *checker = walk->checker;
    size_t index = checker->base[stage->index];
    const struct stage_ast *base = index == SIZE_MAX ? NULL : &checker->file->stages[index];
    struct diag *hidden = diag_new();
    for (size_t i = 0; base && i < base->insn_count; i++) {
        struct insn *trigger = arena_alloc(checker->arena, sizeof *trigger);
        if (base->insns[i].kind == INSN_ONBUILD &&
            parse_trigger(checker->arena, base->insns[i].trigger, stage->from.place, hidden, trigger))
            walk_insn(walk, trigger);
    }
    diag_free(hidden);
}

static void walk_stage(struct walk *walk, const struct stage_ast *stage)
{
    walk->stage = &walk->stages[stage->index];
    check_enter(walk->checker, &stage->from);
    if (is_replaced(walk->checker, stage)) {
        walk->stage->has_unknown_base = true;
        return;
    }
    begin(walk, stage);
    walk_triggers(walk, stage);
    for (size_t i = 0; i < stage->insn_count; i++)
        walk_insn(walk, &stage->insns[i]);
}

void check_stages(struct checker *checker)
{
    const struct dockerfile *file = checker->file;
    struct walk walk = {.checker = checker, .ignored = read_ignored(checker)};
    walk.stages = arena_array(checker->arena, file->stage_count, sizeof *walk.stages);
    for (size_t i = 0; i < file->stage_count; i++)
        if (checker->is_looked_at[i])
            walk_stage(&walk, &file->stages[i]);
}
