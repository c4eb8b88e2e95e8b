/* What "# check=" and the build argument BUILDKIT_DOCKERFILE_CHECK ask for (reference/dockerfile.md §14). Include gen/diag.h, gen/ast.h first. */
#ifndef DFGEN_CHECK_H
#define DFGEN_CHECK_H

struct arena;
struct opts;

/* Read the options; an unknown one is an error. */
void check_options(struct arena *arena, const struct dockerfile *file, const struct opts *opts, struct diag *diag);

#endif
