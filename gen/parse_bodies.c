/*
 * Owns the bodies of heredocs: which lines they are, and which arguments they stand for. Called by parse.c. Must not know
 * what is done with them.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/insn.h"
#include "gen/parse_state.h"

#include <stdint.h>
#include <stdlib.h>
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

static int by_heredoc_name(const void *left, const void *right)
{
    const struct heredoc *a = *(struct heredoc *const *)left, *b = *(struct heredoc *const *)right;
    size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = len ? memcmp(a->name.text, b->name.text, len) : 0;
    if (!order)
        order = a->name.len < b->name.len ? -1 : a->name.len > b->name.len;
    return order ? order : a < b ? -1 : a > b;
}

/* Of several heredocs of one name in a COPY, all get the body of the last. */
static void share_bodies(struct parser *parser)
{
    size_t count = parser->heredocs.count;
    if (count < 2)
        return;
    struct heredoc **sorted = arena_array(parser->arena, count, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &parser->heredocs.items[i];
    qsort(sorted, count, sizeof *sorted, by_heredoc_name);
    for (size_t i = count - 1; i-- > 0;)
        if (span_equal(sorted[i]->name, sorted[i + 1]->name))
            sorted[i]->body = sorted[i + 1]->body;
}

/* Which arguments of COPY and ADD are heredocs: they come in the same order. */
void parse_heredoc_args(struct parser *parser, const struct insn *insn)
{
    size_t next = 0;
    if (insn->is_json || !has_operator(insn->rest))
        return;
    for (size_t i = 0; i < parser->args.count; i++) {
        const struct arg *arg = &parser->args.items[i];
        struct heredoc found;
        if (!has_operator(arg->value) || !heredoc_match(parser->arena, arg->value, &found))
            continue;
        if (i == parser->args.count - 1) {
            diag_error(parser->diag, arg->place, "%s cannot accept a heredoc as a destination",
                       insn_specs[insn->kind].name);
            return;
        }
        while (next < parser->heredocs.count && !span_equal(parser->heredocs.items[next].name, found.name))
            next++;
        if (next == parser->heredocs.count) {
            diag_error(parser->diag, arg->place, "the heredoc %.*s has no body, for the quotes of the line are wrong",
                       SPAN(arg->value));
            return;
        }
        parser->heredocs.items[next++].arg = i;
    }
    share_bodies(parser);
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
