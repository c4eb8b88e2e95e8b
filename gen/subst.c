/*
 * Owns the matching of shell patterns against variable values. Called by word.c. Must not know quotes, variables or
 * where the value came from.
 *
 * A star runs to the end of the line at most, so the parts of a pattern between stars can be placed one after the
 * other, each as early as possible; only the last one has to be as late as possible for the longest match. That gives
 * what a backtracking matcher gives, in one pass.
 */
#include "gen/subst.h"

#include <stdint.h>
#include <stdlib.h>

#include "gen/unicode.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/vec.h"

enum { TOKEN_ANY = 0x110000, TOKEN_STAR };

static const char too_expensive[] = "substitution takes too long";
static const size_t no_match = SIZE_MAX;

/* Characters with the offset of each in the bytes; one more offset than characters. */
struct chars {
    uint32_t *codes;
    size_t *offsets;
    size_t count;
};

struct part {
    size_t first, count; /* of the tokens */
};

struct matcher {
    VEC(uint32_t) tokens;
    VEC(struct part) parts; /* the pieces between stars: one more than there are stars */
    struct chars text;
    size_t *steps, limit;
};

static const char *read_pattern(const struct subst *subst, struct matcher *matcher)
{
    struct span text = subst->pattern;
    for (size_t at = 0, len; at < text.len; at += len) {
        uint32_t code = unicode_next(text, at, &len);
        if (code == '*' || code == '?') {
            code = code == '*' ? TOKEN_STAR : TOKEN_ANY;
        } else if (code == '\\') {
            size_t next = at + 1;
            code = next < text.len ? unicode_next(text, next, &len) : UNICODE_BAD;
            if (code != '}' && code != '/' && code != '*' && code != '?' && code != '\\')
                return arena_printf(subst->arena, "invalid pattern (%.*s) in substitution: invalid escape '\\%.*s'",
                                    SPAN(text), next < text.len ? (int)len : 0, text.text + next);
            len++;
        }
        vec_push(&matcher->tokens, code);
    }
    return NULL;
}

static void split_parts(struct matcher *matcher)
{
    size_t first = 0;
    for (size_t i = 0; i < matcher->tokens.count; i++)
        if (matcher->tokens.items[i] == TOKEN_STAR) {
            vec_push(&matcher->parts, (struct part){first, i - first});
            first = i + 1;
        }
    vec_push(&matcher->parts, (struct part){first, matcher->tokens.count - first});
}

static void read_text(struct matcher *matcher, struct span value)
{
    struct chars *text = &matcher->text;
    text->codes = xcalloc(value.len + 1, sizeof *text->codes);
    text->offsets = xcalloc(value.len + 1, sizeof *text->offsets);
    for (size_t at = 0, len; at < value.len; at += len) {
        text->offsets[text->count] = at;
        text->codes[text->count++] = unicode_next(value, at, &len);
    }
    text->offsets[text->count] = value.len;
    *matcher->steps += value.len;
}

static const char *begin(const struct subst *subst, struct matcher *matcher, struct span value)
{
    matcher->steps = subst->steps;
    matcher->limit = subst->limit;
    *matcher->steps += subst->pattern.len;
    const char *error = read_pattern(subst, matcher);
    if (error)
        return error;
    read_text(matcher, value);
    return NULL;
}

static void end(struct matcher *matcher)
{
    vec_free(&matcher->tokens);
    vec_free(&matcher->parts);
    free(matcher->text.codes);
    free(matcher->text.offsets);
}

static void reverse(uint32_t *codes, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        uint32_t code = codes[i];
        codes[i] = codes[count - 1 - i];
        codes[count - 1 - i] = code;
    }
}

static bool is_over(const struct matcher *matcher)
{
    return *matcher->steps > SUBST_BUDGET;
}

static bool part_is_at(const struct matcher *matcher, const struct part *part, size_t at)
{
    ++*matcher->steps;
    if (!part->count || part->count > matcher->text.count - at)
        return !part->count;
    const uint32_t *tokens = matcher->tokens.items + part->first, *codes = matcher->text.codes + at;
    size_t i = 0;
    while (i < part->count && (tokens[i] == TOKEN_ANY ? codes[i] != '\n' : tokens[i] == codes[i]))
        i++;
    *matcher->steps += i;
    return i == part->count;
}

/* Where a part is found from at on before a line ends: the first place, or the last. */
static size_t find_part(const struct matcher *matcher, const struct part *part, size_t at, bool is_last)
{
    size_t found = no_match;
    for (; at <= matcher->text.count && !is_over(matcher); at++) {
        if (part_is_at(matcher, part, at)) {
            found = at;
            if (!is_last)
                break;
        }
        if (at < matcher->text.count && matcher->text.codes[at] == '\n')
            break;
    }
    return found;
}

/* The end of the match that begins at start; no_match. */
static size_t match_at(const struct matcher *matcher, size_t start, bool is_longest)
{
    const struct part *parts = matcher->parts.items;
    size_t last = matcher->parts.count - 1;
    if (!part_is_at(matcher, &parts[0], start))
        return no_match;
    size_t at = start + parts[0].count;
    for (size_t i = 1; i <= last; i++) {
        if (!parts[i].count && i < last)
            continue;
        at = find_part(matcher, &parts[i], at, is_longest && i == last);
        if (at == no_match)
            return no_match;
        at += parts[i].count;
    }
    return at;
}

/* The leftmost longest match that begins at from or later: its start and *end. */
static size_t search(const struct matcher *matcher, size_t from, size_t *end)
{
    const struct part *first = &matcher->parts.items[0];
    size_t count = matcher->text.count;
    while (from + first->count <= count && !is_over(matcher)) {
        if (!part_is_at(matcher, first, from)) {
            from++;
            continue;
        }
        *end = match_at(matcher, from, true);
        if (*end != no_match)
            return from;
        /* What fails behind the first part fails for every later start up to the end of this line. */
        size_t newline = from + first->count;
        while (newline < count && matcher->text.codes[newline] != '\n')
            newline++;
        *matcher->steps += newline - from;
        if (newline == count)
            return no_match;
        from = newline - first->count + 1 > from + 1 ? newline - first->count + 1 : from + 1;
    }
    return no_match;
}

const char *subst_trim(const struct subst *subst, struct span value, bool is_suffix, bool is_longest, struct buf *out)
{
    struct matcher matcher = {0};
    const char *error = begin(subst, &matcher, value);
    if (!error) {
        size_t count = matcher.text.count;
        if (is_suffix) {
            reverse(matcher.tokens.items, matcher.tokens.count);
            reverse(matcher.text.codes, count);
        }
        split_parts(&matcher);
        size_t cut = match_at(&matcher, 0, is_longest);
        cut = cut == no_match ? 0 : cut;
        if (is_over(&matcher))
            error = too_expensive;
        else if (is_suffix)
            buf_add(out, value.text, matcher.text.offsets[count - cut]);
        else
            buf_add(out, value.text + matcher.text.offsets[cut], value.len - matcher.text.offsets[cut]);
    }
    end(&matcher);
    return error;
}

/* The length of the name at text[at]: letters, digits, underscores. */
static size_t template_name(struct span text, size_t at)
{
    size_t begin = at, len;
    while (at < text.len) {
        uint32_t code = unicode_next(text, at, &len);
        if (code != '_' && !unicode_is_letter(code) && !unicode_is_digit(code))
            break;
        at += len;
    }
    return at - begin;
}

/* The name after the dollar at text[at], and where what follows it begins; false when it is no reference. */
static bool template_reference(struct span text, size_t at, struct span *name, size_t *next)
{
    bool has_brace = at + 1 < text.len && text.text[at + 1] == '{';
    size_t first = at + 1 + has_brace, len = template_name(text, first);
    *name = (struct span){text.text + first, len};
    *next = first + len + has_brace;
    return len && (!has_brace || (first + len < text.len && text.text[first + len] == '}'));
}

static void add_template(struct buf *out, struct span text, struct span match)
{
    for (size_t at = 0; at < text.len;) {
        struct span name;
        size_t next;
        const char *dollar = memchr(text.text + at, '$', text.len - at);
        size_t plain = dollar ? (size_t)(dollar - text.text) - at : text.len - at;
        if (plain) {
            buf_add(out, text.text + at, plain);
            at += plain;
        } else if (at + 1 < text.len && text.text[at + 1] == '$') {
            buf_putc(out, '$');
            at += 2;
        } else if (template_reference(text, at, &name, &next)) {
            if (span_is(name, "0"))
                buf_add(out, match.text, match.len);
            at = next;
        } else {
            buf_putc(out, '$');
            at++;
        }
    }
}

static void replace_first(struct matcher *matcher, struct span value, struct span replacement, struct buf *out)
{
    const size_t *offsets = matcher->text.offsets;
    size_t stop, start = search(matcher, 0, &stop);
    if (start == no_match) {
        buf_add(out, value.text, value.len);
        return;
    }
    buf_add(out, value.text, offsets[start]);
    buf_add(out, replacement.text, replacement.len);
    buf_add(out, value.text + offsets[stop], value.len - offsets[stop]);
}

/* An empty match right behind another match does not count, and each step goes on by a character at least. */
static void replace_all(struct matcher *matcher, struct span value, struct span replacement, struct buf *out)
{
    const size_t *offsets = matcher->text.offsets;
    size_t done = 0, from = 0, stop;
    while (from <= matcher->text.count && !is_over(matcher) && out->len <= matcher->limit) {
        size_t start = search(matcher, from, &stop);
        if (start == no_match)
            break;
        buf_add(out, value.text + offsets[done], offsets[start] - offsets[done]);
        if (stop > done || start == 0)
            add_template(out, replacement, (struct span){value.text + offsets[start], offsets[stop] - offsets[start]});
        *matcher->steps += replacement.len + 1;
        done = stop;
        from = from + 1 > stop ? from + 1 : stop;
    }
    buf_add(out, value.text + offsets[done], value.len - offsets[done]);
}

const char *subst_replace(const struct subst *subst, struct span value, struct span replacement, bool is_all,
                          struct buf *out)
{
    struct matcher matcher = {0};
    const char *error = begin(subst, &matcher, value);
    if (!error) {
        split_parts(&matcher);
        if (is_all)
            replace_all(&matcher, value, replacement, out);
        else
            replace_first(&matcher, value, replacement, out);
        if (is_over(&matcher))
            error = too_expensive;
    }
    end(&matcher);
    return error;
}
