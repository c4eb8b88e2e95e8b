/*
 * Owns expansion: quotes, escapes and ${...} of one argument (reference/dockerfile.md §2). Called by stage.c for
 * arguments and bodies, by heredoc.c to split a line as a shell would. Must not know instructions, nor where the values
 * of variables come from.
 */
#include "gen/word.h"

#include <stdint.h>
#include <stdlib.h>

#include "gen/subst.h"
#include "gen/unicode.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/vec.h"

enum {
    DEPTH_LIMIT = 64,                /* ${} in ${} */
    BODY_LIMIT = 16 * 1024 * 1024,   /* bytes of an expanded heredoc body */
};

static const uint32_t at_end = UINT32_MAX;

struct expander {
    struct arena *arena;
    const struct word_env *env;   /* NULL: nothing is set */
    struct span text;
    size_t at;
    char escape;
    bool plain_quotes, keeps_quotes, keeps_escapes, keeps_unset;
    VEC(struct span) undefined;
    struct buf *begun;            /* splitting: the word so far */
    int depth;
    size_t steps, limit;
    const char *error;
    size_t error_at;
    bool is_limit;                /* the error is a limit, and so counts wherever it is */
};

/* The words of splitting: a word ends at white space that no quote protects, and empty ones vanish. */
struct splitter {
    struct buf word;
    bool in_word;
    size_t word_at;
    VEC(struct span) words;
    VEC(size_t) offsets;
    struct expander *x;
};

static bool fail(struct expander *x, size_t at, const char *error)
{
    x->error = error;
    x->error_at = at;
    return false;
}

static bool fail_limit(struct expander *x, const char *error)
{
    x->is_limit = true;
    return fail(x, x->at, error);
}

static uint32_t peek(const struct expander *x, size_t *len)
{
    *len = 0;
    return x->at < x->text.len ? unicode_next(x->text, x->at, len) : at_end;
}

static bool is_next(const struct expander *x, char c)
{
    return x->at < x->text.len && x->text.text[x->at] == c;
}

static bool add(struct expander *x, struct buf *out, const char *text, size_t len)
{
    x->steps += len;
    if (x->steps > SUBST_BUDGET)
        return fail_limit(x, "expansion takes too long");
    if (len > x->limit || out->len + len > x->limit)
        return fail_limit(x, arena_printf(x->arena, "the expanded text is longer than %zu MiB", x->limit >> 20));
    buf_add(out, text, len);
    return true;
}

/* The character at the cursor; a byte that is no UTF-8 comes out as U+FFFD, as in Go. */
static bool add_char(struct expander *x, struct buf *out)
{
    size_t len;
    uint32_t code = peek(x, &len);
    const char *text = x->text.text + x->at;
    x->at += len;
    return code == UNICODE_BAD ? add(x, out, "\xef\xbf\xbd", 3) : add(x, out, text, len);
}

static void end_word(struct splitter *splitter)
{
    if (!splitter->word.len)
        return;
    vec_push(&splitter->words,
             arena_span(splitter->x->arena, (struct span){splitter->word.data, splitter->word.len}));
    vec_push(&splitter->offsets, splitter->word_at);
    buf_clear(&splitter->word);
    splitter->in_word = false;
}

static void split_raw(struct splitter *splitter, struct span text, size_t at)
{
    if (!splitter->word.len)
        splitter->word_at = at;
    buf_add(&splitter->word, text.text, text.len);
    splitter->in_word = true;
}

static void split_bare(struct splitter *splitter, struct span text, size_t at)
{
    for (size_t i = 0, len; i < text.len; i += len) {
        if (!unicode_is_space(unicode_next(text, i, &len)))
            split_raw(splitter, (struct span){text.text + i, len}, at);
        else if (splitter->in_word)
            end_word(splitter);
    }
}

static bool is_special(uint32_t code)
{
    return code < 0x80 && code && strchr("@*#?-$!0", (int)code);
}

/* A variable's name at the cursor, maybe empty. */
static struct span take_name(struct expander *x)
{
    size_t begin = x->at, len;
    uint32_t code = peek(x, &len);
    bool is_number = code != at_end && unicode_is_digit(code);
    if (!is_number && is_special(code)) {
        x->at += len;
    } else {
        while (code != at_end &&
               (unicode_is_digit(code) || (!is_number && (code == '_' || unicode_is_letter(code))))) {
            x->at += len;
            code = peek(x, &len);
        }
    }
    return (struct span){x->text.text + begin, x->at - begin};
}

static bool look_up(struct expander *x, struct span name, struct span *value)
{
    *value = (struct span){"", 0};
    if (x->env && x->env->get(x->env->data, name, value))
        return true;
    if (!x->keeps_unset)
        vec_push(&x->undefined, name);
    return false;
}

static bool expand(struct expander *x, uint32_t stop, struct buf *out, struct splitter *splitter);

/* A part of ${...} up to stop. When the text ends in it, the missing end is what is wrong. */
static bool expand_part(struct expander *x, char stop, bool keeps_escapes, struct buf *out)
{
    bool kept = x->keeps_escapes;
    if (x->depth == DEPTH_LIMIT)
        return fail_limit(x, "substitutions are nested too deep");
    x->depth++;
    x->keeps_escapes = keeps_escapes;
    bool is_ok = expand(x, (unsigned char)stop, out, NULL);
    x->keeps_escapes = kept;
    x->depth--;
    if (!is_ok && !x->is_limit && x->at >= x->text.len)
        x->error = stop == '/' ? "syntax error: missing '/' in ${}" : "syntax error: missing '}'";
    return is_ok;
}

/* ${name...}: what stands behind the name. */
struct modifier {
    size_t begin;        /* of the "$" */
    struct span name;
    struct span written; /* ":-", "#", ... */
    char kind;
    bool is_colon;
};

static bool fail_unsupported(struct expander *x, const struct modifier *modifier)
{
    return fail(x, modifier->begin,
                arena_printf(x->arena, "unsupported modifier (%.*s) in substitution", SPAN(modifier->written)));
}

static bool fail_required(struct expander *x, const struct modifier *modifier, struct span word, const char *state)
{
    struct span name = modifier->name;
    const char *text = word.len ? arena_printf(x->arena, "%.*s: %.*s", SPAN(name), SPAN(word))
                                : arena_printf(x->arena, "%.*s: is not allowed to be %s", SPAN(name), state);
    return fail(x, modifier->begin, text);
}

static bool trim_value(struct expander *x, const struct modifier *modifier, struct span word, struct buf *out)
{
    struct span value;
    look_up(x, modifier->name, &value);
    bool is_longest = word.len && word.text[0] == modifier->kind;
    struct subst subst = {x->arena, is_longest ? span_skip(word, 1) : word, &x->steps, x->limit};
    struct buf trimmed = {0};
    const char *error = subst_trim(&subst, value, modifier->kind == '%', is_longest, &trimmed);
    bool is_ok = error ? fail(x, modifier->begin, error) : add(x, out, buf_text(&trimmed), trimmed.len);
    buf_free(&trimmed);
    return is_ok;
}

static bool choose_value(struct expander *x, const struct modifier *modifier, struct span word, struct buf *out)
{
    struct span value;
    bool is_set = look_up(x, modifier->name, &value);
    bool is_missing = !is_set || (modifier->is_colon && !value.len);
    if (modifier->kind == '-')
        return is_missing ? add(x, out, word.text, word.len) : add(x, out, value.text, value.len);
    if (modifier->kind == '+')
        return is_missing || add(x, out, word.text, word.len);
    if (modifier->kind != '?')
        return fail_unsupported(x, modifier);
    if (is_missing)
        return fail_required(x, modifier, word, is_set ? "empty" : "unset");
    return add(x, out, value.text, value.len);
}

/* As written, but for what was expanded in it: an unset variable of word_shell. */
static bool keep_unset(struct expander *x, const struct modifier *modifier, struct span word, struct buf *out)
{
    return add(x, out, "${", 2) && add(x, out, modifier->name.text, modifier->name.len) &&
           add(x, out, modifier->written.text, modifier->written.len) && add(x, out, word.text, word.len) &&
           add(x, out, "}", 1);
}

static bool expand_modifier(struct expander *x, const struct modifier *modifier, struct buf *out)
{
    bool is_trim = modifier->kind == '#' || modifier->kind == '%';
    if (is_trim && modifier->is_colon)
        return fail_unsupported(x, modifier);
    struct buf text = {0};
    bool is_ok = expand_part(x, '}', is_trim, &text);
    struct span word = {buf_text(&text), text.len};
    if (is_ok && x->keeps_unset)
        is_ok = keep_unset(x, modifier, word, out);
    else if (is_ok)
        is_ok = is_trim ? trim_value(x, modifier, word, out) : choose_value(x, modifier, word, out);
    buf_free(&text);
    return is_ok;
}

static bool replace_value(struct expander *x, const struct modifier *modifier, bool is_all, struct span pattern,
                          struct span replacement, struct buf *out)
{
    struct span value;
    look_up(x, modifier->name, &value);
    struct subst subst = {x->arena, pattern, &x->steps, x->limit};
    struct buf text = {0};
    const char *error = subst_replace(&subst, value, replacement, is_all, &text);
    bool is_ok = error ? fail(x, modifier->begin, error) : add(x, out, buf_text(&text), text.len);
    buf_free(&text);
    return is_ok;
}

static bool expand_replacement(struct expander *x, const struct modifier *modifier, struct buf *out)
{
    bool is_all = is_next(x, '/');
    x->at += is_all;
    struct buf pattern = {0}, replacement = {0};
    bool is_ok = expand_part(x, '/', true, &pattern) && expand_part(x, '}', true, &replacement);
    if (is_ok && x->keeps_unset) {
        buf_putc(&pattern, '/');
        buf_add(&pattern, buf_text(&replacement), replacement.len);
        is_ok = keep_unset(x, modifier, (struct span){buf_text(&pattern), pattern.len}, out);
    } else if (is_ok) {
        is_ok = replace_value(x, modifier, is_all, (struct span){buf_text(&pattern), pattern.len},
                              (struct span){buf_text(&replacement), replacement.len}, out);
    }
    buf_free(&pattern);
    buf_free(&replacement);
    return is_ok;
}

/* "$name", or a dollar that stands for itself. */
static bool expand_plain(struct expander *x, size_t begin, struct buf *out)
{
    struct span name = take_name(x), value;
    if (!name.len)
        return add(x, out, "$", 1);
    if (!look_up(x, name, &value) && x->keeps_unset)
        return add(x, out, x->text.text + begin, x->at - begin);
    return add(x, out, value.text, value.len);
}

/* The cursor is on a "$". */
static bool expand_dollar(struct expander *x, struct buf *out)
{
    struct modifier modifier = {.begin = x->at++};
    if (!is_next(x, '{'))
        return expand_plain(x, modifier.begin, out);
    x->at++;
    if (is_next(x, '{') || is_next(x, '}') || is_next(x, ':'))
        return fail(x, modifier.begin, "syntax error: bad substitution");
    modifier.name = take_name(x);
    size_t written = x->at, len;
    modifier.is_colon = is_next(x, ':');
    x->at += modifier.is_colon;
    uint32_t kind = peek(x, &len);
    if (kind == at_end)
        return fail(x, modifier.begin, "syntax error: missing '}'");
    x->at += len;
    modifier.kind = kind < 0x80 ? (char)kind : 0;
    modifier.written = (struct span){x->text.text + written, x->at - written};
    if (modifier.is_colon || (modifier.kind && strchr("+-?#%", modifier.kind)))
        return expand_modifier(x, &modifier, out);
    if (modifier.kind == '/')
        return expand_replacement(x, &modifier, out);
    if (modifier.kind != '}')
        return fail_unsupported(x, &modifier);
    struct span value;
    if (!look_up(x, modifier.name, &value) && x->keeps_unset)
        return add(x, out, x->text.text + modifier.begin, x->at - modifier.begin);
    return add(x, out, value.text, value.len);
}

static bool expand_single(struct expander *x, struct buf *out)
{
    size_t begin = x->at++;
    bool is_ok = !x->keeps_quotes || add(x, out, "'", 1);
    while (is_ok && x->at < x->text.len && !is_next(x, '\''))
        is_ok = add_char(x, out);
    if (!is_ok)
        return false;
    if (x->at++ >= x->text.len) {
        x->at = x->text.len;
        return fail(x, begin, "unexpected end of statement while looking for matching single-quote");
    }
    return !x->keeps_quotes || add(x, out, "'", 1);
}

/* The escape character in double quotes: only a quote, a dollar and itself can be escaped. */
static bool expand_quoted_escape(struct expander *x, struct buf *out)
{
    x->at++;
    if (x->keeps_escapes && !add(x, out, &x->escape, 1))
        return false;
    if (x->at == x->text.len)
        return true;
    if (is_next(x, '"') || is_next(x, '$') || is_next(x, x->escape))
        return add_char(x, out);
    return add(x, out, &x->escape, 1);
}

static bool expand_double(struct expander *x, struct buf *out)
{
    size_t begin = x->at++;
    bool is_ok = !x->keeps_quotes || add(x, out, "\"", 1);
    while (is_ok && x->at < x->text.len && !is_next(x, '"')) {
        if (is_next(x, '$'))
            is_ok = expand_dollar(x, out);
        else if (is_next(x, x->escape))
            is_ok = expand_quoted_escape(x, out);
        else
            is_ok = add_char(x, out);
    }
    if (!is_ok)
        return false;
    if (x->at >= x->text.len)
        return fail(x, begin, "unexpected end of statement while looking for matching double-quote");
    x->at++;
    return !x->keeps_quotes || add(x, out, "\"", 1);
}

/* The escape character outside quotes; at the end of the text it is dropped. */
static bool expand_bare_escape(struct expander *x, struct buf *out)
{
    x->at++;
    if (x->keeps_escapes && !add(x, out, &x->escape, 1))
        return false;
    return x->at == x->text.len || add_char(x, out);
}

/* "<<" takes the white space behind it into the word. */
static bool expand_shift(struct expander *x, struct buf *out)
{
    size_t begin = x->at++;
    if (is_next(x, '<')) {
        x->at++;
        while (is_next(x, ' ') || is_next(x, '\t') || is_next(x, '\r'))
            x->at++;
    }
    return add(x, out, x->text.text + begin, x->at - begin);
}

static bool is_raw_start(const struct expander *x, char c)
{
    return c == x->escape || c == '<' || (!x->plain_quotes && (c == '"' || c == '\''));
}

/* Up to the stop character (taken, not put out) or, with at_end, the end. */
static bool expand(struct expander *x, uint32_t stop, struct buf *out, struct splitter *splitter)
{
    /* What stands before the ${name-word} of a word is lost in the reference, which has one buffer for both. */
    if (!splitter && x->begun)
        buf_clear(x->begun);
    while (x->at < x->text.len) {
        char c = x->text.text[x->at];
        size_t begin = x->at, had = out->len;
        bool is_ok;
        if (stop != at_end && (unsigned char)c == stop) {
            x->at++;
            return true;
        }
        if (c == '$')
            is_ok = expand_dollar(x, out);
        else if (c == '\'' && !x->plain_quotes)
            is_ok = expand_single(x, out);
        else if (c == '"' && !x->plain_quotes)
            is_ok = expand_double(x, out);
        else if (c == '<')
            is_ok = expand_shift(x, out);
        else if (c == x->escape)
            is_ok = expand_bare_escape(x, out);
        else
            is_ok = add_char(x, out);
        if (!is_ok)
            return false;
        if (!splitter)
            continue;
        struct span added = {buf_text(out) + had, out->len - had};
        if (is_raw_start(x, c))
            split_raw(splitter, added, begin);
        else
            split_bare(splitter, added, begin);
    }
    return stop == at_end || fail(x, x->at, "unexpected end of statement");
}

static int by_name(const void *left, const void *right)
{
    const struct span *a = *(struct span *const *)left, *b = *(struct span *const *)right;
    size_t len = a->len < b->len ? a->len : b->len;
    int order = len ? memcmp(a->text, b->text, len) : 0;
    if (!order)
        order = a->len < b->len ? -1 : a->len > b->len;
    return order ? order : a < b ? -1 : a > b;
}

/* The names without duplicates, in the order of their first use. */
static struct span *unique_names(struct expander *x, size_t *count)
{
    size_t total = x->undefined.count;
    *count = 0;
    if (!total)
        return NULL;
    struct span *names = x->undefined.items, **sorted = arena_array(x->arena, total, sizeof *sorted);
    struct span *result = arena_array(x->arena, total, sizeof *result);
    for (size_t i = 0; i < total; i++)
        sorted[i] = &names[i];
    qsort(sorted, total, sizeof *sorted, by_name);
    for (size_t i = total; i-- > 1;)
        if (span_equal(*sorted[i - 1], *sorted[i]))
            sorted[i]->text = NULL;
    for (size_t i = 0; i < total; i++)
        if (names[i].text)
            result[(*count)++] = names[i];
    return result;
}

/* What one word may not take, many together may not either. */
static bool spend(struct expander *x, size_t len)
{
    size_t *spent = x->env ? x->env->spent : NULL;
    if (!spent)
        return true;
    *spent += len;
    return *spent <= WORD_TOTAL ||
           fail_limit(x, arena_printf(x->arena, "all expanded text together is longer than %d MiB", WORD_TOTAL >> 20));
}

struct word_result word_expand(struct arena *arena, struct span text, char escape, enum word_mode mode,
                               const struct word_env *env)
{
    bool is_heredoc = mode == WORD_HEREDOC;
    struct expander x = {.arena = arena, .env = env, .text = text, .escape = is_heredoc ? '\\' : escape,
                         .plain_quotes = is_heredoc, .limit = is_heredoc ? BODY_LIMIT : WORD_LIMIT};
    struct buf out = {0};
    struct word_result result = {.text = {"", 0}};
    if (expand(&x, at_end, &out, NULL) && spend(&x, out.len))
        result.text = arena_span(arena, (struct span){buf_text(&out), out.len});
    result.error = x.error;
    result.error_at = x.error_at;
    result.undefined = unique_names(&x, &result.undefined_count);
    vec_free(&x.undefined);
    buf_free(&out);
    return result;
}

static struct word_list split(struct expander *x)
{
    struct splitter splitter = {.x = x};
    struct buf out = {0};
    struct word_list list = {0};
    x->begun = &splitter.word;
    if (expand(x, at_end, &out, &splitter) && spend(x, out.len)) {
        end_word(&splitter);
        list.count = splitter.words.count;
        list.words = arena_array(x->arena, list.count, sizeof *list.words);
        list.offsets = arena_array(x->arena, list.count, sizeof *list.offsets);
        for (size_t i = 0; i < list.count; i++) {
            list.words[i] = splitter.words.items[i];
            list.offsets[i] = splitter.offsets.items[i];
        }
    }
    list.error = x->error;
    list.error_at = x->error_at;
    list.undefined = unique_names(x, &list.undefined_count);
    vec_free(&x->undefined);
    vec_free(&splitter.words);
    vec_free(&splitter.offsets);
    buf_free(&splitter.word);
    buf_free(&out);
    return list;
}

struct word_list word_split(struct arena *arena, struct span text, char escape, const struct word_env *env)
{
    struct expander x = {.arena = arena, .env = env, .text = text, .escape = escape, .limit = WORD_LIMIT};
    return split(&x);
}

struct word_list word_shell(struct arena *arena, struct span text, bool keeps_quotes, bool keeps_escapes)
{
    struct expander x = {.arena = arena, .text = text, .escape = '\\', .keeps_quotes = keeps_quotes,
                         .keeps_escapes = keeps_escapes, .keeps_unset = true, .limit = SIZE_MAX / 4};
    return split(&x);
}
