/*
 * Resolved stages to steps: step files, lists of context files, image configs, and the edges that name them. All that is below .dfgen
 * (but settings.json, options.json and .gitignore, which are settings.c's) waits in an outbox until it is known to be right. Include
 * gen/diag.h and gen/ast.h first.
 */
#ifndef DFGEN_PLAN_H
#define DFGEN_PLAN_H

struct arena;
struct graph;
struct images;
struct opts;
struct outbox;

/*
 * The graph of all stages that can be built, and in *files what its edges read; NULL when something is wrong with the target or what it needs
 * (said in diag). Nothing is written. The process stands in the build folder.
 */
struct graph *plan_build(struct arena *arena, const struct opts *opts, const struct dockerfile *file, struct images *images,
                         struct diag *diag, struct outbox **files);

/* Write all, each only when it changed, and remove step files of steps that are no more. Ends the process on failure. */
void outbox_flush(struct outbox *files);
void outbox_free(struct outbox *files);

#endif
