/*
 * Owns the names of the build checks, what switches them on and off, and the count of those that fired. Called by
 * cmd_generate. Must not know what any of them looks for (check_file.c, check_stage.c).
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/check.h"
#include "gen/check_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "gen/value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"

/* NULL at the end is for diag_nearest. */
static const char *const names[CHECK_COUNT + 1] = {
    [CHECK_STAGE_NAME_CASING] = "StageNameCasing",
    [CHECK_FROM_AS_CASING] = "FromAsCasing",
    [CHECK_NO_EMPTY_CONTINUATION] = "NoEmptyContinuation",
    [CHECK_CONSISTENT_INSTRUCTION_CASING] = "ConsistentInstructionCasing",
    [CHECK_DUPLICATE_STAGE_NAME] = "DuplicateStageName",
    [CHECK_RESERVED_STAGE_NAME] = "ReservedStageName",
    [CHECK_JSON_ARGS_RECOMMENDED] = "JSONArgsRecommended",
    [CHECK_MAINTAINER_DEPRECATED] = "MaintainerDeprecated",
    [CHECK_UNDEFINED_ARG_IN_FROM] = "UndefinedArgInFrom",
    [CHECK_INVALID_DEFAULT_ARG_IN_FROM] = "InvalidDefaultArgInFrom",
    [CHECK_UNDEFINED_VAR] = "UndefinedVar",
    [CHECK_WORKDIR_RELATIVE_PATH] = "WorkdirRelativePath",
    [CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED] = "MultipleInstructionsDisallowed",
    [CHECK_LEGACY_KEY_VALUE_FORMAT] = "LegacyKeyValueFormat",
    [CHECK_INVALID_BASE_IMAGE_PLATFORM] = "InvalidBaseImagePlatform",
    [CHECK_REDUNDANT_TARGET_PLATFORM] = "RedundantTargetPlatform",
    [CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = "FromPlatformFlagConstDisallowed",
    [CHECK_SECRETS_USED_IN_ARG_OR_ENV] = "SecretsUsedInArgOrEnv",
    [CHECK_COPY_IGNORED_FILE] = "CopyIgnoredFile",
    [CHECK_EXPOSE_PROTO_CASING] = "ExposeProtoCasing",
    [CHECK_EXPOSE_INVALID_FORMAT] = "ExposeInvalidFormat",
    [CHECK_INVALID_DEFINITION_DESCRIPTION] = "InvalidDefinitionDescription",
    [CHECK_UNPINNED_BASE_IMAGE] = "UnpinnedBaseImage",
    [CHECK_RUN_NEVER_CUT_OFF] = "RunNeverCutOff",
    [CHECK_RUN_USES_NETWORK] = "RunUsesNetwork",
    [CHECK_COUNT] = NULL,
};

/* What is judged with the whole file in view is not skipped by a comment above one instruction. */
static bool is_of_file(enum check_rule rule)
{
    static const enum check_rule rules[] = {
        CHECK_CONSISTENT_INSTRUCTION_CASING, CHECK_DUPLICATE_STAGE_NAME, CHECK_RESERVED_STAGE_NAME,
        CHECK_NO_EMPTY_CONTINUATION, CHECK_INVALID_DEFAULT_ARG_IN_FROM, CHECK_INVALID_BASE_IMAGE_PLATFORM,
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i] == rule)
            return true;
    return false;
}

/* What is off until a file asks for it. Whoever builds --locked wants to know of what a lock cannot hold. */
static bool is_off(const struct checker *checker, size_t rule)
{
    const struct check_options *asked = is_of_file(rule) ? &checker->options : &checker->current;
    if (rule == CHECK_INVALID_DEFINITION_DESCRIPTION)
        return !asked->tries[rule];
    if (rule == CHECK_RUN_NEVER_CUT_OFF || rule == CHECK_RUN_USES_NETWORK)
        return asked->skips[rule] || !(asked->tries[rule] || checker->opts->locked);
    return asked->skips[rule];
}

/* --- options --- */

static struct span trim(struct span text)
{
    while (text.len && (*text.text == ' ' || *text.text == '\t'))
        text = span_skip(text, 1);
    while (text.len && (text.text[text.len - 1] == ' ' || text.text[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* The part before the first separator, which is cut off together with it. */
static struct span take_part(struct span *rest, char separator)
{
    const char *end = rest->len ? memchr(rest->text, separator, rest->len) : NULL;
    struct span part = {rest->text, end ? (size_t)(end - rest->text) : rest->len};
    *rest = span_skip(*rest, part.len + (end != NULL));
    return trim(part);
}

/* "all", or names with commas between. A name of no rule may be one of a later version: said, and no error. */
static void mark(struct checker *checker, struct span list, struct place place, bool *marks)
{
    bool is_all = span_is(list, "all");
    while (list.len) {
        struct span name = take_part(&list, ',');
        bool is_known = is_all;
        for (size_t i = 0; i < CHECK_COUNT; i++)
            if (is_all || span_is(name, names[i]))
                is_known = marks[i] = true;
        if (is_known || !name.len)
            continue;
        const char *near = diag_nearest(name, names);
        diag_warn(checker->diag, place, "there is no check \"%.*s\"%s%s%s", SPAN(name), near ? " (did you mean " : "",
                  near ? near : "", near ? "?)" : "");
    }
}

/* One "key=value" of the text. NULL, or what is wrong. */
static const char *read_option(struct checker *checker, struct span option, struct place place,
                               struct check_options *options)
{
    struct span value = option, key = take_part(&value, '=');
    value = trim(value);
    if (key.len == option.len)
        return arena_printf(checker->arena, "invalid check option \"%.*s\"", SPAN(option));
    if (span_is(key, "skip"))
        mark(checker, value, place, options->skips);
    else if (span_is(key, "experimental"))
        mark(checker, value, place, options->tries);
    else if (!span_is(key, "error"))
        return arena_printf(checker->arena, "invalid check option \"%.*s\"", SPAN(key));
    else if (!value_bool(value, &options->is_error))
        return arena_printf(checker->arena, "failed to parse check option \"%.*s\"", SPAN(option));
    return NULL;
}

static bool read_options(struct checker *checker, struct span text, struct place place, struct check_options *options,
                         bool is_error)
{
    const struct check_options before = *options;
    bool has_more = trim(text).len;
    for (text = trim(text); has_more;) {
        has_more = memchr(text.text, ';', text.len) != NULL;
        struct span option = take_part(&text, ';');
        /* Of two lists of one kind in a line, the last one counts. */
        if (span_starts(option, "skip"))
            memcpy(options->skips, before.skips, sizeof before.skips);
        if (span_starts(option, "experimental"))
            memcpy(options->tries, before.tries, sizeof before.tries);
        const char *error = read_option(checker, option, place, options);
        if (error && is_error)
            diag_error(checker->diag, place, "%s", error);
        if (error)
            return false;
    }
    return true;
}

static void read_file_options(struct checker *checker)
{
    struct span text = checker->file->check;
    struct place place = checker->file->check_place;
    for (size_t i = 0; i < checker->opts->build_args.count; i++) {
        const struct opt_pair *pair = &checker->opts->build_args.items[i];
        if (strcmp(pair->name, "BUILDKIT_DOCKERFILE_CHECK") || !pair->value)
            continue;
        text = span_of(pair->value);
        place = (struct place){.source = checker->file->source};
    }
    read_options(checker, text, place, &checker->options, true);
}

/* --- what rules use --- */

void check_enter(struct checker *checker, const struct insn *insn)
{
    checker->current = checker->options;
    struct check_options own = checker->options;
    if (insn->check.len && read_options(checker, insn->check, insn->place, &own, false))
        checker->current = own;
}

void check_say(struct checker *checker, enum check_rule rule, struct place place, const char *format, ...)
{
    char *text;
    va_list args;
    if (is_off(checker, rule))
        return;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        die("out of memory");
    va_end(args);
    diag_check(checker->diag, place, names[rule], "%s", text);
    free(text);
    checker->has_fired[rule] = true;
}

const char *check_suggest(struct checker *checker, struct span name, const char *prefix, const struct scope *scope,
                          const span_seq *more)
{
    /* Of a file that is thousands of mistakes nobody reads all. */
    enum { COMPARED_MAX = 1000 * 1000 };
    struct nearest nearest = diag_nearest_to(name);
    checker->compared += scope->variables.count + more->count;
    if (checker->compared > COMPARED_MAX)
        return "";
    for (size_t i = 0; i < scope->variables.count; i++)
        diag_nearest_try(&nearest, scope->variables.items[i].name);
    for (size_t i = 0; i < more->count; i++)
        diag_nearest_try(&nearest, more->items[i]);
    if (!nearest.best.text)
        return "";
    return arena_printf(checker->arena, " (did you mean %s%.*s?)", prefix, SPAN(nearest.best));
}

struct place check_arg_place(const struct insn *insn, size_t arg)
{
    return arg < insn->arg_count ? insn->args[arg].place : insn->place;
}

/* --- the run --- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* error=true: all that fired, as one error. */
static void report_error(struct checker *checker)
{
    const char *fired[CHECK_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < CHECK_COUNT; i++)
        if (checker->has_fired[i])
            fired[count++] = names[i];
    if (!checker->options.is_error || !count)
        return;
    qsort(fired, count, sizeof *fired, compare_names);
    struct buf text = {0};
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%s", i ? ", " : "", fired[i]);
    diag_error(checker->diag, (struct place){.source = checker->file->source}, "lint violation found for rules: %s",
               buf_text(&text));
    buf_free(&text);
}

static void read_globals(struct checker *checker, struct platform *target)
{
    struct diag *hidden = diag_new();
    stage_read_globals(checker->arena, checker->opts, checker->file, hidden, &checker->globals, target);
    diag_free(hidden);
    for (size_t i = 0; i < checker->file->global_count; i++)
        for (size_t k = 0; k < checker->file->globals[i].arg_count; k++)
            seq_push(checker->arena, &checker->global_names, checker->file->globals[i].args[k].name);
    checker->target = target;
}

void check_run(struct arena *arena, const struct opts *opts, const struct dockerfile *file, struct images *images,
               bool all_stages, struct diag *diag)
{
    struct checker checker = {.arena = arena, .opts = opts, .file = file, .images = images, .diag = diag,
                              .is_alone = all_stages};
    struct platform target;
    read_file_options(&checker);
    if (diag_error_count(diag) || !file->stage_count)
        return;
    read_globals(&checker, &target);
    check_find_stages(&checker, all_stages);
    check_file(&checker);
    check_stages(&checker);
    report_error(&checker);
}
