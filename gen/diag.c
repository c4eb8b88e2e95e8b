/*
 * Owns what is wrong with the input: collects it, puts it in order, prints it with the line it is about. Called by
 * every part of gen that judges text. Must not know any rule of the language.
 */
#include "gen/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gen/source.h"
#include "gen/unicode.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/vec.h"

enum kind { KIND_ERROR, KIND_WARNING, KIND_CHECK };

enum { EXCERPT = 120 }; /* bytes of a source line that are shown */

struct message {
    enum kind kind;
    struct place place;
    const char *rule;
    char *text;
    size_t source_rank, order;
};

struct diag {
    VEC(struct message) messages;
    VEC(const struct source *) sources;
    size_t counts[KIND_CHECK + 1];
};

struct diag *diag_new(void)
{
    return xcalloc(1, sizeof(struct diag));
}

void diag_free(struct diag *diag)
{
    if (!diag)
        return;
    for (size_t i = 0; i < diag->messages.count; i++)
        free(diag->messages.items[i].text);
    vec_free(&diag->messages);
    vec_free(&diag->sources);
    free(diag);
}

/* Sources are few: the Dockerfile, and one per trigger text that was wrong. */
static size_t rank_source(struct diag *diag, const struct source *source)
{
    for (size_t i = 0; i < diag->sources.count; i++)
        if (diag->sources.items[i] == source)
            return i;
    vec_push(&diag->sources, source);
    return diag->sources.count - 1;
}

static void add(struct diag *diag, struct message message, const char *format, va_list args)
{
    if (vasprintf(&message.text, format, args) < 0)
        die("out of memory");
    message.source_rank = rank_source(diag, message.place.source);
    message.order = diag->messages.count;
    diag->counts[message.kind]++;
    vec_push(&diag->messages, message);
}

void diag_error(struct diag *diag, struct place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(diag, (struct message){.kind = KIND_ERROR, .place = place}, format, args);
    va_end(args);
}

void diag_warn(struct diag *diag, struct place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(diag, (struct message){.kind = KIND_WARNING, .place = place}, format, args);
    va_end(args);
}

void diag_check(struct diag *diag, struct place place, const char *rule, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(diag, (struct message){.kind = KIND_CHECK, .place = place, .rule = rule}, format, args);
    va_end(args);
}

size_t diag_error_count(const struct diag *diag)
{
    return diag->counts[KIND_ERROR];
}

size_t diag_check_count(const struct diag *diag)
{
    return diag->counts[KIND_CHECK];
}

static int compare_sizes(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_places(const struct message *a, const struct message *b)
{
    int order = compare_sizes(a->source_rank, b->source_rank);
    if (!order)
        order = a->place.line - b->place.line;
    return order ? order : a->place.column - b->place.column;
}

static int by_place(const void *left, const void *right)
{
    const struct message *a = left, *b = right;
    int order = compare_places(a, b);
    return order ? order : compare_sizes(a->order, b->order);
}

/* A character that must not reach a terminal as it is: controls, and the marks that turn the direction of what follows. */
static bool is_hidden(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

static size_t put_escape(struct buf *out, uint32_t code, bool is_character)
{
    size_t had = out->len;
    buf_printf(out, is_character ? "\\u%04x" : "\\x%02x", code);
    return out->len - had;
}

/* Print text so that no byte of it steers a terminal; returns the columns used. */
static size_t put_visibly(struct span text, struct buf *out)
{
    size_t columns = 0;
    for (size_t i = 0, len; i < text.len; i += len) {
        uint32_t code = unicode_next(text, i, &len);
        bool is_bad = code == UNICODE_BAD && len == 1;
        columns++;
        if (code == '\t')
            buf_putc(out, ' ');
        else if (!is_bad && !is_hidden(code))
            buf_add(out, text.text + i, len);
        else
            columns += put_escape(out, len > 1 ? code : (unsigned char)text.text[i], len > 1) - 1;
    }
    return columns;
}

static size_t char_start(struct span text, size_t at)
{
    while (at && at < text.len && ((unsigned char)text.text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* The line and, under it, a caret; of a long line the part around the column. */
static void print_excerpt(struct place place, struct buf *out)
{
    struct span line = source_line(place.source, place.line);
    size_t at = place.column > 0 ? (size_t)place.column - 1 : 0;
    if (at > line.len)
        at = line.len;
    size_t begin = line.len <= EXCERPT || at < EXCERPT / 2 ? 0 : char_start(line, at - EXCERPT / 2);
    size_t end = line.len - begin > EXCERPT ? char_start(line, begin + EXCERPT) : line.len;
    if (!line.len)
        return;
    buf_printf(out, "%5d | %s", place.line, begin ? "..." : "");
    size_t column = put_visibly((struct span){line.text + begin, at - begin}, out) + (begin ? 3 : 0);
    put_visibly((struct span){line.text + at, end > at ? end - at : 0}, out);
    buf_puts(out, end < line.len ? "...\n" : "\n");
    if (place.column > 0)
        buf_printf(out, "      | %*s^\n", (int)column, "");
}

static void print_message(const struct message *message, struct buf *out)
{
    struct place place = message->place;
    if (place.source) {
        put_visibly(span_of(place.source->name), out);
        if (place.line)
            buf_printf(out, ":%d", place.line);
        if (place.line && place.column)
            buf_printf(out, ":%d", place.column);
        buf_puts(out, ": ");
    }
    buf_puts(out, message->kind == KIND_ERROR ? "error: " : "warning: ");
    put_visibly(span_of(message->text), out);
    if (message->rule)
        buf_printf(out, " [%s]", message->rule);
    buf_putc(out, '\n');
    if (place.source && place.line)
        print_excerpt(place, out);
    if (place.source && place.first_line && place.first_line != place.line) {
        put_visibly(span_of(place.source->name), out);
        buf_printf(out, ":%d: the instruction begins here\n", place.first_line);
    }
}

static bool is_repeated(const struct message *messages, size_t i)
{
    for (size_t k = i; k > 0 && !compare_places(&messages[k - 1], &messages[i]); k--)
        if (messages[k - 1].kind == messages[i].kind && !strcmp(messages[k - 1].text, messages[i].text))
            return true;
    return false;
}

void diag_print(const struct diag *diag, FILE *out, bool with_checks)
{
    size_t count = diag->messages.count;
    if (!count)
        return;
    struct message *sorted = xcalloc(count, sizeof *sorted);
    memcpy(sorted, diag->messages.items, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_place);
    struct buf text = {0};
    for (size_t i = 0; i < count; i++) {
        if ((!with_checks && sorted[i].kind == KIND_CHECK) || is_repeated(sorted, i))
            continue;
        /* A message at a time: standard error has no buffer. */
        buf_clear(&text);
        print_message(&sorted[i], &text);
        fwrite(buf_text(&text), 1, text.len, out);
    }
    buf_free(&text);
    free(sorted);
}

enum { NEAREST_LIMIT = 32 }; /* longer words are no misspelt names of ours */

static int fold(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, removals, replacements and swaps of neighbours that turn one into the other, whatever the case. */
static size_t edit_distance(struct span a, struct span b)
{
    size_t rows[3][NEAREST_LIMIT + 1];
    for (size_t k = 0; k <= b.len; k++)
        rows[0][k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            bool same = fold(a.text[i - 1]) == fold(b.text[k - 1]);
            row[k] = least(least(row[k - 1], above[k]) + 1, above[k - 1] + !same);
            if (i > 1 && k > 1 && fold(a.text[i - 1]) == fold(b.text[k - 2]) &&
                fold(a.text[i - 2]) == fold(b.text[k - 1]))
                row[k] = least(row[k], above2[k - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

struct nearest diag_nearest_to(struct span word)
{
    return (struct nearest){.word = word, .limit = (word.len + 2) / 3};
}

void diag_nearest_try(struct nearest *nearest, struct span candidate)
{
    struct span word = nearest->word;
    size_t limit = nearest->limit;
    if (!word.len || word.len > NEAREST_LIMIT || candidate.len > NEAREST_LIMIT || candidate.len > word.len + limit ||
        word.len > candidate.len + limit)
        return;
    size_t distance = edit_distance(word, candidate);
    if (distance < limit || (distance == limit && !nearest->best.text)) {
        nearest->best = candidate;
        nearest->limit = distance;
    }
}

const char *diag_nearest(struct span word, const char *const *candidates)
{
    struct nearest nearest = diag_nearest_to(word);
    for (; *candidates; candidates++)
        diag_nearest_try(&nearest, span_of(*candidates));
    return nearest.best.text;
}
