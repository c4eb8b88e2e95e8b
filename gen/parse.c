/*
 * Owns the way from logical lines to stages and instructions, and what is wrong with their form. Called by main for a
 * Dockerfile, by stage.c for ONBUILD triggers. Must not know what an instruction does, nor the value of any variable.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/parse.h"

#include <stdlib.h>
#include <string.h>

#include "gen/insn.h"
#include "gen/parse_state.h"
#include "gen/source.h"
#include "gen/unicode.h"
#include "runtime/lib/arena.h"

enum { STAGE_LIMIT = 10000 };

struct place parse_place(const struct parser *parser, const char *at)
{
    return lex_place(&parser->lex, (size_t)(at - parser->line.text.text));
}

static void *copy_items(struct arena *arena, const void *items, size_t count, size_t size)
{
    void *copy = arena_array(arena, count, size);
    if (count)
        memcpy(copy, items, count * size);
    return copy;
}

/* Move the collected pieces to the instruction. */
static void take_pieces(struct parser *parser, struct insn *insn)
{
    insn->flag_count = parser->flags.count;
    insn->flags = copy_items(parser->arena, parser->flags.items, insn->flag_count, sizeof *insn->flags);
    insn->arg_count = parser->args.count;
    insn->args = copy_items(parser->arena, parser->args.items, insn->arg_count, sizeof *insn->args);
    insn->heredoc_count = parser->heredocs.count;
    insn->heredocs = copy_items(parser->arena, parser->heredocs.items, insn->heredoc_count, sizeof *insn->heredocs);
}

static void fail_unknown(struct parser *parser, const struct insn *insn)
{
    const char *near = diag_nearest(insn->keyword, insn_names);
    diag_error(parser->diag, insn->place, "unknown instruction: %.*s%s%s%s", SPAN(insn->keyword),
               near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
    parse_skip_bodies(parser);
}

/* The current logical line as an instruction, maybe a bad one; false when it is none. */
static bool parse_insn(struct parser *parser, struct insn *insn)
{
    const struct lex_line *line = &parser->line;
    size_t errors = diag_error_count(parser->diag);
    struct span text = unicode_trim(line->text), rest;
    *insn = (struct insn){.last_line = line->last_line, .text = text, .check = line->check, .comment = line->comment,
                          .subtype = {"", 0}, .trigger = {"", 0},
                          .has_empty_continuation = line->has_empty_continuation};
    rest = lex_first(text, &insn->keyword);
    insn->place = parse_place(parser, text.text);
    if (!insn_find(insn->keyword, &insn->kind)) {
        fail_unknown(parser, insn);
        insn->is_bad = true;
        return false;
    }
    const struct insn_spec *spec = &insn_specs[insn->kind];
    parser->flags.count = parser->args.count = parser->heredocs.count = 0;
    insn->rest = parse_flags(parser, spec, rest);
    parse_args(parser, insn, insn->rest);
    parse_bodies(parser, insn);
    if (diag_error_count(parser->diag) == errors && parser->args.count < spec->least_args)
        diag_error(parser->diag, insn->place, spec->too_few, spec->name);
    if (spec->form == FORM_LIST && spec->has_heredocs && diag_error_count(parser->diag) == errors)
        parse_heredoc_args(parser, insn);
    take_pieces(parser, insn);
    parse_finish(parser, insn);
    insn->is_bad = diag_error_count(parser->diag) > errors;
    return true;
}

/* The file that is being put together. */
struct file {
    struct dockerfile *dockerfile;
    VEC(struct insn) globals;
    VEC(struct stage_ast) stages;
    VEC(struct insn) insns;   /* of the current stage */
    bool is_started;          /* an instruction other than ARG came before any FROM, and that was said */
};

static struct span lower(struct arena *arena, struct span text)
{
    char *copy = arena_strndup(arena, text.text, text.len);
    for (size_t i = 0; i < text.len; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] += 'a' - 'A';
    return (struct span){copy, text.len};
}

static void end_stage(struct parser *parser, struct file *file)
{
    if (!file->stages.count)
        return;
    struct stage_ast *stage = &file->stages.items[file->stages.count - 1];
    stage->insn_count = file->insns.count;
    stage->insns = copy_items(parser->arena, file->insns.items, file->insns.count, sizeof *stage->insns);
    file->insns.count = 0;
}

static void add_stage(struct parser *parser, struct file *file, const struct insn *from)
{
    static const struct span none = {"", 0};
    struct stage_ast stage = {.from = *from, .image = none, .platform = none, .name = none, .name_written = none,
                              .as_keyword = none, .index = file->stages.count};
    end_stage(parser, file);
    if (from->arg_count)
        stage.image = from->args[0].value;
    if (from->flag_count)
        stage.platform = from->flags[0].value;
    if (from->arg_count == 3 && span_is_nocase(from->args[1].value, "as")) {
        stage.as_keyword = from->args[1].value;
        stage.name_written = from->args[2].value;
        stage.name = lower(parser->arena, from->args[2].value);
    }
    if (file->stages.count == STAGE_LIMIT)
        diag_error(parser->diag, from->place, "more than %d stages", STAGE_LIMIT);
    if (file->stages.count < STAGE_LIMIT)
        vec_push(&file->stages, stage);
}

static void add_insn(struct parser *parser, struct file *file, const struct insn *insn)
{
    if (insn->kind == INSN_FROM) {
        add_stage(parser, file, insn);
    } else if (file->stages.count) {
        if (!insn->is_bad)
            vec_push(&file->insns, *insn);
    } else if (insn->kind == INSN_ARG) {
        if (!insn->is_bad)
            vec_push(&file->globals, *insn);
    } else if (!file->is_started) {
        diag_error(parser->diag, insn->place, "no build stage in current context: only ARG can come before FROM");
        file->is_started = true;
    }
}

/* What is wrong with a file that has no stage. */
static void check_empty(struct parser *parser, const struct file *file, bool has_lines)
{
    struct place place = {.source = parser->lex.source}, last = place;
    last.line = (int)parser->lex.source->line_count;
    if (!parser->lex.source->text.len)
        diag_error(parser->diag, place, "the Dockerfile cannot be empty");
    else if (!has_lines)
        diag_error(parser->diag, last, "file with no instructions");
    else if (!file->stages.count && !file->is_started && !diag_error_count(parser->diag))
        diag_error(parser->diag, place, "dockerfile contains no stages to build");
}

static void close_parser(struct parser *parser)
{
    vec_free(&parser->flags);
    vec_free(&parser->args);
    vec_free(&parser->heredocs);
    vec_free(&parser->items);
    vec_free(&parser->words);
    lex_close(&parser->lex);
}

struct dockerfile *parse_dockerfile(struct arena *arena, const struct source *source, struct diag *diag)
{
    struct dockerfile *result = arena_alloc(arena, sizeof *result);
    struct parser parser = {.arena = arena, .diag = diag};
    struct file file = {.dockerfile = result};
    struct insn insn;
    bool has_lines = false;
    lex_open(&parser.lex, source, arena, diag);
    while (lex_next(&parser.lex, &parser.line)) {
        has_lines = true;
        if (parse_insn(&parser, &insn))
            add_insn(&parser, &file, &insn);
    }
    end_stage(&parser, &file);
    check_empty(&parser, &file, has_lines);
    *result = (struct dockerfile){.source = source, .escape = parser.lex.escape, .syntax = parser.lex.syntax,
                                  .check = parser.lex.check, .syntax_place = parser.lex.syntax_place,
                                  .check_place = parser.lex.check_place, .global_count = file.globals.count,
                                  .stage_count = file.stages.count};
    result->globals = copy_items(arena, file.globals.items, file.globals.count, sizeof *result->globals);
    result->stages = copy_items(arena, file.stages.items, file.stages.count, sizeof *result->stages);
    vec_free(&file.globals);
    vec_free(&file.insns);
    vec_free(&file.stages);
    close_parser(&parser);
    return result;
}

bool parse_trigger(struct arena *arena, struct span text, struct place place, struct diag *diag, struct insn *insn)
{
    struct parser parser = {.arena = arena, .diag = diag, .lex = {.fixed = place}};
    struct source *source = arena_alloc(arena, sizeof *source);
    size_t errors = diag_error_count(diag);
    *insn = (struct insn){.is_bad = true};
    source_from_text(source, arena, text, place.source ? place.source->name : "ONBUILD");
    /* A trigger that comes with an image has no place of its own. */
    if (!parser.lex.fixed.source)
        parser.lex.fixed = (struct place){.source = source};
    lex_open(&parser.lex, source, arena, diag);
    if (!lex_next(&parser.lex, &parser.line))
        diag_error(diag, place, "an ONBUILD trigger has no instruction");
    else if (parse_insn(&parser, insn) && insn->kind == INSN_FROM)
        diag_error(diag, place, "FROM isn't allowed as an ONBUILD trigger");
    if (diag_error_count(diag) == errors && lex_next(&parser.lex, &parser.line))
        diag_error(diag, place, "onbuild trigger should be a single expression");
    insn->is_bad = diag_error_count(diag) > errors;
    close_parser(&parser);
    return !insn->is_bad;
}
