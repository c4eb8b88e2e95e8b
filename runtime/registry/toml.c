/*
 * Owns the syntax of TOML as far as toml.h says. Called by registries_conf. Must not know any key.
 */
#include "runtime/registry/toml.h"

#include <stdlib.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/vec.h"

struct toml {
    struct arena *arena;
    const char *at, *end;
    int line;
    const struct toml_reader *reader;
};

static bool is_end(const struct toml *toml)
{
    return toml->at == toml->end;
}

static char peek(const struct toml *toml)
{
    return is_end(toml) ? 0 : *toml->at;
}

static bool take(struct toml *toml, char c)
{
    if (is_end(toml) || *toml->at != c)
        return false;
    toml->at++;
    return true;
}

static void skip_blanks(struct toml *toml)
{
    while (!is_end(toml) && (*toml->at == ' ' || *toml->at == '\t' || *toml->at == '\r'))
        toml->at++;
}

static void skip_comment(struct toml *toml)
{
    if (peek(toml) == '#')
        while (!is_end(toml) && *toml->at != '\n')
            toml->at++;
}

/* Blanks, comments and ends of lines. */
static void skip_lines(struct toml *toml)
{
    for (;;) {
        skip_blanks(toml);
        skip_comment(toml);
        if (!take(toml, '\n'))
            return;
        toml->line++;
    }
}

static const char *end_line(struct toml *toml)
{
    skip_blanks(toml);
    skip_comment(toml);
    return is_end(toml) || *toml->at == '\n' ? NULL : "something stands behind the end of the value";
}

static bool is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static const char *read_escape(struct toml *toml, struct buf *out)
{
    static const char letters[] = "\"\\bfnrt", meanings[] = "\"\\\b\f\n\r\t";
    const char *found = peek(toml) ? strchr(letters, *toml->at) : NULL;
    if (!found)
        return "this escape is not understood (\\\" \\\\ \\n \\t are)";
    buf_putc(out, meanings[found - letters]);
    toml->at++;
    return NULL;
}

/* "..." with escapes, or '...' without. */
static const char *read_string(struct toml *toml, const char **string)
{
    char quote = *toml->at++;
    struct buf out = {0};
    const char *why = NULL;
    if (toml->end - toml->at >= 2 && toml->at[0] == quote && toml->at[1] == quote)
        return "strings of several lines are not understood";
    while (!why && !take(toml, quote)) {
        unsigned char c = (unsigned char)peek(toml);
        if (is_end(toml) || c == '\n')
            why = "a string does not end";
        else if (c < ' ' && c != '\t')
            why = "a control character is in a string";
        else if (quote == '"' && take(toml, '\\'))
            why = read_escape(toml, &out);
        else
            buf_putc(&out, *toml->at++);
    }
    *string = arena_strdup(toml->arena, buf_text(&out));
    buf_free(&out);
    return why;
}

/* One part of a name: bare or quoted. */
static const char *read_name(struct toml *toml, const char **name)
{
    if (peek(toml) == '"' || peek(toml) == '\'')
        return read_string(toml, name);
    const char *start = toml->at;
    while (is_bare(peek(toml)))
        toml->at++;
    *name = arena_strndup(toml->arena, start, (size_t)(toml->at - start));
    return **name ? NULL : "a name is missing";
}

/* "a.b.c": the parts joined by dots. */
static const char *read_dotted(struct toml *toml, const char **name)
{
    struct buf joined = {0};
    const char *why = NULL;
    do {
        const char *part;
        skip_blanks(toml);
        why = read_name(toml, &part);
        if (why)
            break;
        buf_printf(&joined, "%s%s", joined.len ? "." : "", part);
        skip_blanks(toml);
    } while (take(toml, '.'));
    *name = arena_strdup(toml->arena, buf_text(&joined));
    buf_free(&joined);
    return why;
}

static const char *read_list(struct toml *toml, struct toml_value *value)
{
    VEC(const char *) list = {0};
    const char *why = NULL;
    toml->at++;
    skip_lines(toml);
    while (!why && !take(toml, ']')) {
        const char *item = NULL;
        if (peek(toml) == '"' || peek(toml) == '\'')
            why = read_string(toml, &item);
        else
            why = is_end(toml) ? "a list does not end" : "only strings are understood in a list";
        vec_push(&list, item);
        skip_lines(toml);
        if (!why && !take(toml, ',') && peek(toml) != ']')
            why = "a comma or the end of the list is missing";
        skip_lines(toml);
    }
    value->kind = TOML_LIST;
    value->count = list.count;
    value->list = arena_array(toml->arena, list.count + 1, sizeof *value->list);
    if (list.count)
        memcpy(value->list, list.items, list.count * sizeof *value->list);
    vec_free(&list);
    return why;
}

static const char *read_word(struct toml *toml, struct toml_value *value)
{
    const char *start = toml->at;
    while (is_bare(peek(toml)))
        toml->at++;
    struct span word = {start, (size_t)(toml->at - start)};
    value->string = arena_strndup(toml->arena, word.text, word.len);
    value->kind = TOML_BOOLEAN;
    value->boolean = span_is(word, "true");
    if (value->boolean || span_is(word, "false"))
        return NULL;
    value->kind = TOML_INTEGER;
    bool is_number = word.len && strspn(value->string, "0123456789") == word.len;
    return is_number ? NULL : "the value is neither a string, a number, true, false, nor a list of strings";
}

static const char *read_value(struct toml *toml, struct toml_value *value)
{
    *value = (struct toml_value){0};
    switch (peek(toml)) {
    case '"':
    case '\'':
        value->kind = TOML_STRING;
        return read_string(toml, &value->string);
    case '[':
        return read_list(toml, value);
    default:
        return read_word(toml, value);
    }
}

static const char *read_table(struct toml *toml)
{
    const char *name;
    toml->at++;
    bool is_item = take(toml, '[');
    const char *why = read_dotted(toml, &name);
    if (!why && (!take(toml, ']') || (is_item && !take(toml, ']'))))
        why = "the name of a table does not end";
    if (!why)
        why = end_line(toml);
    return why ? why : toml->reader->table(toml->reader->data, name, is_item);
}

static const char *read_pair(struct toml *toml)
{
    const char *key;
    struct toml_value value;
    const char *why = read_dotted(toml, &key);
    if (!why && !take(toml, '='))
        why = "neither a table nor KEY = VALUE";
    skip_blanks(toml);
    if (!why)
        why = read_value(toml, &value);
    if (!why)
        why = end_line(toml);
    return why ? why : toml->reader->value(toml->reader->data, key, &value);
}

const char *toml_read(struct arena *arena, struct span text, const struct toml_reader *reader, int *line)
{
    struct toml toml = {arena, text.text, text.text + text.len, 1, reader};
    const char *why = NULL;
    skip_lines(&toml);
    while (!is_end(&toml)) {
        why = peek(&toml) == '[' ? read_table(&toml) : read_pair(&toml);
        /* Before it goes on to another line. */
        if (why)
            break;
        skip_lines(&toml);
    }
    *line = toml.line;
    return why;
}
