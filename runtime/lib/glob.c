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
    struct span rest;
    VEC(struct token) tokens;
    VEC(struct range) ranges;
};

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
    struct token token = {.kind = TOKEN_CLASS};
    if (rest->len && rest->text[0] == '^') {
        token.negated = true;
        *rest = span_skip(*rest, 1);
    }
    compiler->ranges.count = 0;
    while (!(rest->len && rest->text[0] == ']' && compiler->ranges.count)) {
        struct range range;
        if (!class_char(compiler, &range.low))
            return false;
        range.high = range.low;
        if (rest->text[0] == '-') {
            *rest = span_skip(*rest, 1);
            if (!class_char(compiler, &range.high))
                return false;
        }
        vec_push(&compiler->ranges, range);
    }
    *rest = span_skip(*rest, 1);
    token.range_count = compiler->ranges.count;
    token.ranges = arena_array(compiler->arena, token.range_count, sizeof *token.ranges);
    memcpy(token.ranges, compiler->ranges.items, token.range_count * sizeof *token.ranges);
    vec_push(&compiler->tokens, token);
    return true;
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

static bool compile_tokens(struct compiler *compiler, enum glob_language language)
{
    struct span *rest = &compiler->rest;
    while (rest->len) {
        char c = rest->text[0];
        if (c == '*' && language == GLOB_PATTERN && rest->len > 1 && rest->text[1] == '*') {
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
        } else {
            if (c == '\\')
                *rest = span_skip(*rest, 1);
            if (!rest->len)
                return false;
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
    struct compiler compiler = {.arena = arena, .rest = pattern};
    struct glob *glob = NULL;
    if (compile_tokens(&compiler, language)) {
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
