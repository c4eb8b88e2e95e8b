/* Variable expansion and quote removal (reference/dockerfile.md §2). Pure: text and environment in, text out. */
#ifndef DFGEN_WORD_H
#define DFGEN_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;
struct buf;

/* How variables are looked up. */
struct word_env {
    /* The value of a variable: true and *value when it is set (also when empty). */
    bool (*get)(const void *data, struct span name, struct span *value);
    const void *data;
    /* The bytes of all words that were expanded so far, up to WORD_TOTAL; NULL: not counted. */
    size_t *spent;
};

enum word_mode {
    WORD_ONE,      /* one word out: quotes removed, no splitting */
    WORD_HEREDOC,  /* quotes are plain, escape is always '\' */
};

/* Bytes of one expanded word, and of all of a Dockerfile (reference/sandbox.md S50). */
enum { WORD_LIMIT = 1024 * 1024, WORD_TOTAL = 256 * 1024 * 1024 };

struct word_result {
    struct span text;        /* the arena's */
    const char *error;       /* NULL, or what is wrong ("unsupported modifier (^) in substitution"); the arena's */
    size_t error_at;         /* offset in the input */
    /* Names that were used but not set, without duplicates: for the UndefinedVar check. */
    struct span *undefined;
    size_t undefined_count;
};

struct word_result word_expand(struct arena *arena, struct span text, char escape, enum word_mode mode,
                               const struct word_env *env);

/* "Words" mode: expanded and split at unquoted white space (EXPOSE). words are the arena's. */
struct word_list {
    struct span *words;
    size_t *offsets;         /* where in the input each began */
    size_t count;
    const char *error;
    size_t error_at;
    struct span *undefined;
    size_t undefined_count;
};

struct word_list word_split(struct arena *arena, struct span text, char escape, const struct word_env *env);

/*
 * The same for finding heredocs (§1.6): `\` escapes, variables stay as written, white space after "<<" does not split;
 * quotes and escapes are kept if asked for.
 */
struct word_list word_shell(struct arena *arena, struct span text, bool keeps_quotes, bool keeps_escapes);

#endif
