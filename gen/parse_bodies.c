/*
 * Owns the bodies of heredocs: which lines they are, and which arguments they stand for. Called by parse.c. Must not know
 * what is done with them.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/insn.h"
#include "gen/parse_state.h"

#include <stdint.h>
#include <string.h>

#include "runtime/lib/arena.h"

enum { HEREDOC_LIMIT = 1000 }; /* of one instruction */

static bool allows_heredocs(const struct insn *insn)
{
    enum insn_kind kind = insn->kind;
    if (kind == INSN_ONBUILD && (!insn->subtype.len || !insn_find(insn->subtype, &kind)))
        return false;
    return insn_specs[kind].has_heredocs && !insn->is_json;
}

static bool has_operator(struct span line)
{
    return memmem(line.text, line.len, "<<", 2) != NULL;
}

void parse_bodies(struct parser *parser, const struct insn *insn)
{
    const struct lex_line *line = &parser->line;
    parser->words.count = 0;
    if (!allows_heredocs(insn) || !has_operator(line->text))
        return;
    heredoc_find(parser->arena, line->text, &parser->words);
    if (parser->words.count > HEREDOC_LIMIT)
        diag_error(parser->diag, insn->place, "more than %d heredocs in one instruction", HEREDOC_LIMIT);
    for (size_t i = 0; i < parser->words.count; i++) {
        const struct heredoc_word *word = &parser->words.items[i];
        struct heredoc heredoc = {word->name, word->word, {"", 0}, word->is_quoted, word->strips_tabs, SIZE_MAX,
                                  lex_place(&parser->lex, word->at)};
        if (!lex_body(&parser->lex, word->name, word->strips_tabs, &heredoc.body)) {
            diag_error(parser->diag, heredoc.place, "unterminated heredoc: no line is just \"%.*s\"", SPAN(word->name));
            return;
        }
        vec_push(&parser->heredocs, heredoc);
    }
}

/* Of several heredocs of one name in a line, all arguments get the body of the last. */
static const struct heredoc *last_named(const struct parser *parser, struct span name)
{
    for (size_t i = parser->words.count; i-- > 0;)
        if (span_equal(parser->heredocs.items[i].name, name))
            return &parser->heredocs.items[i];
    return NULL;
}

/* The first of that name in the line that is no argument yet. */
static struct heredoc *unused_named(struct parser *parser, struct span name)
{
    for (size_t i = 0; i < parser->words.count; i++)
        if (parser->heredocs.items[i].arg == SIZE_MAX && span_equal(parser->heredocs.items[i].name, name))
            return &parser->heredocs.items[i];
    return NULL;
}

static void add_heredoc_arg(struct parser *parser, size_t number, struct heredoc found)
{
    const struct arg *arg = &parser->args.items[number];
    const struct heredoc *whole = last_named(parser, found.name);
    struct heredoc *slot = unused_named(parser, found.name);
    if (!whole)
        diag_warn(parser->diag, arg->place, "the heredoc %.*s has no body: it becomes an empty file", SPAN(arg->value));
    found.word = arg->value;
    found.body = whole ? whole->body : (struct span){"", 0};
    found.arg = number;
    found.place = arg->place;
    if (slot)
        *slot = found;
    else if (parser->heredocs.count == HEREDOC_LIMIT)
        diag_error(parser->diag, arg->place, "more than %d heredocs in one instruction", HEREDOC_LIMIT);
    else if (parser->heredocs.count < HEREDOC_LIMIT)
        vec_push(&parser->heredocs, found);
}

/*
 * Which arguments of COPY and ADD are heredocs is told from each by itself, in JSON too. It is a source of the body that
 * the line has for its name: of none where quotes or escapes make the line another one, or where there is no body.
 */
void parse_heredoc_args(struct parser *parser, const struct insn *insn)
{
    if (!insn->is_json && !has_operator(insn->rest))
        return;
    for (size_t i = 0; i < parser->args.count; i++) {
        const struct arg *arg = &parser->args.items[i];
        struct heredoc found = {.arg = SIZE_MAX};
        if (!has_operator(arg->value) || !heredoc_match(parser->arena, arg->value, &found))
            continue;
        if (i == parser->args.count - 1)
            diag_error(parser->diag, arg->place, "%s cannot accept a heredoc as a destination",
                       insn_specs[insn->kind].name);
        else
            add_heredoc_arg(parser, i, found);
    }
}

/* So that the body of a misspelt instruction's heredoc gives no errors of its own. */
void parse_skip_bodies(struct parser *parser)
{
    if (parser->has_lost_heredoc || !has_operator(parser->line.text))
        return;
    int line = parser->lex.next_line;
    parser->words.count = 0;
    heredoc_find(parser->arena, parser->line.text, &parser->words);
    for (size_t i = 0; i < parser->words.count; i++) {
        struct span body;
        const struct heredoc_word *word = &parser->words.items[i];
        if (lex_body(&parser->lex, word->name, word->strips_tabs, &body))
            continue;
        parser->has_lost_heredoc = true;
        parser->lex.next_line = line;
        return;
    }
}
