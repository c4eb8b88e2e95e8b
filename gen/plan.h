/*
 * Resolved stages to steps: step files, lists of context files, image configs, and the edges that name them, of one
 * image or of many. All that is below .dfgen (but settings.json, options.json and .gitignore, which are settings.c's)
 * waits in an outbox until it is known to be right. Include gen/diag.h and gen/ast.h first.
 */
#ifndef DFGEN_PLAN_H
#define DFGEN_PLAN_H

struct arena;
struct graph;
struct image;
struct images;
struct opts;
struct outbox;
struct plan;
struct stages;
struct unit;

/*
 * A plan of nothing so far, for these options: those of an image, or those with all images. The process stands in the
 * build folder.
 */
struct plan *plan_new(struct arena *arena, const struct opts *opts);

/*
 * Add the steps of all stages of a Dockerfile that can be built with an image's options for one platform. NULL when
 * something is wrong with the target or what it needs (said in diag). Nothing is written.
 */
struct unit *plan_add(struct plan *plan, const struct opts *opts, const struct dockerfile *file,
                      struct images *images, struct diag *diag);

/* One image of several platforms: the same file, planned for each of them. */
void plan_join(struct plan *plan, const struct opts *opts, struct unit *const *units, size_t count);

const struct stages *plan_stages_of(const struct unit *unit);
/* The image that a unit makes, for FROM target: in another. */
const struct image *plan_built(const struct unit *unit);

/*
 * End the plan: its graph, and in *files what its edges read. Two images that want the same target: the process ends
 * with a message.
 */
struct graph *plan_finish(struct plan *plan, struct outbox **files);
void plan_free(struct plan *plan);

#endif
