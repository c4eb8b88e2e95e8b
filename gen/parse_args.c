/*
 * Owns the forms that arguments are written in (reference/dockerfile.md §1.5). Called by parse.c. Must not know what an
 * argument means.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/insn.h"
#include "gen/parse_state.h"

#include <string.h>

#include "gen/unicode.h"

static void add_arg(struct parser *parser, struct span value, const char *at)
{
    vec_push(&parser->args, (struct arg){.name = {"", 0}, .value = value, .has_value = true,
                                         .place = parse_place(parser, at)});
}

/* The arguments as a JSON array; false: they are none, and the other form is to be tried. */
static bool parse_json(struct parser *parser, struct insn *insn, struct span rest)
{
    parser->items.count = 0;
    struct span text = unicode_trim_left(rest);
    if (!text.len || text.text[0] != '[')
        return false;
    enum json_form form = json_form_read(parser->arena, text, &parser->items);
    if (form == JSON_FORM_NONE)
        return false;
    insn->is_json = true;
    if (form == JSON_FORM_MIXED)
        diag_error(parser->diag, parse_place(parser, text.text),
                   "when using JSON array syntax, arrays must be comprised of strings only");
    if (form == JSON_FORM_NUL)
        diag_error(parser->diag, parse_place(parser, text.text), "an argument must not contain a NUL character");
    /* So that a wrong array is not also said to be a missing argument. */
    if (form != JSON_FORM_STRINGS)
        add_arg(parser, text, text.text);
    for (size_t i = 0; i < parser->items.count; i++)
        add_arg(parser, parser->items.items[i].value, text.text + parser->items.items[i].at);
    return true;
}

static void parse_text(struct parser *parser, struct insn *insn, struct span rest)
{
    if (rest.len && !parse_json(parser, insn, rest))
        add_arg(parser, rest, rest.text);
}

static void parse_split(struct parser *parser, struct insn *insn, struct span rest)
{
    struct span word;
    (void)insn;
    while (lex_plain_word(&rest, &word))
        add_arg(parser, word, word.text);
}

static void parse_list(struct parser *parser, struct insn *insn, struct span rest)
{
    if (!parse_json(parser, insn, rest))
        parse_split(parser, insn, rest);
}

static void parse_string(struct parser *parser, struct insn *insn, struct span rest)
{
    (void)insn;
    if (rest.len)
        add_arg(parser, rest, rest.text);
}

static void add_pair(struct parser *parser, struct span word, const char *equals)
{
    struct span name = {word.text, equals ? (size_t)(equals - word.text) : word.len};
    struct span value = equals ? span_skip(word, name.len + 1) : (struct span){"", 0};
    vec_push(&parser->args, (struct arg){name, value, equals != NULL, parse_place(parser, word.text)});
}

static const char *find_equals(struct span word)
{
    return word.len ? memchr(word.text, '=', word.len) : NULL;
}

/* "KEY rest of the line": what is behind the first white space is the value. */
static void parse_old_pair(struct parser *parser, struct insn *insn, struct span rest)
{
    struct span name, value = lex_first(rest, &name);
    insn->is_old_form = true;
    if (!value.len)
        diag_error(parser->diag, insn->place, "%s must have two arguments", insn_specs[insn->kind].name);
    vec_push(&parser->args, (struct arg){name, value, true, parse_place(parser, name.text)});
}

static void parse_pairs(struct parser *parser, struct insn *insn, struct span rest)
{
    struct span all = rest, word;
    for (bool is_first = true; lex_quoted_word(&rest, parser->lex.escape, &word); is_first = false) {
        const char *equals = find_equals(word);
        if (is_first && !equals) {
            parse_old_pair(parser, insn, all);
            return;
        }
        if (equals)
            add_pair(parser, word, equals);
        else
            diag_error(parser->diag, parse_place(parser, word.text),
                       "Syntax error - can't find = in \"%.*s\". Must be of the form: name=value", SPAN(word));
    }
}

static void parse_words(struct parser *parser, struct insn *insn, struct span rest)
{
    struct span word;
    (void)insn;
    while (lex_quoted_word(&rest, parser->lex.escape, &word))
        add_pair(parser, word, find_equals(word));
}

static void parse_health(struct parser *parser, struct insn *insn, struct span rest)
{
    rest = lex_first(rest, &insn->subtype);
    parse_text(parser, insn, rest);
}

static void parse_nested(struct parser *parser, struct insn *insn, struct span rest);

static void (*const forms[])(struct parser *, struct insn *, struct span) = {
    [FORM_TEXT] = parse_text,     [FORM_LIST] = parse_list,   [FORM_SPLIT] = parse_split,
    [FORM_STRING] = parse_string, [FORM_PAIRS] = parse_pairs, [FORM_WORDS] = parse_words,
    [FORM_HEALTH] = parse_health, [FORM_NESTED] = parse_nested,
};

void parse_args(struct parser *parser, struct insn *insn, struct span rest)
{
    forms[insn_specs[insn->kind].form](parser, insn, rest);
}

/*
 * ONBUILD: the instruction in it is only lexed: what is wrong with its text is said now, what is wrong with its meaning
 * when it fires. Its pieces are thrown away, since the text is what is stored.
 */
static void parse_nested(struct parser *parser, struct insn *insn, struct span rest)
{
    struct insn nested = {.place = insn->place};
    struct span keyword, nested_rest = lex_first(rest, &keyword);
    if (!rest.len) {
        diag_error(parser->diag, insn->place, "ONBUILD requires at least one argument");
        return;
    }
    nested.place = parse_place(parser, keyword.text);
    insn->subtype = keyword;
    if (!insn_find(keyword, &nested.kind))
        return;
    if (nested.kind == INSN_ONBUILD) {
        diag_error(parser->diag, nested.place, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
        return;
    }
    if (nested.kind == INSN_FROM || nested.kind == INSN_MAINTAINER)
        diag_error(parser->diag, nested.place, "%s isn't allowed as an ONBUILD trigger", insn_specs[nested.kind].name);
    struct lex_flag flag;
    while (lex_flag(&parser->lex, &nested_rest, parser->line.text.text, &flag))
        ;
    parse_args(parser, &nested, nested_rest);
    parser->args.count = 0;
    insn->is_json = nested.is_json;
}
