/*
 * Owns the check of "--name=value" against the table of flags. Called by parse.c. Must not know what a flag does.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/insn.h"
#include "gen/parse_state.h"

#include <stdlib.h>
#include <string.h>

#include "gen/value.h"
#include "runtime/lib/buf.h"

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

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.text[i] & 0x80)
            return false;
    return true;
}

/* Read the flags; they are checked only once what follows them is known. */
struct span parse_flags(struct parser *parser, const struct insn_spec *spec, struct span rest)
{
    VEC(struct lex_flag) found = {0};
    struct lex_flag flag;
    const char *base = parser->line.text.text;
    while (lex_flag(&parser->lex, &rest, base, &flag))
        vec_push(&found, flag);
    bool is_ignored = ignores_flags(spec, rest);
    for (size_t i = 0; i < found.count; i++) {
        if (!is_ascii(found.items[i].text))
            diag_warn(parser->diag, lex_place(&parser->lex, found.items[i].at),
                      "flags are read byte by byte, as BuildKit does it: this one is %.*s", SPAN(found.items[i].text));
        if (is_ignored)
            diag_warn(parser->diag, lex_place(&parser->lex, found.items[i].at), "flags have no effect here");
        else
            check_flag(parser, spec, &found.items[i]);
    }
    vec_free(&found);
    return rest;
}
