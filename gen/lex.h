/*
 * From bytes to logical lines to words: everything of reference/dockerfile.md §1.1-1.6 that does not depend on the
 * instruction. Includes first: gen/diag.h.
 */
#ifndef DFGEN_LEX_H
#define DFGEN_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"
#include "runtime/lib/vec.h"

struct arena;
struct buf;
struct diag;
struct source;

/* Where a piece of a logical line came from. */
struct lex_piece {
    size_t offset;     /* in the logical line */
    int line, column;  /* of its first byte */
};

struct lex {
    const struct source *source;
    struct arena *arena;
    struct diag *diag;
    struct place fixed;      /* of a trigger: the place of everything; source NULL: none */
    char escape;
    int next_line;           /* the physical line to be read next, 1-based */
    struct span syntax, check;          /* values of the directives, first words; empty: none */
    struct place syntax_place, check_place;
    VEC(struct lex_piece) pieces;       /* of the current logical line */
    struct buf *joined;                 /* its text, when it has several pieces */
};

/* A logical line that begins an instruction. */
struct lex_line {
    struct span text;        /* joined; left white space of the first line cut */
    int first_line, last_line;
    struct span check;       /* value of a "check=" comment above, first word; empty: none */
    struct span comment;     /* the last comment above; empty: none */
    bool has_empty_continuation;
};

/* One word "--name=value" before the arguments. */
struct lex_flag {
    struct span text;        /* quotes and escapes removed */
    size_t at;               /* where it began in the logical line */
};

/* Begin, which reads the directives and says what is wrong with the bytes (NUL, lines too long). */
void lex_open(struct lex *lex, const struct source *source, struct arena *arena, struct diag *diag);
void lex_close(struct lex *lex);

/* The next logical line; false at the end. */
bool lex_next(struct lex *lex, struct lex_line *line);

/* The body of a heredoc, up to the line that equals name; false when there is none (all lines are then read). */
bool lex_body(struct lex *lex, struct span name, bool strips_tabs, struct span *body);

/* The place of a byte of the current logical line. */
struct place lex_place(const struct lex *lex, size_t offset);

/* Split at the first run of white space: the word goes to *word, the rest is returned. */
struct span lex_first(struct span text, struct span *word);

/*
 * One flag from the left of rest, of which base is the logical line; *rest moves behind it. False: there are none (left);
 * *rest is then the arguments, trimmed.
 */
bool lex_flag(struct lex *lex, struct span *rest, const char *base, struct lex_flag *flag);

/* Words of ENV, LABEL and ARG: quotes and escapes protect white space and are kept. False at the end. */
bool lex_quoted_word(struct span *rest, char escape, struct span *word);

/* Words between runs of white space; no quotes. False at the end. */
bool lex_plain_word(struct span *rest, struct span *word);

/* Tab, vertical tab, form feed, carriage return, space. */
bool lex_is_blank(char c);

/* White space as \s of the reference's patterns has it: no \v. */
bool lex_is_pattern_space(char c);

#endif
