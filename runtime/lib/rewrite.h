/*
 * A file that is written a piece at a time and replaced only when its content changed: what is said is compared with what
 * is there for as long as it is the same, so neither is ever in memory as a whole.
 */
#ifndef DFGEN_REWRITE_H
#define DFGEN_REWRITE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/lib/buf.h"

struct rewrite {
    const char *path;   /* the caller's */
    char *temporary;
    int old, new;       /* -1: there is none; new: nothing differs so far */
    int64_t at;         /* how much was compared, or written */
    struct buf held;
    int error;          /* errno of what failed first; 0: nothing did */
};

void rewrite_begin(struct rewrite *rewrite, const char *path);
void rewrite_add(struct rewrite *rewrite, const void *data, size_t len);
/* The file has that content under its name, or, when something failed, is as it was: -1 with errno. */
int rewrite_end(struct rewrite *rewrite);

#endif
