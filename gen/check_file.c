/*
 * Owns the checks of what is written, whatever it means: names, casing, FROM lines, deprecated forms. Called by check.
 * Must not know variables of stages or files of contexts.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/check_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gen/insn.h"
#include "gen/opts.h"
#include "gen/ref.h"
#include "gen/word.h"
#include "runtime/lib/arena.h"

static bool has_upper(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (isupper((unsigned char)text.text[i]))
            return true;
    return false;
}

static bool has_lower(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (islower((unsigned char)text.text[i]))
            return true;
    return false;
}

/* --- every instruction --- */

typedef void look_fn(struct checker *checker, const struct insn *insn, void *data);

/* Call look for each instruction of the stages, in order, with the checks that it asks for. */
static void for_each(struct checker *checker, look_fn *look, void *data)
{
    const struct dockerfile *file = checker->file;
    for (size_t i = 0; i < file->stage_count; i++) {
        const struct stage_ast *stage = &file->stages[i];
        check_enter(checker, &stage->from);
        look(checker, &stage->from, data);
        for (size_t k = 0; k < stage->insn_count; k++) {
            check_enter(checker, &stage->insns[k]);
            look(checker, &stage->insns[k], data);
        }
    }
}

static void count_casing(struct checker *checker, const struct insn *insn, void *data)
{
    int *more_lower = data;
    (void)checker;
    if (!has_upper(insn->keyword))
        ++*more_lower;
    else if (!has_lower(insn->keyword))
        --*more_lower;
}

static void check_casing(struct checker *checker, const struct insn *insn, void *data)
{
    bool is_lower = *(int *)data > 0;
    if (is_lower ? has_upper(insn->keyword) : has_lower(insn->keyword))
        check_say(checker, CHECK_CONSISTENT_INSTRUCTION_CASING, insn->place,
                  "Command '%.*s' should match the case of the command majority (%s)", SPAN(insn->keyword),
                  is_lower ? "lowercase" : "uppercase");
}

/* The comment above a definition describes it when it begins with its name. */
static void check_description(struct checker *checker, const struct insn *insn, const span_seq *defined)
{
    if (!insn->comment.len || !defined->count)
        return;
    const char *space = memchr(insn->comment.text, ' ', insn->comment.len);
    struct span first = {insn->comment.text, space ? (size_t)(space - insn->comment.text) : insn->comment.len};
    if (span_seq_has(defined, first))
        return;
    struct span example = defined->count > 1 ? span_of("<arg_key>") : defined->items[0];
    check_say(checker, CHECK_INVALID_DEFINITION_DESCRIPTION, insn->place,
              "Comment for %s should follow the format: `# %.*s <description>`", insn_specs[insn->kind].name,
              SPAN(example));
}

static void check_form(struct checker *checker, const struct insn *insn, void *data)
{
    (void)data;
    if (insn->has_empty_continuation)
        check_say(checker, CHECK_NO_EMPTY_CONTINUATION,
                  (struct place){.source = insn->place.source, .line = insn->last_line}, "Empty continuation line");
    if (insn->kind == INSN_MAINTAINER)
        check_say(checker, CHECK_MAINTAINER_DEPRECATED, insn->place,
                  "Maintainer instruction is deprecated in favor of using label");
    if (insn->kind != INSN_ARG)
        return;
    span_seq defined = {0};
    for (size_t i = 0; i < insn->arg_count; i++)
        seq_push(checker->arena, &defined, insn->args[i].name);
    check_description(checker, insn, &defined);
}

/* --- stage names --- */

static int compare_stages(const void *left, const void *right)
{
    const struct stage_ast *a = *(const struct stage_ast *const *)left, *b = *(const struct stage_ast *const *)right;
    int order = memcmp(a->name.text, b->name.text, a->name.len < b->name.len ? a->name.len : b->name.len);
    if (!order)
        order = a->name.len < b->name.len ? -1 : a->name.len > b->name.len;
    return order ? order : a->index < b->index ? -1 : a->index > b->index;
}

static void check_duplicates(struct checker *checker)
{
    const struct dockerfile *file = checker->file;
    const struct stage_ast **stages = arena_array(checker->arena, file->stage_count, sizeof *stages);
    size_t count = 0;
    for (size_t i = 0; i < file->stage_count; i++)
        if (file->stages[i].name.len)
            stages[count++] = &file->stages[i];
    qsort(stages, count, sizeof *stages, compare_stages);
    for (size_t i = 1; i < count; i++) {
        if (!span_equal(stages[i]->name, stages[i - 1]->name))
            continue;
        check_enter(checker, &stages[i]->from);
        check_say(checker, CHECK_DUPLICATE_STAGE_NAME, check_arg_place(&stages[i]->from, 2),
                  "Duplicate stage name \"%.*s\", stage names should be unique", SPAN(stages[i]->name));
    }
}

static void check_name(struct checker *checker, const struct stage_ast *stage)
{
    if (!stage->name.len)
        return;
    struct place place = check_arg_place(&stage->from, 2);
    if (has_upper(stage->name_written))
        check_say(checker, CHECK_STAGE_NAME_CASING, place, "Stage name '%.*s' should be lowercase",
                  SPAN(stage->name_written));
    if (span_is(stage->name, "scratch") || span_is(stage->name, "context"))
        check_say(checker, CHECK_RESERVED_STAGE_NAME, place,
                  "Stage name should not use the same name as reserved stage \"%.*s\"", SPAN(stage->name));
    struct span from = stage->from.keyword, as = stage->as_keyword;
    if ((!has_upper(from) && has_upper(as)) || (!has_lower(from) && has_lower(as)))
        check_say(checker, CHECK_FROM_AS_CASING, check_arg_place(&stage->from, 1),
                  "'%.*s' and '%.*s' keywords' casing do not match", SPAN(as), SPAN(from));
    span_seq defined = {0};
    seq_push(checker->arena, &defined, stage->name);
    check_description(checker, &stage->from, &defined);
}

/* --- FROM lines --- */

static bool has_text(struct span text, const char *part)
{
    return *part && memmem(text.text, text.len, part, strlen(part));
}

static void check_platform(struct checker *checker, const struct stage_ast *stage, struct place place)
{
    struct span text = stage->platform;
    struct platform platform;
    if (span_is(text, "$TARGETPLATFORM") || span_is(text, "${TARGETPLATFORM}"))
        check_say(checker, CHECK_REDUNDANT_TARGET_PLATFORM, place,
                  "Setting platform to predefined %.*s in FROM is redundant as this is the default behavior",
                  SPAN(text));
    if (memchr(text.text, '$', text.len) || platform_parse(checker->arena, text, &platform) ||
        has_text(stage->name, platform.os) || has_text(stage->name, platform.architecture))
        return;
    check_say(checker, CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED, place,
              "FROM --platform flag should not use constant value \"%.*s\"", SPAN(text));
}

static void check_from_args(struct checker *checker, struct span text, struct place place)
{
    struct word_env env = {scope_lookup, &checker->globals, &checker->spent};
    struct word_result word = word_expand(checker->arena, text, checker->file->escape, WORD_ONE, &env);
    for (size_t i = 0; i < word.undefined_count; i++)
        if (!span_seq_has(&checker->global_names, word.undefined[i]))
            check_say(checker, CHECK_UNDEFINED_ARG_IN_FROM, place, "FROM argument '%.*s' is not declared%s",
                      SPAN(word.undefined[i]),
                      check_suggest(checker, word.undefined[i], "", &checker->globals, &checker->global_names));
}

/* As if no --build-arg were given. */
static void check_defaults(struct checker *checker, const struct scope *defaults, const struct stage_ast *stage)
{
    struct word_env env = {scope_lookup, defaults, &checker->spent};
    struct word_result image = word_expand(checker->arena, stage->image, checker->file->escape, WORD_ONE, &env);
    if (!image.error && (!image.text.len || ref_error(checker->arena, image.text)))
        check_say(checker, CHECK_INVALID_DEFAULT_ARG_IN_FROM, check_arg_place(&stage->from, 0),
                  "Default value for ARG %.*s results in empty or invalid base image name", SPAN(stage->image));
}

static void check_froms(struct checker *checker)
{
    struct opts opts = *checker->opts;
    struct scope defaults;
    struct platform target;
    struct diag *hidden = diag_new();
    opts.build_args.count = 0;
    stage_read_globals(checker->arena, &opts, checker->file, hidden, &defaults, &target);
    bool has_defaults = !diag_error_count(hidden);
    diag_free(hidden);
    for (size_t i = 0; i < checker->file->stage_count; i++) {
        const struct stage_ast *stage = &checker->file->stages[i];
        check_enter(checker, &stage->from);
        check_name(checker, stage);
        check_from_args(checker, stage->image, check_arg_place(&stage->from, 0));
        if (has_defaults)
            check_defaults(checker, &defaults, stage);
        if (!stage->platform.len)
            continue;
        struct place place = stage->from.flag_count ? stage->from.flags[0].place : stage->from.place;
        check_from_args(checker, stage->platform, place);
        check_platform(checker, stage, place);
    }
}

void check_file(struct checker *checker)
{
    /* ARGs above the first FROM do not count in the majority, nor have they to follow it. */
    int more_lower = 0;
    for_each(checker, count_casing, &more_lower);
    for_each(checker, check_casing, &more_lower);
    for (size_t i = 0; i < checker->file->global_count; i++) {
        check_enter(checker, &checker->file->globals[i]);
        check_form(checker, &checker->file->globals[i], NULL);
    }
    for_each(checker, check_form, NULL);
    check_duplicates(checker);
    check_froms(checker);
}
