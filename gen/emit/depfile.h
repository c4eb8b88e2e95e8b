/* A depfile: what a file was made from, in the words that ninja, CMake and Meson read (a rule of make). */
#ifndef DFGEN_EMIT_DEPFILE_H
#define DFGEN_EMIT_DEPFILE_H

#include <stdbool.h>

struct graph;

/*
 * Write to path that target depends on what gen read and, with_context, on the files that edges read. prefix goes
 * before relative names. -1 with errno.
 */
int depfile_write(const char *path, const char *target, const struct graph *graph, bool with_context,
                  const char *prefix);

#endif
