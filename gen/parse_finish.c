/*
 * Owns what is judged once an instruction is whole: numbers of arguments, names, values that are never expanded. Called
 * by parse.c. Must not know what comes of an instruction.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/insn.h"
#include "gen/parse_state.h"

#include <string.h>

#include "gen/unicode.h"
#include "gen/value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

static bool is_stage_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.text[i];
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!is_letter && (!i || ((c < '0' || c > '9') && c != '-' && c != '_' && c != '.')))
            return false;
    }
    return name.len > 0;
}

static void check_from(struct parser *parser, struct insn *insn)
{
    const struct arg *args = insn->args;
    bool has_name = insn->arg_count == 3 && span_is_nocase(args[1].value, "as");
    if (!has_name && insn->arg_count != 1)
        diag_error(parser->diag, insn->arg_count > 1 ? args[1].place : insn->place,
                   "FROM requires either one or three arguments");
    else if (has_name && !is_stage_name(args[2].value))
        diag_error(parser->diag, args[2].place,
                   "invalid name for build stage: \"%.*s\", name can't start with a number or contain symbols",
                   SPAN(args[2].value));
}

static void check_health_flag(struct parser *parser, const struct flag *flag)
{
    int64_t nanoseconds;
    int retries;
    const char *error = strcmp(flag->name, "retries")
                            ? value_interval(parser->arena, flag->name, flag->value, &nanoseconds)
                            : value_retries(parser->arena, flag->value, &retries);
    if (error)
        diag_error(parser->diag, flag->place, "%s", error);
}

static void check_health(struct parser *parser, struct insn *insn)
{
    bool is_none = span_is_nocase(insn->subtype, "NONE");
    if (!insn->subtype.len)
        diag_error(parser->diag, insn->place, "HEALTHCHECK requires at least one argument");
    else if (is_none && insn->arg_count)
        diag_error(parser->diag, insn->args[0].place, "HEALTHCHECK NONE takes no arguments");
    else if (!is_none && !span_is_nocase(insn->subtype, "CMD"))
        diag_error(parser->diag, parse_place(parser, insn->subtype.text), "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
                   SPAN(insn->subtype));
    else if (!is_none && !insn->arg_count)
        diag_error(parser->diag, insn->place, "Missing command after HEALTHCHECK CMD");
    /* They are never expanded, and wrong in stages that are not needed too. */
    for (size_t i = 0; i < insn->flag_count; i++)
        check_health_flag(parser, &insn->flags[i]);
}

static void check_names(struct parser *parser, struct insn *insn)
{
    for (size_t i = 0; i < insn->arg_count; i++)
        if (!insn->args[i].name.len)
            diag_error(parser->diag, insn->args[i].place, "%s names can not be blank", insn_specs[insn->kind].name);
}

static void check_shell(struct parser *parser, struct insn *insn)
{
    if (insn->arg_count && !insn->is_json)
        diag_error(parser->diag, insn->args[0].place, "SHELL requires the arguments to be in JSON form");
}

static void check_volume(struct parser *parser, struct insn *insn)
{
    for (size_t i = 0; i < insn->arg_count; i++) {
        insn->args[i].value = unicode_trim(insn->args[i].value);
        if (!insn->args[i].value.len)
            diag_error(parser->diag, insn->args[i].place, "VOLUME specified can not be an empty string");
    }
}

static void check_run(struct parser *parser, struct insn *insn)
{
    struct heredoc ignored;
    insn->is_heredoc_script = insn->heredoc_count && insn->arg_count == 1 &&
                              heredoc_match(parser->arena, insn->args[0].value, &ignored);
}

/* The text behind the keyword; each body follows with its end line. */
static void set_trigger(struct parser *parser, struct insn *insn)
{
    struct span text = parser->line.text;
    text = span_skip(text, (size_t)(insn->keyword.text + insn->keyword.len - text.text));
    while (text.len && lex_is_pattern_space(text.text[0]))
        text = span_skip(text, 1);
    struct buf all = {0};
    buf_add(&all, text.text, text.len);
    for (size_t i = 0; i < insn->heredoc_count; i++) {
        const struct heredoc *heredoc = &insn->heredocs[i];
        buf_putc(&all, '\n');
        buf_add(&all, heredoc->body.text, heredoc->body.len);
        buf_add(&all, heredoc->name.text, heredoc->name.len);
    }
    insn->trigger = arena_span(parser->arena, (struct span){buf_text(&all), all.len});
    buf_free(&all);
}

/* What has to be looked at or filled in once the arguments of an instruction are known. */
static void (*const finishers[])(struct parser *, struct insn *) = {
    [INSN_ARG] = check_names,     [INSN_ENV] = check_names,          [INSN_LABEL] = check_names,
    [INSN_FROM] = check_from,     [INSN_HEALTHCHECK] = check_health, [INSN_ONBUILD] = set_trigger,
    [INSN_RUN] = check_run,       [INSN_SHELL] = check_shell,        [INSN_VOLUME] = check_volume,
    [INSN_WORKDIR] = NULL,
};

void parse_finish(struct parser *parser, struct insn *insn)
{
    if (finishers[insn->kind])
        finishers[insn->kind](parser, insn);
}
