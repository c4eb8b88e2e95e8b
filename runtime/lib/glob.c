/*
 * Owns the tokens of patterns and their matching. Called by pattern.c and sources.c. Must not know what is matched or
 * what a match means.
 */
#include "runtime/lib/glob.h"

#include <stdint.h>
#include <stdlib.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/vec.h"

enum token_kind {
    TOKEN_CHAR,     /* one character, this one */
    TOKEN_ANY,      /* ?  one character but "/" */
    TOKEN_CLASS,    /* [] one character of (or not of) these; "/" too, as in Go */
    TOKEN_STAR,     /* *  any run without "/" */
    TOKEN_ALL,      /* ** at the end: anything */
    TOKEN_FOLDERS,  /* ** before more: nothing, or go inside */
    TOKEN_INSIDE,   /* always after FOLDERS: anything up to a "/" */
};

struct range {
    uint32_t low, high;
};

struct token {
    enum token_kind kind;
    uint32_t c;
    bool negated;
    struct range *ranges;
    size_t range_count;
};

struct glob {
    struct token *tokens;
    size_t count;
    /* What every match must begin with, end with and hold: most paths fail here and never reach the states. */
    struct span prefix, suffix, inner;
};

enum { NO_CHAR = 0x110000, FEW_STATES = 128 };

/* A character and its length. A byte that is no UTF-8 is a character of its own, beyond all others. */
static uint32_t decode(struct span text, size_t *len)
{
    unsigned char first = (unsigned char)text.text[0];
    size_t need = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 :
        first >= 0xf0 && first < 0xf5 ? 4 : 0;
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = need ? first & masks[need] : 0;
    for (size_t i = 1; i < need; i++) {
        if (i >= text.len || ((unsigned char)text.text[i] & 0xc0) != 0x80) {
            need = 0;
            break;
        }
        c = c << 6 | ((unsigned char)text.text[i] & 0x3f);
    }
    if (!need || c < least[need] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        *len = 1;
        return NO_CHAR + first;
    }
    *len = need;
    return c;
}

/* --- compiling --- */

struct compiler {
    struct arena *arena;
    enum glob_language language;
    struct span rest;
    VEC(struct token) tokens;
    VEC(struct range) ranges;
};

/*
 * §7.2 patterns become Go regular expressions in the reference, where a letter behind "\\" and "[:name:]" in a class
 * have a meaning: these sets of characters. Any other letter or digit behind "\\" is refused (there: an error, or an
 * assertion no file name needs).
 */
static const struct char_set {
    const char *name;           /* as in [:name:]; one letter: as in \\d */
    const char *ranges;         /* pairs: low, high */
} char_sets[] = {
    {"d", "09"}, {"s", "\t\n\f\r  "}, {"w", "09AZ__az"}, {"a", "\a\a"}, {"f", "\f\f"}, {"n", "\n\n"}, {"r", "\r\r"},
    {"t", "\t\t"}, {"v", "\v\v"}, {"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"ascii", "\001\177"}, {"blank", "\t\t  "},
    {"cntrl", "\001\037\177\177"}, {"digit", "09"}, {"graph", "!~"}, {"lower", "az"}, {"print", " ~"},
    {"punct", "!/:@[`{~"}, {"space", "\t\r  "}, {"upper", "AZ"}, {"word", "09AZ__az"}, {"xdigit", "09AFaf"},
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

static bool is_word_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
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
    struct span name = {rest->text + 1, 1};
    size_t len = 2;
    if (span_starts(*rest, "[:")) {
        const char *end = memmem(rest->text + 2, rest->len - 2, ":]", 2);
        if (!end)
            return 0;
        name = (struct span){rest->text + 2, (size_t)(end - rest->text) - 2};
        len = name.len + 4;
    } else if (rest->text[0] != '\\' || !is_word_letter(rest->text[1])) {
        return 0;
    }
    const struct char_set *set = find_set(name);
    if (!set)
        return -1;
    push_set(compiler, set);
    *rest = span_skip(*rest, len);
    return 1;
}

/* One end of a range; false where Go finds the class malformed. */
static bool class_char(struct compiler *compiler, uint32_t *c)
{
    struct span *rest = &compiler->rest;
    if (!rest->len || rest->text[0] == '-' || rest->text[0] == ']')
        return false;
    if (rest->text[0] == '\\') {
        *rest = span_skip(*rest, 1);
        if (!rest->len)
            return false;
    }
    size_t len;
    *c = decode(*rest, &len);
    *rest = span_skip(*rest, len);
    return *c < NO_CHAR && rest->len;
}

/* After "[". */
static bool compile_class(struct compiler *compiler)
{
    struct span *rest = &compiler->rest;
    bool is_negated = rest->len && rest->text[0] == '^';
    *rest = span_skip(*rest, is_negated);
    compiler->ranges.count = 0;
    while (!(rest->len && rest->text[0] == ']' && compiler->ranges.count)) {
        struct range range;
        int set = take_set(compiler);
        if (set > 0)
            continue;
        if (set < 0 || !class_char(compiler, &range.low))
            return false;
        range.high = range.low;
        if (rest->text[0] == '-') {
            *rest = span_skip(*rest, 1);
            if (!class_char(compiler, &range.high))
                return false;
        }
        /* Backwards it is an error in a regular expression alone. */
        if (compiler->language == GLOB_PATTERN && range.low > range.high)
            return false;
        vec_push(&compiler->ranges, range);
    }
    *rest = span_skip(*rest, 1);
    push_class(compiler, is_negated);
    return true;
}

/* A letter or digit behind a backslash in a §7.2 pattern. */
static bool compile_letter(struct compiler *compiler)
{
    char letter = compiler->rest.text[0];
    bool is_negated = letter == 'D' || letter == 'S' || letter == 'W';
    char lower = (char)(is_negated ? letter + 32 : letter);
    const struct char_set *set = find_set((struct span){&lower, 1});
    compiler->rest = span_skip(compiler->rest, 1);
    compiler->ranges.count = 0;
    if (set) {
        push_set(compiler, set);
        push_class(compiler, is_negated);
    }
    return set;
}

/* "^" matches nothing but the beginning of a path. */
static void compile_caret(struct compiler *compiler)
{
    compiler->rest = span_skip(compiler->rest, 1);
    compiler->ranges.count = 0;
    if (compiler->tokens.count)
        push_class(compiler, false);
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

static bool compile_tokens(struct compiler *compiler)
{
    struct span *rest = &compiler->rest;
    bool is_pattern = compiler->language == GLOB_PATTERN;
    while (rest->len) {
        char c = rest->text[0];
        if (c == '*' && is_pattern && rest->len > 1 && rest->text[1] == '*') {
            *rest = span_skip(*rest, 2);
            compile_double_star(compiler);
        } else if (c == '*') {
            *rest = span_skip(*rest, 1);
            vec_push(&compiler->tokens, (struct token){.kind = TOKEN_STAR});
        } else if (c == '?') {
            *rest = span_skip(*rest, 1);
            vec_push(&compiler->tokens, (struct token){.kind = TOKEN_ANY});
        } else if (c == '[') {
            *rest = span_skip(*rest, 1);
            if (!compile_class(compiler))
                return false;
        } else if (c == '^' && is_pattern) {
            compile_caret(compiler);
        } else {
            if (c == '\\')
                *rest = span_skip(*rest, 1);
            if (!rest->len)
                return false;
            if (c == '\\' && is_pattern && is_word_letter(rest->text[0])) {
                if (!compile_letter(compiler))
                    return false;
                continue;
            }
            size_t len;
            uint32_t plain = decode(*rest, &len);
            *rest = span_skip(*rest, len);
            vec_push(&compiler->tokens, (struct token){.kind = TOKEN_CHAR, .c = plain});
        }
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

/* The runs of plain characters: the first when it begins the pattern, the last when it ends it, else the longest. */
static void find_literals(struct glob *glob, struct arena *arena)
{
    for (size_t i = 0; i < glob->count;) {
        size_t end = i;
        while (end < glob->count && glob->tokens[end].kind == TOKEN_CHAR)
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

struct glob *glob_compile(struct arena *arena, struct span pattern, enum glob_language language)
{
    struct compiler compiler = {.arena = arena, .language = language, .rest = pattern};
    struct glob *glob = NULL;
    if (compile_tokens(&compiler)) {
        glob = arena_alloc(arena, sizeof *glob);
        glob->count = compiler.tokens.count;
        glob->tokens = arena_array(arena, glob->count + 1, sizeof *glob->tokens);
        if (glob->count)
            memcpy(glob->tokens, compiler.tokens.items, glob->count * sizeof *glob->tokens);
        find_literals(glob, arena);
    }
    vec_free(&compiler.tokens);
    vec_free(&compiler.ranges);
    return glob;
}

/* --- matching --- */

/* The states that the text so far may have led to: numbers of the tokens that come next, each once. */
struct states {
    size_t *items;
    size_t count;
    size_t *since;  /* per token: the step at which it was last put in, so that nothing needs clearing */
    size_t step;
};

static void put_state(const struct glob *glob, struct states *states, size_t at)
{
    for (;;) {
        if (states->since[at] == states->step)
            return;
        states->since[at] = states->step;
        states->items[states->count++] = at;
        if (at == glob->count)
            return;
        /* These may stand for nothing at all. */
        enum token_kind kind = glob->tokens[at].kind;
        if (kind == TOKEN_FOLDERS) {
            put_state(glob, states, at + 1);
            at += 2;
        } else if (kind == TOKEN_STAR || kind == TOKEN_ALL) {
            at++;
        } else {
            return;
        }
    }
}

static bool class_has(const struct token *token, uint32_t c)
{
    bool found = false;
    for (size_t i = 0; i < token->range_count && !found; i++)
        found = token->ranges[i].low <= c && c <= token->ranges[i].high;
    return found != token->negated;
}

static void step_state(const struct glob *glob, struct states *next, size_t at, uint32_t c)
{
    const struct token *token = &glob->tokens[at];
    switch (token->kind) {
    case TOKEN_CHAR:
        if (c == token->c)
            put_state(glob, next, at + 1);
        break;
    case TOKEN_ANY:
        if (c != '/')
            put_state(glob, next, at + 1);
        break;
    case TOKEN_CLASS:
        if (class_has(token, c))
            put_state(glob, next, at + 1);
        break;
    case TOKEN_STAR:
        if (c != '/')
            put_state(glob, next, at);
        break;
    case TOKEN_ALL:
        put_state(glob, next, at);
        break;
    case TOKEN_INSIDE:
        put_state(glob, next, at);
        if (c == '/')
            put_state(glob, next, at + 1);
        break;
    case TOKEN_FOLDERS:
        break;
    }
}

static bool run_states(const struct glob *glob, struct span path, size_t *memory)
{
    size_t room = glob->count + 1;
    struct states now = {memory, 0, memory + room, 1}, next = {memory + 2 * room, 0, memory + 3 * room, 1};
    put_state(glob, &now, 0);
    while (path.len && now.count) {
        size_t len;
        uint32_t c = decode(path, &len);
        path = span_skip(path, len);
        next.count = 0;
        next.step++;
        for (size_t i = 0; i < now.count; i++)
            if (now.items[i] < glob->count)
                step_state(glob, &next, now.items[i], c);
        struct states swap = now;
        now = next;
        next = swap;
        next.step = now.step;
    }
    for (size_t i = 0; i < now.count && !path.len; i++)
        if (now.items[i] == glob->count)
            return true;
    return false;
}

bool glob_matches(const struct glob *glob, struct span path)
{
    if (path.len < glob->prefix.len || path.len < glob->suffix.len)
        return false;
    if (glob->prefix.len && memcmp(path.text, glob->prefix.text, glob->prefix.len))
        return false;
    if (glob->suffix.len && memcmp(path.text + path.len - glob->suffix.len, glob->suffix.text, glob->suffix.len))
        return false;
    if (glob->inner.len && !memmem(path.text, path.len, glob->inner.text, glob->inner.len))
        return false;
    /* All of it is plain. */
    if (glob->prefix.len && glob->prefix.text == glob->suffix.text)
        return path.len == glob->prefix.len;
    size_t room = 4 * (glob->count + 1), few[4 * FEW_STATES] = {0};
    if (room <= sizeof few / sizeof *few)
        return run_states(glob, path, few);
    size_t *memory = xcalloc(room, sizeof *memory);
    bool result = run_states(glob, path, memory);
    free(memory);
    return result;
}

/* --- pattern.h's one-off forms --- */

bool glob_match(const char *pattern, const char *path, bool *bad)
{
    struct arena arena = {0};
    struct glob *glob = glob_compile(&arena, span_of(pattern), GLOB_MATCH);
    *bad = !glob;
    bool result = glob && glob_matches(glob, span_of(path));
    arena_free(&arena);
    return result;
}

bool glob_is_valid(const char *pattern)
{
    bool bad;
    glob_match(pattern, "", &bad);
    return !bad;
}

bool glob_is_wildcard(const char *component)
{
    for (; *component; component++) {
        if (*component == '\\' && component[1])
            component++;
        else if (strchr("*?[", *component))
            return true;
    }
    return false;
}
