/*
 * Owns the matching of patterns, as sets of states. Called by pattern.c and sources.c. Must not know what is matched or
 * what a match means, nor how a pattern is written.
 */
#include "runtime/lib/glob.h"

#include <stdint.h>
#include <stdlib.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/vec.h"

#include "runtime/lib/glob_internal.h"

enum { FEW_STATES = 128 };

uint32_t glob_decode(struct span text, size_t *len)
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

/* The states that the text so far may have led to: numbers of the tokens that come next, each once. */
struct states {
    size_t *items;
    size_t count;
    size_t *since;  /* per token: the step at which it was last put in, so that nothing needs clearing */
    size_t step;
    uint32_t before, after; /* the characters beside the place in the text; NO_CHAR: none */
};

static bool is_word(uint32_t c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool may_pass(const struct states *states, enum token_kind kind)
{
    bool is_edge = is_word(states->before) != is_word(states->after);
    return kind == TOKEN_EDGE ? is_edge : kind == TOKEN_NO_EDGE ? !is_edge : states->after == NO_CHAR;
}

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
        const struct token *token = &glob->tokens[at];
        enum token_kind kind = token->kind;
        if (kind == TOKEN_FOLDERS) {
            put_state(glob, states, at + 1);
            at += 2;
        } else if (kind == TOKEN_STAR || kind == TOKEN_ALL || token->is_optional) {
            at++;
        } else if (kind >= TOKEN_EDGE && may_pass(states, kind)) {
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

/* After a character of that token: on, and round when it repeats. */
static void put_again(const struct glob *glob, struct states *next, size_t at)
{
    if (glob->tokens[at].repeats)
        put_state(glob, next, at);
    put_state(glob, next, at + 1);
}

static void step_state(const struct glob *glob, struct states *next, size_t at, uint32_t c)
{
    const struct token *token = &glob->tokens[at];
    switch (token->kind) {
    case TOKEN_CHAR:
        if (c == token->c)
            put_again(glob, next, at);
        break;
    case TOKEN_ANY:
        if (c != '/')
            put_again(glob, next, at);
        break;
    case TOKEN_CLASS:
        if (class_has(token, c))
            put_again(glob, next, at);
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
    case TOKEN_EDGE:
    case TOKEN_NO_EDGE:
    case TOKEN_END:
        break;
    }
}

static uint32_t peek(struct span text)
{
    size_t len;
    return text.len ? glob_decode(text, &len) : NO_CHAR;
}

static bool run_states(const struct glob *glob, struct span path, size_t *memory)
{
    size_t room = glob->count + 1;
    struct states now = {memory, 0, memory + room, 1, NO_CHAR, peek(path)},
                  next = {memory + 2 * room, 0, memory + 3 * room, 1, NO_CHAR, NO_CHAR};
    put_state(glob, &now, 0);
    while (path.len && now.count) {
        size_t len;
        uint32_t c = glob_decode(path, &len);
        path = span_skip(path, len);
        next.count = 0;
        next.before = c;
        next.after = peek(path);
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

static bool matches_one(const struct glob *glob, struct span path)
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

bool glob_matches(const struct glob *glob, struct span path)
{
    for (; glob; glob = glob->other)
        if (matches_one(glob, path))
            return true;
    return false;
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
