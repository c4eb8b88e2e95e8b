/*
 * Resolved stages to steps: step files, lists of context files, image configs, and the edges that name them. Writes what is below .dfgen
 * (but settings.json, options.json and .gitignore, which are settings.c's) once all is known to be right. Include gen/diag.h and gen/ast.h first.
 */
#ifndef DFGEN_PLAN_H
#define DFGEN_PLAN_H

struct arena;
struct graph;
struct images;
struct opts;

/*
 * The graph of all stages that can be built; NULL when something is wrong with the target or what it needs (said in diag; nothing was written then).
 * Ends the process when a file cannot be written. The process stands in the build folder.
 */
struct graph *plan_build(struct arena *arena, const struct opts *opts, const struct dockerfile *file, struct images *images,
                         struct diag *diag);

#endif
