/* Dockerfile text to stages and instructions (reference/dockerfile.md §1, §4 syntax). Includes first: gen/diag.h, gen/ast.h. */
#ifndef DFGEN_PARSE_H
#define DFGEN_PARSE_H

#include <stdbool.h>

struct arena;
struct diag;
struct source;
struct dockerfile;
struct insn;

/*
 * Parse the whole source. Errors go to diag with their places and parsing goes on with the next instruction.
 * The result is whole (never NULL) even then. Spans point into the source or the arena.
 */
struct dockerfile *parse_dockerfile(struct arena *arena, const struct source *source, struct diag *diag);

/*
 * Parse one ONBUILD trigger's text (an instruction, possibly with heredoc bodies behind it) as if it stood at place.
 * False when it was wrong (said in diag).
 */
bool parse_trigger(struct arena *arena, struct span text, struct place place, struct diag *diag, struct insn *insn);

#endif
