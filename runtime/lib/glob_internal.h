/* A pattern as tokens, between the two files that make and run it. Include runtime/lib/glob.h, stdint.h first. */
#ifndef DFGEN_GLOB_INTERNAL_H
#define DFGEN_GLOB_INTERNAL_H

enum token_kind {
    TOKEN_CHAR,     /* one character, this one */
    TOKEN_ANY,      /* ?  one character but "/" */
    TOKEN_CLASS,    /* [] one character of (or not of) these; "/" too, as in Go */
    TOKEN_STAR,     /* *  any run without "/" */
    TOKEN_ALL,      /* ** at the end: anything */
    TOKEN_FOLDERS,  /* ** before more: nothing, or go inside */
    TOKEN_INSIDE,   /* always after FOLDERS: anything up to a "/" */
    TOKEN_EDGE,     /* \b nothing, where a word begins or ends */
    TOKEN_NO_EDGE,  /* \B nothing, elsewhere */
    TOKEN_END,      /* \z nothing, at the end */
};

struct range {
    uint32_t low, high;
};

struct token {
    enum token_kind kind;
    uint32_t c;
    bool negated;
    bool is_optional;       /* CHAR, ANY, CLASS: may be absent */
    bool repeats;           /* the same: may come again */
    struct range *ranges;
    size_t range_count;
};

struct glob {
    struct token *tokens;
    size_t count;
    /* What every match must begin with, end with and hold: most paths fail here and never reach the states. */
    struct span prefix, suffix, inner;
    struct glob *other;   /* the next alternative; NULL: none */
};

enum { NO_CHAR = 0x110000 };

/* The character that a text begins with, and its length. A byte that is no UTF-8 is a character of its own, beyond all others. */
uint32_t glob_decode(struct span text, size_t *len);

/* Does Go's filepath.Match, which the reference asks first, find something wrong with a §7.2 pattern? */
bool glob_is_malformed(struct span pattern);

#endif
