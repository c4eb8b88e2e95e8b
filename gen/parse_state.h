/*
 * What the files of the parser share: the state of one run, and one call each. For parse*.c alone.
 * Includes first: gen/diag.h, gen/ast.h.
 */
#ifndef DFGEN_PARSE_STATE_H
#define DFGEN_PARSE_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "gen/heredoc.h"
#include "gen/json_form.h"
#include "gen/lex.h"
#include "runtime/lib/vec.h"

struct arena;
struct insn_spec;

struct parser {
    struct lex lex;
    struct arena *arena;
    struct diag *diag;
    struct lex_line line;           /* the current one */
    bool has_lost_heredoc;          /* looking for the end of one failed: not tried again after unknown instructions */
    /* Pieces of the current instruction, copied to the arena when it is whole. */
    VEC(struct flag) flags;
    VEC(struct arg) args;
    VEC(struct heredoc) heredocs;
    json_items items;
    heredoc_words words;
};

/* The place of a byte of the current logical line. */
struct place parse_place(const struct parser *parser, const char *at);

/* Read the flags at the left of rest into parser->flags; returns what follows them. */
struct span parse_flags(struct parser *parser, const struct insn_spec *spec, struct span rest);

/* Read rest as the arguments of insn, in the form of its kind, into parser->args. */
void parse_args(struct parser *parser, struct insn *insn, struct span rest);

/* Read the bodies of the heredocs of the current line, if insn can have any, into parser->heredocs. */
void parse_bodies(struct parser *parser, const struct insn *insn);

/* COPY and ADD: find out which arguments are heredocs. */
void parse_heredoc_args(struct parser *parser, const struct insn *insn);

/* Pass over the bodies of an unknown instruction, so that they give no errors of their own. */
void parse_skip_bodies(struct parser *parser);

/* Look at a whole instruction: what its form alone does not tell. */
void parse_finish(struct parser *parser, struct insn *insn);

#endif
