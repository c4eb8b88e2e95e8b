/*
 * Owns the way from logical lines to stages and instructions, and what is wrong with their form. Called by main for a
 * Dockerfile, by stage.c for ONBUILD triggers. Must not know what an instruction does, nor the value of any variable.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/parse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gen/heredoc.h"
#include "gen/insn.h"
#include "gen/json_form.h"
#include "gen/lex.h"
#include "gen/source.h"
#include "gen/unicode.h"
#include "gen/value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/vec.h"

enum {
    STAGE_LIMIT = 10000,
    HEREDOC_LIMIT = 1000, /* of one instruction */
};

struct parser {
    struct lex lex;
    struct arena *arena;
    struct diag *diag;
    struct lex_line line;           /* the current one */
    bool has_lost_heredoc;          /* looking for the end of one failed: not tried again after unknown instructions */
    /* Pieces of the current instruction, copied to the arena when it is whole. */
    VEC(struct flag) flags;
    VEC(struct arg) args;
    VEC(struct heredoc) heredocs;
    json_items items;
    heredoc_words words;
};

/* What one instruction's text is made of, before its form is looked at. */
struct parts {
    const struct insn_spec *spec;
    struct span rest;
    size_t flag_count;              /* in parser->flags */
};

static struct place place_of(const struct parser *parser, const char *at)
{
    return lex_place(&parser->lex, (size_t)(at - parser->line.text.text));
}

static bool is_flag_name(const struct flag_spec *spec, struct span name)
{
    return span_is(name, spec->name);
}

static void fail_unknown_flag(struct parser *parser, const struct flag_spec *specs, struct span name, struct place place)
{
    const char *names[16] = {NULL};
    for (size_t i = 0; specs && specs[i].name && i < 15; i++)
        names[i] = specs[i].name;
    const char *near = diag_nearest(name, names);
    diag_error(parser->diag, place, "unknown flag: --%.*s%s%s%s", SPAN(name), near ? " (did you mean --" : "",
               near ? near : "", near ? "?)" : "");
}

static bool flag_is_used(const struct parser *parser, const char *name)
{
    for (size_t i = 0; i < parser->flags.count; i++)
        if (parser->flags.items[i].name == name)
            return true;
    return false;
}

/* The value as it is to be stored; false when it is wrong. */
static bool check_flag_value(struct parser *parser, const struct flag_spec *spec, bool has_value, struct flag *flag)
{
    struct span value = flag->value;
    bool is_switch = spec->kind == FLAG_BOOL;
    if (is_switch ? has_value && !value.len : !has_value) {
        diag_error(parser->diag, flag->place, "missing a value on flag: --%s", spec->name);
        return false;
    }
    if (is_switch) {
        bool is_true = !has_value || span_is_nocase(value, "true");
        flag->value = span_of(is_true ? "true" : "false");
        if (is_true || span_is_nocase(value, "false"))
            return true;
        diag_error(parser->diag, flag->place, "expecting boolean value for flag --%s, not: %.*s", spec->name,
                   SPAN(value));
        return false;
    }
    for (const char *const *allowed = spec->values; allowed && !span_is(value, *allowed);)
        if (!*++allowed) {
            struct buf text = {0};
            value_quote(&text, value);
            /* The complaint is a row of insn.c: its one %s is the value. */
            const char *mark = strstr(spec->complaint, "%s");
            diag_error(parser->diag, flag->place, "%.*s%s%s", (int)(mark - spec->complaint), spec->complaint,
                       buf_text(&text), mark + 2);
            buf_free(&text);
            return false;
        }
    return true;
}

static void check_flag(struct parser *parser, const struct insn_spec *insn, const struct lex_flag *read)
{
    struct span text = span_skip(read->text, 2);
    const char *equals = text.len ? memchr(text.text, '=', text.len) : NULL;
    struct span name = {text.text, equals ? (size_t)(equals - text.text) : text.len};
    struct flag flag = {.place = lex_place(&parser->lex, read->at),
                        .value = equals ? span_skip(text, name.len + 1) : (struct span){"", 0}};
    const struct flag_spec *spec = insn->flags;
    while (spec && spec->name && !is_flag_name(spec, name))
        spec++;
    if (!spec || !spec->name) {
        fail_unknown_flag(parser, insn->flags, name, flag.place);
        return;
    }
    flag.name = spec->name;
    if (spec->kind != FLAG_LIST && flag_is_used(parser, spec->name)) {
        diag_error(parser->diag, flag.place, "duplicate flag specified: --%s", spec->name);
        return;
    }
    if (check_flag_value(parser, spec, equals != NULL, &flag))
        vec_push(&parser->flags, flag);
}

/* HEALTHCHECK NONE does not look at its flags either. */
static bool ignores_flags(const struct insn_spec *spec, struct span rest)
{
    struct span word;
    if (spec->form != FORM_HEALTH)
        return spec->ignores_flags;
    lex_first(rest, &word);
    return span_is_nocase(word, "NONE");
}

/* Read the flags; they are checked only once what follows them is known. */
static struct span take_flags(struct parser *parser, const struct insn_spec *spec, struct span rest)
{
    VEC(struct lex_flag) found = {0};
    struct lex_flag flag;
    const char *base = parser->line.text.text;
    while (lex_flag(&parser->lex, &rest, base, &flag))
        vec_push(&found, flag);
    bool is_ignored = ignores_flags(spec, rest);
    for (size_t i = 0; i < found.count; i++) {
        if (is_ignored)
            diag_warn(parser->diag, lex_place(&parser->lex, found.items[i].at), "flags have no effect here");
        else
            check_flag(parser, spec, &found.items[i]);
    }
    vec_free(&found);
    return rest;
}

static void add_arg(struct parser *parser, struct span value, const char *at)
{
    vec_push(&parser->args, (struct arg){.name = {"", 0}, .value = value, .has_value = true,
                                         .place = place_of(parser, at)});
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
        diag_error(parser->diag, place_of(parser, text.text),
                   "when using JSON array syntax, arrays must be comprised of strings only");
    if (form == JSON_FORM_NUL)
        diag_error(parser->diag, place_of(parser, text.text), "an argument must not contain a NUL character");
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
    vec_push(&parser->args, (struct arg){name, value, equals != NULL, place_of(parser, word.text)});
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
    vec_push(&parser->args, (struct arg){name, value, true, place_of(parser, name.text)});
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
            diag_error(parser->diag, place_of(parser, word.text),
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

static void (*const form_parsers[])(struct parser *, struct insn *, struct span) = {
    [FORM_TEXT] = parse_text,     [FORM_LIST] = parse_list,   [FORM_SPLIT] = parse_split,
    [FORM_STRING] = parse_string, [FORM_PAIRS] = parse_pairs, [FORM_WORDS] = parse_words,
    [FORM_HEALTH] = parse_health, [FORM_NESTED] = parse_nested,
};

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
    nested.place = place_of(parser, keyword.text);
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
    form_parsers[insn_specs[nested.kind].form](parser, &nested, nested_rest);
    parser->args.count = 0;
    insn->is_json = nested.is_json;
}

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

static void read_bodies(struct parser *parser, const struct insn *insn)
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
static void match_heredoc_args(struct parser *parser, const struct insn *insn)
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
        diag_error(parser->diag, place_of(parser, insn->subtype.text), "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
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
    while (text.len && (lex_is_blank(text.text[0]) || text.text[0] == '\n'))
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

/* So that the body of a misspelt instruction's heredoc gives no errors of its own. */
static void skip_lost_bodies(struct parser *parser)
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

static void fail_unknown(struct parser *parser, const struct insn *insn)
{
    const char *near = diag_nearest(insn->keyword, insn_names);
    diag_error(parser->diag, insn->place, "unknown instruction: %.*s%s%s%s", SPAN(insn->keyword),
               near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
    skip_lost_bodies(parser);
}

/* The current logical line as an instruction, maybe a bad one; false when it is none. */
static bool parse_insn(struct parser *parser, struct insn *insn)
{
    const struct lex_line *line = &parser->line;
    size_t errors = diag_error_count(parser->diag);
    struct span text = unicode_trim(line->text), rest;
    *insn = (struct insn){.last_line = line->last_line, .text = text, .check = line->check, .comment = line->comment,
                          .subtype = {"", 0}, .trigger = {"", 0},
                          .has_empty_continuation = line->has_empty_continuation,
                          .empty_continuation_line = line->empty_continuation_line};
    rest = lex_first(text, &insn->keyword);
    insn->place = place_of(parser, text.text);
    if (!insn_find(insn->keyword, &insn->kind)) {
        fail_unknown(parser, insn);
        insn->is_bad = true;
        return false;
    }
    const struct insn_spec *spec = &insn_specs[insn->kind];
    parser->flags.count = parser->args.count = parser->heredocs.count = 0;
    insn->rest = take_flags(parser, spec, rest);
    form_parsers[spec->form](parser, insn, insn->rest);
    read_bodies(parser, insn);
    if (diag_error_count(parser->diag) == errors && parser->args.count < spec->least_args)
        diag_error(parser->diag, insn->place, spec->too_few, spec->name);
    if (spec->form == FORM_LIST && spec->has_heredocs && diag_error_count(parser->diag) == errors)
        match_heredoc_args(parser, insn);
    take_pieces(parser, insn);
    if (finishers[insn->kind])
        finishers[insn->kind](parser, insn);
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
    struct place place = {.source = parser->lex.source};
    if (!parser->lex.source->text.len)
        diag_error(parser->diag, place, "the Dockerfile cannot be empty");
    else if (!has_lines)
        diag_error(parser->diag, place, "file with no instructions");
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
