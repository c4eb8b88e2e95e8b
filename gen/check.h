/*
 * Build checks (reference/dockerfile.md §14): what is allowed in a Dockerfile but seldom meant. They look at the AST
 * and need no base image: what a missing one would tell is not checked. Include gen/diag.h and gen/ast.h first.
 */
#ifndef DFGEN_CHECK_H
#define DFGEN_CHECK_H

#include <stdbool.h>

struct arena;
struct images;
struct opts;

/*
 * Check the stages that the target needs, or all of them, and say in diag what fires. Wrong options of "# check=" are
 * errors, and with its error=true what fires is one too. The file was parsed without errors.
 */
void check_run(struct arena *arena, const struct opts *opts, const struct dockerfile *file, struct images *images,
               bool all_stages, struct diag *diag);

#endif
