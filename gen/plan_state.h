/*
 * What the files of the planner share: the plan under way, its steps, and the files to be written at its end. Include gen/diag.h,
 * gen/ast.h, gen/platform.h, gen/config.h, gen/stage.h and gen/graph.h first.
 */
#ifndef DFGEN_PLAN_STATE_H
#define DFGEN_PLAN_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "gen/outbox.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"
#include "runtime/lib/vec.h"

struct add_source;
struct arena;
struct context;
struct image;
struct images;
struct json_t;
struct opt_output;
struct opts;
struct named_source;
struct shared;
struct pattern_list;
struct source_spec;

/* A list of stamps: where a root file system stands. */
typedef SEQ(const char *) stamp_seq;

/* A layer of a stage's root: a base image's, or what a step made. */
struct plan_layer {
    const struct image_layer *base; /* NULL: made here */
    const char *descriptor;         /* the output of its layer edge; NULL: a base's */
    /* Where it comes from, for the history of images that do not say: an image, or a step with its number. */
    const struct image *image;
    const struct planned *planned;
    const struct action *action;
    size_t number;
};

/* For messages about a step. */
struct place_note {
    const char *label;
    struct place place;
    struct span text;
    const char *where;      /* NULL: place */
};

struct plan_pack;

/* A stage with its steps. */
struct planned {
    struct stage *stage;
    const struct unit *unit;
    const char *folder;     /* ".dfgen/production" */
    const char *label;      /* for people */
    stamp_seq root;         /* at its end */
    SEQ(const struct plan_layer *) layers;     /* of its bases, too, which share them */
    size_t steps;           /* own steps so far */
    struct plan_pack *pack; /* of the exports under way; NULL: each has a step file */
    struct json_t *config;  /* of its image, less rootfs.diff_ids, for those on top of it; NULL: nobody can ask for it */
    bool is_done;
};

/* One Dockerfile for one image and platform. */
struct unit {
    const struct opts *opts;
    struct stages *stages;
    struct planned *planned;    /* by stage number */
    struct image *image;        /* of its target, for FROM target: */
};

/* A folder of files under its ignore patterns. */
struct plan_context {
    const char *folder;     /* relative to the build folder */
    struct context *context;
    struct pattern_list *patterns;
    const char *ignore;     /* the ignore file; NULL: none */
    const char *error;      /* why it cannot be used; NULL: it can */
    bool was_walked;
};

/* A context that lies elsewhere, and where its files stand. */
struct plan_remote_context {
    const struct add_source *remote;
    const char *stamp;
};

/* All of them: a graph. */
struct plan {
    struct arena *arena;
    const struct opts *root;            /* of all images */
    SEQ(struct unit *) units;
    struct graph *graph;
    /* The unit under way */
    struct unit *unit;
    const struct opts *opts;
    struct stages *stages;
    struct diag *diag;
    const char *layer_file, *layer_text, *settings_file;
    struct planned *planned;            /* by stage number */
    /* What units share */
    struct shared *shared;              /* plan_share.c's */
    int holds_only_own;                 /* plan_context.c's: -1 not looked yet */
    SEQ(const char *) dests;            /* what --output writes: absolute */
    SEQ(struct plan_context *) contexts;
    SEQ(const struct image_layer *) bases;  /* whose edges stand in the graph */
    struct variables env;               /* of the last RUN, and as its step file has it: most have the same */
    struct span env_text;
    SEQ(struct named_source *) named;   /* plan_lost.c's */
    SEQ(struct plan_remote_context) remotes;
    bool has_empty;                     /* the edge of an empty root stands in the graph */
    const char *places_file;
    VEC(struct span) places;            /* its lines, in no order: plan_places.c's */
    struct outbox *outbox;
};

/* --- plan_step.c: one step under way --- */

/* A file that holds several steps, each a member: {"docker":{…},"tar":{…}}. */
struct plan_pack {
    const char *file;
    struct buf text;        /* so far, each member behind a comma */
};

struct plan_step {
    struct plan *plan;
    const char *base;       /* ".dfgen/production/3" */
    struct json_t *json;
    struct buf in;          /* the lines of "in", each as JSON and a comma */
    struct json_member text;    /* a member that is text already; key NULL: none */
    struct edge *edge;
    struct plan_pack *pack; /* where its text goes; NULL: into a file of its own */
    const char *member;
    const char *list;       /* a file that is written with the step file: N.list; NULL: none */
    struct buf list_text;
    const char *list_folder;
};

/* Begin a step; its place is noted. name: "3", "3.layer". */
struct plan_step plan_step_begin(struct planned *planned, struct plan *plan, enum rule rule, const char *name,
                                 const char *label, const struct action *action);
/* The same for a step that stands for no instruction: text is what it does. */
struct plan_step plan_step_begin_text(struct plan *plan, enum rule rule, const char *base, const char *label,
                                      struct span text);
/* A line of the step file's "in": a role, and paths. */
void plan_step_line(struct plan_step *step, const char *role, const char *const *words, size_t count);
void plan_step_root(struct plan_step *step, const stamp_seq *root);
void plan_step_stage(struct plan_step *step, const stamp_seq *root);
/* It becomes a member of a file that holds several; members come in the order of their names. */
void plan_step_pack(struct plan_step *step, struct plan_pack *pack, const char *member);
/* The file, when all its members are ended. */
void plan_pack_end(struct plan *plan, struct plan_pack *pack);
/* --no-cache: a key that was never there. */
void plan_step_force(struct plan_step *step);
/* The files of a folder that it may read, and their list, which becomes the step's. */
void plan_step_context(struct plan_step *step, const char *folder, struct buf *list);
/* End it: out is its output. Returns the output to go on with: another's, when another image has the same step already. */
const char *plan_step_end(struct plan_step *step, const char *out);
/* Its file as it is so far. */
void plan_step_text(const struct plan_step *step, struct buf *out);

/* --- plan_share.c: steps that several images have in common --- */

struct shared *shared_new(struct arena *arena);
void shared_free(struct shared *shared);
/* What was noted after the first count steps is no more. */
size_t shared_count(const struct shared *shared);
void shared_take_back(struct shared *shared, size_t count);
/*
 * The output of a step that another unit has with the same text and packing (then the edge is not needed); NULL: there is none so far, and
 * this one is noted.
 */
const char *plan_share(struct plan_step *step, const char *out);
/* Is the layer of this stamp packed already? Notes it. */
bool plan_share_layer(struct plan *plan, const char *stamp);

/* --- plan_places.c --- */

/* Text for people: control bytes, bidi marks and what is no UTF-8 made visible, at most limit characters (0: all). */
const char *plan_printable(struct arena *arena, struct span text, size_t limit);
/* Note what is said of the step whose files begin with base: where in the file, and text (made printable). */
void plan_place(struct plan *plan, const char *base, const struct place_note *note);
/* Forget those of a folder. */
void plan_places_drop(struct plan *plan, const char *folder);
/* The file of places: all are noted. */
void plan_places_write(struct plan *plan);

/* What a layer is called in the history of an image that says nothing of it. */
struct span plan_layer_text(const struct plan *plan, struct arena *arena, const struct plan_layer *layer);

/* --- plan_context.c --- */

/* Note what the contexts must not show. */
void plan_contexts_begin(struct plan *plan);
/* The main context (folder NULL) or a named one; opened once. */
struct plan_context *plan_context(struct plan *plan, const char *folder);
void plan_contexts_finish(struct plan *plan);
/* What a plan that is not finished leaves open. */
void plan_contexts_close(struct plan *plan);

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
const char *plan_base_stamp(const struct plan *plan, const struct image_layer *layer);
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
/* The stamp of a named context that lies elsewhere; its edges are made when missing. */
const char *plan_remote(struct plan *plan, const struct add_source *remote, struct place place);
void plan_image(struct plan *plan, struct planned *planned);
/* --sbom and --provenance: what the image's step says of them. */
void plan_attest(struct plan *plan, struct planned *planned, struct plan_step *step);
struct json_t *plan_platform_json(const struct platform *platform);
/* --iidfile and --metadata-file, which become part of a target. */
void plan_facts(struct plan *plan, struct planned *planned, const char *name, const char *index);
/* An output of the target's image (index), as a part of that target. */
void plan_output(struct plan *plan, struct planned *planned, const char *step, const struct opt_output *output,
                 const char *target, const char *index);
/* A target, with the graph's prefix; it must be of this unit alone. */
void plan_target(struct plan *plan, const struct opts *opts, const char *name, const char *input);
/* What a user calls a stage's image. */
const char *plan_target_name(struct plan *plan, const struct opts *opts, const struct stage *stage, bool is_target);
/* Where its layout is: a folder. */
const char *plan_layout(struct plan *plan, const struct opts *opts, const struct stage *stage, bool is_target);
/* An export edge of a finished image (index) or root, as an output says. Returns the edge's output. */
const char *plan_export(struct plan *plan, struct planned *planned, const char *name, const struct opt_output *output,
                        const char *index);

/* --- plan_convert.c --- */

/*
 * Tags, annotations and media types of the target's image, as the options and the first output of an image have them.
 */
void plan_set_names(const struct plan *plan, struct json_t *json);
/* The same with another output; NULL: none. */
void plan_set_names_of(const struct plan *plan, const struct opt_output *output, struct json_t *json);
/* The image (index) as an output wants it: an edge makes another one when it has to. Returns its index.json. */
const char *plan_convert(struct plan *plan, struct planned *planned, const char *name, const struct opt_output *output,
                         const char *index);

/* --- plan_push.c --- */

/* An edge that puts the image into docker or podman each time; its output. */
const char *plan_load(struct plan *plan, struct planned *planned, const char *name, const char *index);

/* A push edge of a finished image; output NULL: to its tags, each time it is asked for. Returns the edge's output. */
const char *plan_push(struct plan *plan, struct planned *planned, const char *name, const struct opt_output *output,
                      const char *index);

#endif
