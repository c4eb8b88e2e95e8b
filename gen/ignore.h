/* Which ignore file is a context's (reference/dockerfile.md §6). */
#ifndef DFGEN_IGNORE_H
#define DFGEN_IGNORE_H

#include <stdbool.h>

struct arena;
struct opts;

/*
 * FILE.dockerignore beside the Dockerfile, for the main context, else .dockerignore in the folder. NULL: there is
 * none, or the main context is no folder.
 */
const char *ignore_file(struct arena *arena, const struct opts *opts, const char *folder, bool is_main);

#endif
