/*
 * Owns the way from physical lines to logical lines to words: comments, continuation, directives, flags (reference/
 * dockerfile.md §1.1-1.5). Called by parse.c. Must not know any instruction.
 */
#include "gen/diag.h"
#include "gen/lex.h"

#include <stdlib.h>
#include <string.h>

#include "gen/source.h"
#include "gen/unicode.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"

enum { LINE_LIMIT = 65535 };

bool lex_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

static bool is_space(char c)
{
    return c == '\n' || lex_is_blank(c);
}

static struct place line_place(const struct lex *lex, int line, int column)
{
    return lex->fixed.source ? lex->fixed : (struct place){.source = lex->source, .line = line, .column = column};
}

struct place lex_place(const struct lex *lex, size_t offset)
{
    if (lex->fixed.source)
        return lex->fixed;
    size_t low = 0, high = lex->pieces.count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (lex->pieces.items[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    const struct lex_piece *piece = &lex->pieces.items[low];
    return (struct place){lex->source, piece->line, piece->column + (int)(offset - piece->offset), lex->pieces.items[0].line};
}

/* What no rule of the language looks at later: NUL bytes and the length of lines, heredoc bodies included. */
static void check_bytes(struct lex *lex)
{
    const struct source *source = lex->source;
    bool has_nul = memchr(source->text.text, 0, source->text.len) != NULL;
    for (size_t i = 0; i < source->line_count; i++) {
        size_t begin = source->lines[i];
        size_t end = i + 1 < source->line_count ? source->lines[i + 1] : source->text.len;
        const char *line = source->text.text + begin;
        const char *nul = has_nul ? memchr(line, 0, end - begin) : NULL;
        if (nul)
            diag_error(lex->diag, line_place(lex, (int)i + 1, (int)(nul - line) + 1),
                       "a Dockerfile must not contain NUL bytes");
        if (end - begin - (line[end - begin - 1] == '\n') > LINE_LIMIT)
            diag_error(lex->diag, line_place(lex, (int)i + 1, 0),
                       "dockerfile line greater than max allowed size of %d, behind line %zu", LINE_LIMIT, i);
    }
}

bool lex_is_pattern_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_ascii_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

enum directive { DIRECTIVE_SYNTAX, DIRECTIVE_ESCAPE, DIRECTIVE_CHECK, DIRECTIVE_COUNT };

static const char *const directive_names[] = {
    [DIRECTIVE_SYNTAX] = "syntax", [DIRECTIVE_ESCAPE] = "escape", [DIRECTIVE_CHECK] = "check",
};

/* "name = value" behind the comment sign: which directive it is, DIRECTIVE_COUNT for none. */
static enum directive match_directive(struct span text, struct span *value)
{
    text = unicode_trim_left(text);
    size_t at = 0;
    while (at < text.len && (is_ascii_letter(text.text[at]) || (at && text.text[at] >= '0' && text.text[at] <= '9')))
        at++;
    struct span name = {text.text, at};
    while (at < text.len && lex_is_pattern_space(text.text[at]))
        at++;
    if (!name.len || at == text.len || text.text[at] != '=')
        return DIRECTIVE_COUNT;
    size_t begin = ++at;
    while (at < text.len && lex_is_pattern_space(text.text[at]))
        at++;
    /* A value there must be: of nothing but white space, its last character is one. */
    if (at == text.len && at-- == begin)
        return DIRECTIVE_COUNT;
    size_t end = text.len;
    while (end > at + 1 && lex_is_pattern_space(text.text[end - 1]))
        end--;
    *value = (struct span){text.text + at, end - at};
    for (enum directive i = 0; i < DIRECTIVE_COUNT; i++)
        if (span_is_nocase(name, directive_names[i]))
            return i;
    return DIRECTIVE_COUNT;
}

static struct span first_word(struct span text)
{
    const char *space = memchr(text.text, ' ', text.len);
    return (struct span){text.text, space ? (size_t)(space - text.text) : text.len};
}

static int column_of(const struct lex *lex, int line, const char *at)
{
    return (int)(at - source_line(lex->source, line).text) + 1;
}

/* BuildKit says the line before; both are in the message, for who looks for either. */
static const char *behind_line(struct lex *lex, int line)
{
    return line > 1 ? arena_printf(lex->arena, ", behind line %d", line - 1) : "";
}

static void set_escape(struct lex *lex, struct span value, struct place place)
{
    if (span_is(value, "`") || span_is(value, "\\"))
        lex->escape = value.text[0];
    else
        diag_error(lex->diag, place, "invalid escape token '%.*s' does not match ` or \\%s", SPAN(value),
                   behind_line(lex, place.line));
}

/* The directive block at the top, of which the escape character counts here. */
static void read_directives(struct lex *lex)
{
    int seen[DIRECTIVE_COUNT] = {0};
    for (int line = 1; (size_t)line <= lex->source->line_count; line++) {
        struct span text = unicode_trim_left(source_line(lex->source, line)), value;
        if (!span_starts(text, "#"))
            return;
        enum directive which = match_directive(span_skip(text, 1), &value);
        if (which == DIRECTIVE_COUNT)
            return;
        lex->next_line = line + 1;
        struct place place = line_place(lex, line, column_of(lex, line, value.text));
        if (seen[which])
            diag_error(lex->diag, place, "only one %s parser directive can be used; the first is on line %d%s",
                       directive_names[which], seen[which], behind_line(lex, line));
        else if (which == DIRECTIVE_ESCAPE)
            set_escape(lex, value, place);
        seen[which] = line;
    }
}

/*
 * The values of syntax= and check= are looked for by a search of its own: it skips a #! line, wants the comment sign in
 * the first column, and ends at the first line that is no directive or repeats one.
 */
static bool search_directive(struct lex *lex, enum directive wanted, const char *sign, struct span *found)
{
    int line = span_starts(source_line(lex->source, 1), "#!") ? 2 : 1;
    bool seen[DIRECTIVE_COUNT] = {false};
    for (; (size_t)line <= lex->source->line_count; line++) {
        struct span text = source_line(lex->source, line), value;
        enum directive which = DIRECTIVE_COUNT;
        if (span_starts(text, sign))
            which = match_directive(span_skip(text, strlen(sign)), &value);
        if (which == DIRECTIVE_COUNT || seen[which])
            return false;
        if (which == wanted) {
            *found = first_word(value);
            *(wanted == DIRECTIVE_SYNTAX ? &lex->syntax_place : &lex->check_place) =
                line_place(lex, line, column_of(lex, line, value.text));
            return true;
        }
        seen[which] = true;
    }
    return false;
}

void lex_open(struct lex *lex, const struct source *source, struct arena *arena, struct diag *diag)
{
    struct place fixed = lex->fixed;
    *lex = (struct lex){.source = source, .arena = arena, .diag = diag, .fixed = fixed, .escape = '\\', .next_line = 1};
    lex->joined = xcalloc(1, sizeof *lex->joined);
    check_bytes(lex);
    read_directives(lex);
    if (!search_directive(lex, DIRECTIVE_SYNTAX, "#", &lex->syntax))
        search_directive(lex, DIRECTIVE_SYNTAX, "//", &lex->syntax);
    search_directive(lex, DIRECTIVE_CHECK, "#", &lex->check);
}

void lex_close(struct lex *lex)
{
    vec_free(&lex->pieces);
    buf_free(lex->joined);
    free(lex->joined);
    lex->joined = NULL;
}

static bool is_comment(struct span line)
{
    line = unicode_trim_left(line);
    return line.len && line.text[0] == '#';
}

/* Cut a continuation from the end of a line; false when there is none. Two escapes in a row continue nothing. */
static bool cut_continuation(struct span *line, char escape)
{
    size_t end = line->len;
    while (end && (line->text[end - 1] == ' ' || line->text[end - 1] == '\t'))
        end--;
    if (!end || line->text[end - 1] != escape || (end > 1 && line->text[end - 2] == escape))
        return false;
    line->len = end - 1;
    return true;
}

static bool read_line(struct lex *lex, struct span *line)
{
    if ((size_t)lex->next_line > lex->source->line_count)
        return false;
    *line = source_line(lex->source, lex->next_line++);
    return true;
}

/*
 * A comment above an instruction: an empty one forgets those before it. What counts of it begins behind the line's first
 * byte, so a comment that is indented begins with its sign: it is never empty, and no check= is seen in it.
 */
static void note_comment(struct lex_line *line, struct span text)
{
    struct span comment = unicode_trim(span_skip(text, 1)), value;
    line->comment = comment;
    if (!comment.len)
        line->check = comment;
    else if (!line->check.len && match_directive(comment, &value) == DIRECTIVE_CHECK)
        line->check = first_word(value);
}

static void add_piece(struct lex *lex, struct span text, size_t offset)
{
    int line = lex->next_line - 1;
    vec_push(&lex->pieces, (struct lex_piece){offset, line, column_of(lex, line, text.text)});
}

/* Append the lines that the first one goes on with. */
static void join_lines(struct lex *lex, struct lex_line *line)
{
    struct span next;
    bool goes_on = true;
    buf_clear(lex->joined);
    buf_add(lex->joined, line->text.text, line->text.len);
    while (goes_on && read_line(lex, &next)) {
        if (is_comment(next))
            continue;
        if (!unicode_trim_left(next).len) {
            line->has_empty_continuation = true;
            continue;
        }
        goes_on = cut_continuation(&next, lex->escape);
        add_piece(lex, next, lex->joined->len);
        buf_add(lex->joined, next.text, next.len);
    }
    line->text = arena_span(lex->arena, (struct span){buf_text(lex->joined), lex->joined->len});
}

bool lex_next(struct lex *lex, struct lex_line *line)
{
    struct span text;
    *line = (struct lex_line){.check = {"", 0}, .comment = {"", 0}};
    while (read_line(lex, &text)) {
        struct span whole = text;
        text = unicode_trim_left(text);
        if (!text.len)
            continue;
        if (text.text[0] == '#') {
            note_comment(line, whole);
            continue;
        }
        lex->pieces.count = 0;
        line->first_line = lex->next_line - 1;
        bool goes_on = cut_continuation(&text, lex->escape);
        add_piece(lex, text, 0);
        line->text = text;
        if (goes_on)
            join_lines(lex, line);
        line->last_line = lex->next_line - 1;
        return true;
    }
    return false;
}

bool lex_body(struct lex *lex, struct span name, bool strips_tabs, struct span *body)
{
    const struct source *source = lex->source;
    size_t count = source->line_count, first = (size_t)lex->next_line - 1;
    size_t begin = first < count ? source->lines[first] : source->text.len;
    struct span line;
    while (read_line(lex, &line)) {
        size_t end = source->lines[lex->next_line - 2];
        while (strips_tabs && line.len && line.text[0] == '\t')
            line = span_skip(line, 1);
        if (span_equal(line, name)) {
            *body = (struct span){source->text.text + begin, end - begin};
            return true;
        }
    }
    *body = (struct span){source->text.text + begin, source->text.len - begin};
    return false;
}

struct span lex_first(struct span text, struct span *word)
{
    size_t at = 0;
    while (at < text.len && !lex_is_blank(text.text[at]))
        at++;
    *word = (struct span){text.text, at};
    while (at < text.len && lex_is_blank(text.text[at]))
        at++;
    return span_skip(text, at);
}

/* The end of the word that begins rest; *is_plain: no byte of it has to be removed. */
static size_t flag_end(struct span rest, char escape, bool *is_plain)
{
    char quote = 0;
    size_t at = 0;
    *is_plain = true;
    for (; at < rest.len && (quote || !is_space(rest.text[at])); at++) {
        char c = rest.text[at];
        *is_plain = *is_plain && !(c & 0x80);
        if (c == quote) {
            quote = 0;
        } else if (!quote && (c == '\'' || c == '"')) {
            quote = c;
            *is_plain = false;
        } else if (c == escape) {
            *is_plain = false;
            if (at + 1 < rest.len)
                at++;
        }
    }
    return at;
}

/*
 * The reference reads a flag byte by byte and takes each for a character: what is not ASCII comes out as UTF-8 of the
 * code point of that number.
 */
static size_t put_flag_byte(char *out, char c)
{
    unsigned char byte = (unsigned char)c;
    if (byte < 0x80) {
        *out = c;
        return 1;
    }
    out[0] = (char)(0xc0 | byte >> 6);
    out[1] = (char)(0x80 | (byte & 0x3f));
    return 2;
}

static struct span unquote_flag(struct lex *lex, struct span word)
{
    char *out = arena_alloc(lex->arena, 2 * word.len + 1), quote = 0;
    size_t len = 0;
    for (size_t at = 0; at < word.len; at++) {
        char c = word.text[at];
        if (c == quote)
            quote = 0;
        else if (!quote && (c == '\'' || c == '"'))
            quote = c;
        else if (c != lex->escape)
            len += put_flag_byte(out + len, c);
        else if (at + 1 < word.len)
            len += put_flag_byte(out + len, word.text[++at]);
    }
    return (struct span){out, len};
}

bool lex_flag(struct lex *lex, struct span *rest, const char *base, struct lex_flag *flag)
{
    while (rest->len && is_space(rest->text[0]))
        *rest = span_skip(*rest, 1);
    if (span_starts(*rest, "--")) {
        bool is_plain;
        struct span word = {rest->text, flag_end(*rest, lex->escape, &is_plain)};
        *rest = span_skip(*rest, word.len);
        *flag = (struct lex_flag){is_plain ? word : unquote_flag(lex, word), (size_t)(word.text - base)};
        if (!span_is(flag->text, "--"))
            return true;
    }
    *rest = unicode_trim(*rest);
    return false;
}

bool lex_quoted_word(struct span *rest, char escape, struct span *word)
{
    *rest = unicode_trim_left(*rest);
    struct span text = *rest;
    size_t at = 0, len, end = text.len;
    char quote = 0;
    for (; at < text.len; at += len) {
        uint32_t c = unicode_next(text, at, &len);
        if (c == (unsigned char)escape && quote != '\'') {
            /* At the very end it is dropped. */
            if (at + 1 == text.len) {
                end = at;
            } else {
                unicode_next(text, at + 1, &len);
                len++;
            }
        } else if (quote) {
            quote = c == (unsigned char)quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
            quote = (char)c;
        } else if (unicode_is_space(c)) {
            end = at;
            break;
        }
    }
    *word = (struct span){text.text, end};
    *rest = span_skip(text, at);
    return end > 0;
}

bool lex_plain_word(struct span *rest, struct span *word)
{
    if (!rest->len)
        return false;
    *rest = lex_first(*rest, word);
    return true;
}
