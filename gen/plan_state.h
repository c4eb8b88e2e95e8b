/*
 * What the files of the planner share: the plan under way, its steps, and the files to be written at its end. Include gen/diag.h,
 * gen/ast.h, gen/platform.h, gen/config.h, gen/stage.h and gen/graph.h first.
 */
#ifndef DFGEN_PLAN_STATE_H
#define DFGEN_PLAN_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/buf.h"

struct arena;
struct context;
struct image;
struct images;
struct json_t;
struct opts;
struct named_source;
struct pattern_list;
struct source_spec;

/* A list of stamps: where a root file system stands. */
typedef SEQ(const char *) stamp_seq;

/* A layer of a stage's root: a base image's, or what a step made. */
struct plan_layer {
    const struct image_layer *base; /* NULL: made here */
    const char *descriptor;         /* the output of its layer edge; NULL: a base's */
    struct span text;               /* where it comes from, for the history of images that do not say */
};

/* A stage with its steps. */
struct planned {
    struct stage *stage;
    const char *folder;     /* ".dfgen/production" */
    stamp_seq root;         /* at its end */
    SEQ(struct plan_layer) layers;
    struct json_t *places;  /* of its places.json */
    size_t steps;           /* own steps so far */
    bool is_done;
};

/* A folder of files under its ignore patterns. */
struct plan_context {
    const char *folder;     /* relative to the build folder */
    struct context *context;
    struct pattern_list *patterns;
    const char *error;      /* why it cannot be used; NULL: it can */
    bool was_walked;
};

struct plan {
    struct arena *arena;
    const struct opts *opts;
    struct stages *stages;
    struct diag *diag;
    struct graph *graph;
    struct planned *planned;            /* by stage number */
    SEQ(struct plan_context *) contexts;
    SEQ(const struct image_layer *) bases;  /* whose edges stand in the graph */
    struct json_t *base_places;
    SEQ(struct named_source *) named;   /* plan_lost.c's */
    bool has_empty;                     /* the edge of an empty root stands in the graph */
    struct outbox *outbox;
};

/* --- plan_files.c: what is written when all is known to be right; plan.h has the writing --- */

struct outbox *outbox_new(struct arena *arena);
/* A file to be written with that text, which the outbox takes over (malloc'd). */
void outbox_add(struct outbox *outbox, const char *path, struct buf *text);
void outbox_add_json(struct outbox *outbox, const char *path, const struct json_t *value);
/* Forget the files of a folder. */
void outbox_drop(struct outbox *outbox, const char *folder);

/* --- plan_step.c: one step under way --- */

struct plan_step {
    struct plan *plan;
    const char *base;       /* ".dfgen/production/3" */
    struct json_t *json;
    struct edge *edge;
};

/* Begin a step; its place is noted. name: "3", "3.layer". */
struct plan_step plan_step_begin(struct planned *planned, struct plan *plan, enum rule rule, const char *name,
                                 const char *label, const struct action *action);
/* The same for a step that stands for no instruction: text is what it does. */
struct plan_step plan_step_begin_text(struct plan *plan, enum rule rule, const char *base, const char *label, const char *text);
/* A line of the step file's "in": a role, and paths. */
void plan_step_line(struct plan_step *step, const char *role, const char *const *words, size_t count);
void plan_step_root(struct plan_step *step, const stamp_seq *root);
void plan_step_stage(struct plan_step *step, const stamp_seq *root);
/* --no-cache: a key that was never there. */
void plan_step_force(struct plan_step *step);
/* End it: out is its output. */
void plan_step_end(struct plan_step *step, const char *out);

/* Text for people: control bytes, bidi marks and what is no UTF-8 made visible, at most limit characters (0: all). */
const char *plan_printable(struct arena *arena, struct span text, size_t limit);
void plan_place(struct json_t *places, const char *name, const char *label, const char *where, const char *text);
const char *plan_where(struct arena *arena, struct place place);

/* --- plan_context.c --- */

/* The main context (folder NULL) or a named one; opened once. */
struct plan_context *plan_context(struct plan *plan, const char *folder);
void plan_contexts_finish(struct plan *plan);

/* --- plan_lost.c --- */

/* A source of a needed stage in a context. */
void plan_lost_note(struct plan *plan, struct plan_context *context, const struct source_spec *spec, struct place place);
/* Say which of them have lost their folder. The contexts are still open. */
void plan_lost_check(struct plan *plan);

/* --- plan_base.c, plan_copy.c, plan_fetch.c, plan_run.c, plan_image.c --- */

/* Stamps of an image's layers; their edges are made when missing. */
stamp_seq plan_base(struct plan *plan, const struct image *image, struct place place);
/*
 * The layer of the same content whose edge stands in the graph, NULL: none. Images may have it compressed in different ways; the blob that the edge
 * brings is the one that the images made here refer to.
 */
const struct image_layer *plan_base_layer(const struct plan *plan, const struct image_layer *layer);
/* Where an origin that is no folder stands. */
stamp_seq plan_origin(struct plan *plan, const struct origin *origin, struct place place);
/* False: something is wrong with it, said in diag if the stage is needed. */
bool plan_copy(struct plan *plan, struct planned *planned, const struct action *action, const char *label);
bool plan_run(struct plan *plan, struct planned *planned, const struct action *action, const char *label);
void plan_workdir(struct plan *plan, struct planned *planned, const struct action *action, const char *label);
/* A step of its own that holds what a mount of a folder may see. NULL as above. */
const char *plan_mount_files(struct plan *plan, struct planned *planned, const struct run_mount *mount, const struct action *action,
                             const char *name, const char *label);
/* The stamp of a step that fetches a remote source. */
const char *plan_fetch(struct plan *plan, struct planned *planned, const struct action *action, const struct copy_source *source,
                       const char *name);
void plan_image(struct plan *plan, struct planned *planned);

#endif
