/*
 * Owns the decision whether arguments are a JSON array, and its strings. Called by parse.c. Must not know instructions.
 * A library is of no use: what is no JSON here is no error but another form, and odd bytes and lone surrogates must become
 * U+FFFD, not errors.
 */
#include "gen/json_form.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "gen/unicode.h"
#include "runtime/lib/arena.h"

enum { DEPTH_LIMIT = 10000 }; /* Go's own */

struct reader {
    struct arena *arena;
    struct span text;
    size_t at;
    bool has_nul;
};

static bool take(struct reader *reader, char c)
{
    if (reader->at == reader->text.len || reader->text.text[reader->at] != c)
        return false;
    reader->at++;
    return true;
}

static void skip_space(struct reader *reader)
{
    while (take(reader, ' ') || take(reader, '\t') || take(reader, '\n') || take(reader, '\r'))
        ;
}

static bool take_text(struct reader *reader, const char *text)
{
    if (!span_starts(span_skip(reader->text, reader->at), text))
        return false;
    reader->at += strlen(text);
    return true;
}

/* The value of four hexadecimal digits, -1 for none. */
static int32_t take_hex4(struct reader *reader)
{
    int32_t code = 0;
    if (reader->text.len - reader->at < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        char c = reader->text.text[reader->at + i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    reader->at += 4;
    return code;
}

/* Behind "\u": a pair of surrogates is one character, a lone one is bad. -1: no digits. */
static int32_t take_unicode(struct reader *reader)
{
    int32_t high = take_hex4(reader);
    if (high < 0xd800 || high > 0xdfff)
        return high;
    size_t here = reader->at;
    int32_t low = high < 0xdc00 && take_text(reader, "\\u") ? take_hex4(reader) : -1;
    if (low >= 0xdc00 && low <= 0xdfff)
        return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    reader->at = here;
    return UNICODE_BAD;
}

/* Behind a backslash: the character that is meant; -1: none. */
static int32_t take_escape(struct reader *reader)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (reader->at == reader->text.len)
        return -1;
    char c = reader->text.text[reader->at++];
    if (c == 'u')
        return take_unicode(reader);
    const char *found = c ? strchr(names, c) : NULL;
    return found ? values[found - names] : -1;
}

/* A string, decoded. A byte of the text makes three bytes at most (U+FFFD). */
static bool take_string(struct reader *reader, struct span *value)
{
    if (!take(reader, '"'))
        return false;
    size_t begin = reader->at, end = begin;
    const char *text = reader->text.text;
    bool is_plain = true;
    while (end < reader->text.len && text[end] != '"') {
        is_plain = is_plain && text[end] != '\\' && (unsigned char)text[end] < 0x80;
        end += text[end] == '\\' ? 2 : 1;
    }
    if (end >= reader->text.len)
        return false;
    char *out = is_plain ? NULL : arena_alloc(reader->arena, (end - begin) * 3 + 4);
    size_t out_len = 0, len;
    while (!take(reader, '"')) {
        if ((unsigned char)text[reader->at] < 0x20)
            return false;
        int32_t code;
        if (take(reader, '\\')) {
            code = take_escape(reader);
            if (code < 0)
                return false;
            reader->has_nul = reader->has_nul || !code;
        } else {
            code = (int32_t)unicode_next(reader->text, reader->at, &len);
            reader->at += len;
        }
        if (out)
            out_len += unicode_encode((uint32_t)code, out + out_len);
    }
    *value = is_plain ? (struct span){text + begin, end - begin} : (struct span){out, out_len};
    return true;
}

static bool take_digits(struct reader *reader)
{
    size_t begin = reader->at;
    while (reader->at < reader->text.len && reader->text.text[reader->at] >= '0' &&
           reader->text.text[reader->at] <= '9')
        reader->at++;
    return reader->at > begin;
}

/* A number that a double cannot hold is an error in Go, and so no JSON. */
static bool take_number(struct reader *reader)
{
    size_t begin = reader->at;
    take(reader, '-');
    if (!take(reader, '0') && !take_digits(reader))
        return false;
    if (take(reader, '.') && !take_digits(reader))
        return false;
    if (take(reader, 'e') || take(reader, 'E')) {
        if (!take(reader, '+'))
            take(reader, '-');
        if (!take_digits(reader))
            return false;
    }
    const char *digits = arena_strndup(reader->arena, reader->text.text + begin, reader->at - begin);
    return isfinite(strtod(digits, NULL));
}

/* What may come next in a value that is read without recursion. */
enum state { STATE_VALUE, STATE_VALUE_OR_END, STATE_NAME, STATE_NAME_OR_END, STATE_AFTER };

static bool take_scalar(struct reader *reader)
{
    struct span ignored;
    bool had_nul = reader->has_nul, is_string = reader->at < reader->text.len && reader->text.text[reader->at] == '"';
    if (is_string) {
        bool is_ok = take_string(reader, &ignored);
        reader->has_nul = had_nul;
        return is_ok;
    }
    return take_text(reader, "true") || take_text(reader, "false") || take_text(reader, "null") || take_number(reader);
}

static bool take_name(struct reader *reader)
{
    if (reader->at == reader->text.len || reader->text.text[reader->at] != '"' || !take_scalar(reader))
        return false;
    skip_space(reader);
    return take(reader, ':');
}

/* A value that is no string: checked and passed over. */
static bool take_other(struct reader *reader)
{
    char open[DEPTH_LIMIT]; /* '[' or '{', innermost last */
    size_t depth = 0;
    enum state state = STATE_VALUE;
    do {
        skip_space(reader);
        char close = depth && open[depth - 1] == '[' ? ']' : '}';
        bool may_end = state == STATE_AFTER || state == STATE_VALUE_OR_END || state == STATE_NAME_OR_END;
        if (depth && may_end && take(reader, close)) {
            depth--;
            state = STATE_AFTER;
        } else if (state == STATE_AFTER) {
            if (!take(reader, ','))
                return false;
            state = close == ']' ? STATE_VALUE : STATE_NAME;
        } else if (state == STATE_NAME || state == STATE_NAME_OR_END) {
            if (!take_name(reader))
                return false;
            state = STATE_VALUE;
        } else if (take(reader, '[') || take(reader, '{')) {
            /* The array around it counts as one. */
            if (depth == DEPTH_LIMIT - 1)
                return false;
            open[depth] = reader->text.text[reader->at - 1];
            state = open[depth++] == '[' ? STATE_VALUE_OR_END : STATE_NAME_OR_END;
        } else if (take_scalar(reader)) {
            state = STATE_AFTER;
        } else {
            return false;
        }
    } while (depth);
    return true;
}

enum json_form json_form_read(struct arena *arena, struct span text, json_items *items)
{
    struct reader reader = {.arena = arena, .text = text};
    bool is_mixed = false;
    size_t had = items->count;
    skip_space(&reader);
    bool is_ok = take(&reader, '[');
    skip_space(&reader);
    bool is_done = is_ok && take(&reader, ']');
    while (is_ok && !is_done) {
        struct json_item item = {.at = reader.at};
        if (reader.at < text.len && text.text[reader.at] == '"') {
            is_ok = take_string(&reader, &item.value);
            vec_push(items, item);
        } else {
            is_ok = take_other(&reader);
            is_mixed = true;
        }
        skip_space(&reader);
        is_done = is_ok && take(&reader, ']');
        is_ok = is_ok && (is_done || take(&reader, ','));
        skip_space(&reader);
    }
    skip_space(&reader);
    if (is_ok && reader.at == text.len && !is_mixed && !reader.has_nul)
        return JSON_FORM_STRINGS;
    items->count = had;
    if (!is_ok || reader.at != text.len)
        return JSON_FORM_NONE;
    return is_mixed ? JSON_FORM_MIXED : JSON_FORM_NUL;
}
