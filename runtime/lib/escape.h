/*
 * Names in files of lines and fields: TAB, newline and backslash are written \011 \012 \134, all other bytes as they are.
 * Some formats (N.in) separate fields by spaces: there a space is \040.
 */
#ifndef DFGEN_ESCAPE_H
#define DFGEN_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;
struct buf;

/* Append text with its special bytes escaped; space: the space too. */
void escape_add(struct buf *out, struct span text, bool space);

/* The bytes that an escaped text stands for, NUL-terminated. NULL when it is malformed: a stray backslash, or a NUL byte. */
char *escape_undo(struct arena *arena, struct span text, bool space);

/* What an escape of four bytes stands for (at a backslash, with 3 more bytes behind it), -1 when it is none. */
static inline int escape_byte(const char *at, bool space)
{
    return !memcmp(at, "\\011", 4) ? '\t' : !memcmp(at, "\\012", 4) ? '\n' : !memcmp(at, "\\134", 4) ? '\\' :
           space && !memcmp(at, "\\040", 4) ? ' ' : -1;
}

#endif
