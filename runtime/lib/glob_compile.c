/*
 * Owns how a pattern is written: its tokens. Called for each pattern that is compiled. Must not know what is matched.
 */
#include "runtime/lib/glob.h"

#include <stdint.h>
#include <stdlib.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/vec.h"

#include "runtime/lib/glob_internal.h"

struct compiler {
    struct arena *arena;
    enum glob_language language;
    struct span rest;
    VEC(struct token) tokens;
    VEC(struct range) ranges;
    enum { LAST_NONE, LAST_TOKEN, LAST_ANCHOR, LAST_REPEATED } last;   /* what a repetition would be of */
    bool is_later;          /* the alternative at hand is not the first */
};

enum { TOKEN_LIMIT = 100000, REPEAT_LIMIT = 1000 };


/*
 * §7.2 patterns become Go regular expressions in the reference, where a letter behind "\\" and "[:name:]" in a class
 * have a meaning: these sets of characters. Any other letter or digit behind "\\" is refused: an error there too, but for
 * \\p, which nobody writes by intent.
 */
static const struct char_set {
    const char *name;           /* as in [:name:]; one letter: as in \\d */
    const char *ranges;         /* pairs: low, high */
} char_sets[] = {
    {"d", "09"}, {"s", "\t\n\f\r  "}, {"w", "09AZ__az"}, {"a", "\a\a"}, {"f", "\f\f"}, {"n", "\n\n"}, {"r", "\r\r"},
    {"t", "\t\t"}, {"v", "\v\v"}, {"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", "\001\177"}, {"blank", "\t\t  "},
    {"cntrl", "\001\037\177\177"}, {"digit", "09"}, {"graph", "!~"}, {"lower", "az"}, {"print", " ~"},
    {"punct", "!/:@[`{~"}, {"space", "\t\r  "}, {"upper", "AZ"}, {"word", "09AZ__az"}, {"xdigit", "09AFaf"},
    {"**", "((..**//))??"}, {"*", "[[^^//"}, {"?", "[[^^//"},
};

static const struct char_set *find_set(struct span name)
{
    for (size_t i = 0; i < sizeof char_sets / sizeof *char_sets; i++)
        if (span_is(name, char_sets[i].name))
            return &char_sets[i];
    return NULL;
}

static void push_set(struct compiler *compiler, const struct char_set *set)
{
    for (const char *at = set->ranges; *at; at += 2)
        vec_push(&compiler->ranges, (struct range){(unsigned char)at[0], (unsigned char)at[1]});
}

/* All characters but these; the ranges of a set are in order. */
static void push_others(struct compiler *compiler, const struct char_set *set)
{
    uint32_t next = 0;
    for (const char *at = set->ranges; *at; at += 2) {
        if (next < (unsigned char)at[0])
            vec_push(&compiler->ranges, (struct range){next, (unsigned char)at[0] - 1u});
        next = (unsigned char)at[1] + 1u;
    }
    vec_push(&compiler->ranges, (struct range){next, NO_CHAR + 0xff});
}

static bool is_word_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool read_digits(struct span *text, size_t most, int base, uint32_t *c)
{
    size_t at = 0;
    for (*c = 0; at < most && at < text->len && digit_of(text->text[at]) < base && *c < NO_CHAR; at++)
        *c = *c * (uint32_t)base + (uint32_t)digit_of(text->text[at]);
    *text = span_skip(*text, at);
    return at && *c < NO_CHAR;
}

/* "x41", "x{1F600}", "123", "0": what stands behind a backslash for a character. A digit alone is none. */
static bool read_number(struct span *rest, uint32_t *c)
{
    struct span text = *rest;
    bool is_fine;
    if (text.text[0] != 'x') {
        bool is_one = text.text[0] != '0' && (text.len < 2 || digit_of(text.text[1]) > 7);
        is_fine = !is_one && read_digits(&text, 3, 8, c);
    } else if (span_starts(text, "x{")) {
        text = span_skip(text, 2);
        is_fine = read_digits(&text, text.len, 16, c) && text.len && text.text[0] == '}';
        text = span_skip(text, is_fine);
    } else {
        text = span_skip(text, 1);
        size_t before = text.len;
        is_fine = read_digits(&text, 2, 16, c) && before - text.len == 2;
    }
    *rest = is_fine ? text : *rest;
    return is_fine;
}

static bool begins_number(char c)
{
    return c == 'x' || (c >= '0' && c <= '7');
}

/* The ranges so far as a token of their own. */
static void push_class(struct compiler *compiler, bool is_negated)
{
    struct token token = {.kind = TOKEN_CLASS, .negated = is_negated, .range_count = compiler->ranges.count};
    token.ranges = arena_array(compiler->arena, token.range_count + 1, sizeof *token.ranges);
    if (token.range_count)
        memcpy(token.ranges, compiler->ranges.items, token.range_count * sizeof *token.ranges);
    vec_push(&compiler->tokens, token);
}

/* A set that begins here in a class: "[:alpha:]", "\\d". 1: taken, 0: there is none, -1: it is none that is known. */
static int take_set(struct compiler *compiler)
{
    struct span *rest = &compiler->rest;
    if (compiler->language != GLOB_PATTERN || rest->len < 2)
        return 0;
    char lower = (char)(rest->text[1] | 0x20);
    struct span name = {&lower, 1};
    bool is_negated = lower != rest->text[1];
    size_t len = 2;
    if (span_starts(*rest, "[:")) {
        const char *end = memmem(rest->text + 2, rest->len - 2, ":]", 2);
        if (!end)
            return 0;
        is_negated = rest->text[2] == '^';
        name = (struct span){rest->text + 2 + is_negated, (size_t)(end - rest->text) - 2 - is_negated};
        len = name.len + is_negated + 4;
    } else if (rest->text[0] != '\\' || !memchr("dsw", lower, 3)) {
        return 0;
    }
    const struct char_set *set = find_set(name);
    if (!set)
        return -1;
    (is_negated ? push_others : push_set)(compiler, set);
    *rest = span_skip(*rest, len);
    return 1;
}

/* A letter behind a backslash that is a character: "n", say. */
static bool read_letter(struct span *rest, uint32_t *c)
{
    const struct char_set *set = memchr("afnrtv", rest->text[0], 6) ? find_set((struct span){rest->text, 1}) : NULL;
    if (set)
        *c = (unsigned char)set->ranges[0];
    *rest = span_skip(*rest, 1);
    return set != NULL;
}

/* One end of a range; false where Go finds the class malformed. */
static bool class_char(struct compiler *compiler, uint32_t *c)
{
    struct span *rest = &compiler->rest;
    bool is_pattern = compiler->language == GLOB_PATTERN;
    if (!rest->len || (!is_pattern && (rest->text[0] == '-' || rest->text[0] == ']')))
        return false;
    if (rest->text[0] == '\\') {
        *rest = span_skip(*rest, 1);
        if (!rest->len)
            return false;
        if (is_pattern && begins_number(rest->text[0]))
            return read_number(rest, c) && rest->len;
        if (is_pattern && is_word_letter(rest->text[0]))
            return read_letter(rest, c) && rest->len;
        if (is_pattern && rest->text[0] & 0x80)
            return false;
    }
    size_t len;
    *c = glob_decode(*rest, &len);
    *rest = span_skip(*rest, len);
    return *c < NO_CHAR && rest->len;
}

/*
 * A star or a question mark in a class: the reference puts there what it puts elsewhere, "[^/]*" or "[^/]", whose bracket ends the class
 * (two stars have none). True when it did.
 */
static bool ends_class(struct compiler *compiler, bool is_negated)
{
    struct span *rest = &compiler->rest;
    size_t len = span_starts(*rest, "**") ? 2 : 1;
    char c = rest->text[0];
    push_set(compiler, find_set((struct span){rest->text, len}));
    *rest = span_skip(*rest, len + span_starts(*rest, "**/"));
    if (len == 2)
        return false;
    push_class(compiler, is_negated);
    struct token *token = &compiler->tokens.items[compiler->tokens.count - 1];
    token->is_optional = token->repeats = c == '*';
    compiler->last = c == '*' ? LAST_REPEATED : LAST_TOKEN;
    return true;
}

/* After "[". */
static bool compile_class(struct compiler *compiler)
{
    struct span *rest = &compiler->rest;
    bool is_negated = rest->len && rest->text[0] == '^';
    *rest = span_skip(*rest, is_negated);
    bool is_pattern = compiler->language == GLOB_PATTERN;
    compiler->ranges.count = 0;
    /* In a regular expression "]" may come first, and "-" anywhere. */
    for (bool is_first = true; is_first || !rest->len || rest->text[0] != ']'; is_first = false) {
        struct range range;
        bool is_wild = is_pattern && rest->len && strchr("*?", rest->text[0]);
        if (is_wild && ends_class(compiler, is_negated))
            return true;
        int set = is_wild ? 1 : take_set(compiler);
        if (set > 0)
            continue;
        if (set < 0 || !class_char(compiler, &range.low))
            return false;
        range.high = range.low;
        if (rest->text[0] == '-' && !(is_pattern && rest->len > 1 && rest->text[1] == ']')) {
            *rest = span_skip(*rest, 1);
            if (!class_char(compiler, &range.high))
                return false;
        }
        /* Backwards it is an error in a regular expression alone. */
        if (is_pattern && range.low > range.high)
            return false;
        vec_push(&compiler->ranges, range);
    }
    *rest = span_skip(*rest, 1);
    push_class(compiler, is_negated);
    compiler->last = LAST_TOKEN;
    return true;
}

/* "^" matches nothing but the beginning of a path: what stands before it has to be nothing, or the whole never matches. */
static void compile_caret(struct compiler *compiler)
{
    size_t kept = 0;
    bool is_possible = true;
    for (size_t i = 0; i < compiler->tokens.count; i++) {
        const struct token *token = &compiler->tokens.items[i];
        if (token->kind >= TOKEN_EDGE)
            compiler->tokens.items[kept++] = *token;
        else if (token->kind != TOKEN_STAR && token->kind != TOKEN_ALL && token->kind != TOKEN_FOLDERS &&
                 token->kind != TOKEN_INSIDE && !token->is_optional)
            is_possible = false;
    }
    compiler->ranges.count = 0;
    if (is_possible)
        compiler->tokens.count = kept;
    else
        push_class(compiler, false);
    compiler->last = LAST_ANCHOR;
}

/* "{n}", "{n,}", "{n,m}"; anything else is plain text. */
static bool read_repeat(struct span *rest, long *least, long *most)
{
    struct span text = span_skip(*rest, 1);
    long *const ends[] = {least, most};
    for (int i = 0; i < 2; i++) {
        size_t digits = 0;
        long value = 0;
        for (; digits < text.len && text.text[digits] >= '0' && text.text[digits] <= '9'; digits++)
            value = value > REPEAT_LIMIT ? value : value * 10 + (text.text[digits] - '0');
        if ((digits > 1 && text.text[0] == '0') || (!digits && i == 0))
            return false;
        *ends[i] = digits ? value : -1;
        text = span_skip(text, digits);
        if (i == 0 && text.len && text.text[0] == '}')
            *most = value;
        if (i == 1 || (text.len && text.text[0] == '}'))
            break;
        if (!text.len || text.text[0] != ',')
            return false;
        text = span_skip(text, 1);
    }
    if (!text.len || text.text[0] != '}')
        return false;
    *rest = span_skip(text, 1);
    return true;
}

/* What comes before it so many times; most < 0: any more. */
static bool compile_repeat(struct compiler *compiler, long least, long most)
{
    if (least > REPEAT_LIMIT || most > REPEAT_LIMIT || (most >= 0 && most < least))
        return false;
    bool is_token = compiler->last == LAST_TOKEN;
    /* Of the beginning of the path, which is as good as once. */
    bool is_start = compiler->last == LAST_ANCHOR || (compiler->last == LAST_NONE && !compiler->is_later);
    compiler->last = LAST_REPEATED;
    if (!is_token)
        return is_start;
    struct token token = compiler->tokens.items[--compiler->tokens.count];
    long count = most < 0 ? least + !least : most;
    for (long i = 0; i < count; i++) {
        token.is_optional = i >= least;
        token.repeats = most < 0 && i == count - 1;
        vec_push(&compiler->tokens, token);
    }
    return compiler->tokens.count < TOKEN_LIMIT;
}

/* Letters that stand for a place. */
static bool compile_place(struct compiler *compiler, char letter)
{
    static const struct {
        char letter;
        enum token_kind kind;
    } places[] = {{'b', TOKEN_EDGE}, {'B', TOKEN_NO_EDGE}, {'z', TOKEN_END}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (places[i].letter == letter) {
            vec_push(&compiler->tokens, (struct token){.kind = places[i].kind});
            /* Again at the same place is the same. */
            compiler->last = LAST_REPEATED;
            return true;
        }
    if (letter == 'A')
        compile_caret(compiler);
    return letter == 'A';
}

/* A letter or digit behind a backslash in a §7.2 pattern. */
static bool compile_letter(struct compiler *compiler)
{
    char letter = compiler->rest.text[0];
    bool is_negated = letter == 'D' || letter == 'S' || letter == 'W';
    char lower = (char)(is_negated ? letter + 32 : letter);
    const struct char_set *set = find_set((struct span){&lower, 1});
    struct token token = {.kind = TOKEN_CHAR};
    if (begins_number(letter)) {
        compiler->last = LAST_TOKEN;
        bool is_number = read_number(&compiler->rest, &token.c);
        vec_push(&compiler->tokens, token);
        return is_number;
    }
    compiler->rest = span_skip(compiler->rest, 1);
    compiler->ranges.count = 0;
    if (set) {
        push_set(compiler, set);
        push_class(compiler, is_negated);
        compiler->last = LAST_TOKEN;
    }
    return set || compile_place(compiler, letter);
}

/* After "**". */
static void compile_double_star(struct compiler *compiler)
{
    struct span *rest = &compiler->rest;
    if (rest->len && rest->text[0] == '/')
        *rest = span_skip(*rest, 1);
    if (!rest->len) {
        vec_push(&compiler->tokens, (struct token){.kind = TOKEN_ALL});
    } else {
        vec_push(&compiler->tokens, (struct token){.kind = TOKEN_FOLDERS});
        vec_push(&compiler->tokens, (struct token){.kind = TOKEN_INSIDE});
    }
}

/* A character that stands for itself. */
static void compile_char(struct compiler *compiler)
{
    size_t len;
    uint32_t c = glob_decode(compiler->rest, &len);
    compiler->rest = span_skip(compiler->rest, len);
    vec_push(&compiler->tokens, (struct token){.kind = TOKEN_CHAR, .c = c});
    compiler->last = LAST_TOKEN;
}

static void push_text(struct compiler *compiler, const char *text)
{
    for (; *text; text++)
        vec_push(&compiler->tokens, (struct token){.kind = TOKEN_CHAR, .c = (unsigned char)*text});
    compiler->last = LAST_TOKEN;
}

/* The end of the regular expression is no anchor then. */
static void open_end(struct compiler *compiler)
{
    vec_push(&compiler->tokens, (struct token){.kind = TOKEN_ALL});
}

/*
 * Behind "\\Q": all is plain text up to "\\E", but it is the text of the regular expression that the pattern has become
 * already, with "[^/]*" for a star, a backslash before a dot, and the "$" of its end.
 */
static void compile_quoted(struct compiler *compiler)
{
    struct span *rest = &compiler->rest;
    while (rest->len && !span_starts(*rest, "\\E")) {
        size_t taken = 1;
        if (span_starts(*rest, "**")) {
            taken = span_starts(*rest, "**/") ? 3 : 2;
            push_text(compiler, rest->len == taken ? ".*" : "(.*/)?");
        } else if (strchr("*?", rest->text[0])) {
            push_text(compiler, rest->text[0] == '*' ? "[^/]*" : "[^/]");
        } else {
            if (strchr(".+()$", rest->text[0]))
                push_text(compiler, "\\");
            if (rest->text[0] == '\\' && rest->len > 1) {
                push_text(compiler, "\\");
                *rest = span_skip(*rest, 1);
            }
            compile_char(compiler);
            taken = 0;
        }
        *rest = span_skip(*rest, taken);
    }
    if (!rest->len) {
        push_text(compiler, "$");
        open_end(compiler);
    }
    *rest = span_skip(*rest, rest->len ? 2 : 0);
}

static bool compile_escape(struct compiler *compiler)
{
    compiler->rest = span_skip(compiler->rest, 1);
    if (!compiler->rest.len && compiler->language == GLOB_PATTERN) {
        /* The backslash takes the "$" of the end. */
        push_text(compiler, "$");
        open_end(compiler);
        return true;
    }
    if (!compiler->rest.len)
        return false;
    if (compiler->language == GLOB_PATTERN && compiler->rest.text[0] == 'Q') {
        compiler->rest = span_skip(compiler->rest, 1);
        compile_quoted(compiler);
        return true;
    }
    if (compiler->language == GLOB_PATTERN && compiler->rest.text[0] & 0x80)
        return false;
    if (compiler->language == GLOB_PATTERN && is_word_letter(compiler->rest.text[0]))
        return compile_letter(compiler);
    compile_char(compiler);
    return true;
}

/* Stars are repeated in the regular expression already. */
static void compile_star(struct compiler *compiler)
{
    bool is_double = compiler->language == GLOB_PATTERN && span_starts(compiler->rest, "**");
    compiler->rest = span_skip(compiler->rest, is_double ? 2 : 1);
    if (is_double)
        compile_double_star(compiler);
    else
        vec_push(&compiler->tokens, (struct token){.kind = TOKEN_STAR});
    compiler->last = LAST_REPEATED;
}

/* The tokens up to the end, or to a "|" of the regular expression. */
static bool compile_tokens(struct compiler *compiler)
{
    struct span *rest = &compiler->rest;
    bool is_pattern = compiler->language == GLOB_PATTERN;
    while (rest->len && !(is_pattern && rest->text[0] == '|')) {
        char c = rest->text[0];
        long least, most;
        bool is_fine = true;
        if (c == '*') {
            compile_star(compiler);
        } else if (c == '?' || c == '[') {
            *rest = span_skip(*rest, 1);
            compiler->last = LAST_TOKEN;
            if (c == '[')
                is_fine = compile_class(compiler);
            else
                vec_push(&compiler->tokens, (struct token){.kind = TOKEN_ANY});
        } else if (c == '^' && is_pattern) {
            *rest = span_skip(*rest, 1);
            compile_caret(compiler);
        } else if (c == '{' && is_pattern && read_repeat(rest, &least, &most)) {
            is_fine = compile_repeat(compiler, least, most);
        } else if (c == '\\') {
            is_fine = compile_escape(compiler);
        } else {
            compile_char(compiler);
        }
        if (!is_fine)
            return false;
    }
    return true;
}

static char *encode(char *out, uint32_t c)
{
    if (c >= NO_CHAR || c < 0x80) {
        *out++ = (char)(c >= NO_CHAR ? c - NO_CHAR : c);
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

static bool is_plain(const struct token *token)
{
    return token->kind == TOKEN_CHAR && !token->is_optional && !token->repeats;
}

/* The runs of plain characters: the first when it begins the pattern, the last when it ends it, else the longest. */
static void find_literals(struct glob *glob, struct arena *arena)
{
    for (size_t i = 0; i < glob->count;) {
        size_t end = i;
        while (end < glob->count && is_plain(&glob->tokens[end]))
            end++;
        if (end == i) {
            i++;
            continue;
        }
        char *text = arena_alloc(arena, 4 * (end - i) + 1), *out = text;
        for (size_t k = i; k < end; k++)
            out = encode(out, glob->tokens[k].c);
        struct span run = {text, (size_t)(out - text)};
        if (i == 0)
            glob->prefix = run;
        if (end == glob->count)
            glob->suffix = run;
        if (i && end < glob->count && run.len > glob->inner.len)
            glob->inner = run;
        i = end;
    }
}

/* One alternative: the first one begins where the path does, the last one ends there. */
static struct glob *compile_one(struct compiler *compiler)
{
    static const struct token all = {.kind = TOKEN_ALL};
    compiler->tokens.count = 0;
    compiler->last = LAST_NONE;
    if (compiler->is_later)
        vec_push(&compiler->tokens, all);
    if (!compile_tokens(compiler))
        return NULL;
    if (compiler->rest.len)
        vec_push(&compiler->tokens, all);
    struct glob *glob = arena_alloc(compiler->arena, sizeof *glob);
    *glob = (struct glob){.count = compiler->tokens.count};
    glob->tokens = arena_array(compiler->arena, glob->count + 1, sizeof *glob->tokens);
    if (glob->count)
        memcpy(glob->tokens, compiler->tokens.items, glob->count * sizeof *glob->tokens);
    find_literals(glob, compiler->arena);
    return glob;
}

struct glob *glob_compile(struct arena *arena, struct span pattern, enum glob_language language)
{
    struct compiler compiler = {.arena = arena, .language = language, .rest = pattern};
    if (language == GLOB_PATTERN && glob_is_malformed(pattern))
        return NULL;
    struct glob *first = compile_one(&compiler), *glob = first;
    while (glob && compiler.rest.len) {
        compiler.rest = span_skip(compiler.rest, 1);
        compiler.is_later = true;
        glob->other = compile_one(&compiler);
        glob = glob->other;
    }
    vec_free(&compiler.tokens);
    vec_free(&compiler.ranges);
    return glob ? first : NULL;
}
