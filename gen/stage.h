/*
 * Stages as they are to be built: arguments and variables resolved, image configs folded, triggers fired; what is left
 * are the actions that touch files. Made by stage_resolve from the AST, read by plan. Include gen/diag.h, gen/ast.h,
 * gen/platform.h and gen/config.h first.
 */
#ifndef DFGEN_STAGE_H
#define DFGEN_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen/mount.h"
#include "gen/scope.h"
#include "gen/seq.h"

struct add_source;
struct arena;
struct image;
struct images;
struct opts;
struct stage;

/* Where files come from. */
enum origin_kind { ORIGIN_CONTEXT, ORIGIN_FOLDER, ORIGIN_STAGE, ORIGIN_IMAGE, ORIGIN_SCRATCH, ORIGIN_REMOTE };

struct origin {
    enum origin_kind kind;
    struct stage *stage;            /* ORIGIN_STAGE */
    const struct image *image;      /* ORIGIN_IMAGE */
    const char *folder;             /* ORIGIN_FOLDER: a named context, relative to the build folder */
    struct add_source *remote;      /* ORIGIN_REMOTE: a named context that lies elsewhere; NULL: the main one does */
};

/* A file that is written in the Dockerfile itself. */
struct inline_file {
    struct span name, data;
};

struct copy_source {
    struct span path;               /* of a remote source: what is shown of it */
    struct add_source *remote;      /* ADD of a URL or git reference (gen/add.h); NULL: a path */
    struct place place;
};

struct copy_action {
    struct origin from;
    SEQ(struct copy_source) sources;
    SEQ(struct inline_file) contents;
    span_seq exclude;
    struct span dest;               /* absolute, no slash at the end; "/" is the root */
    bool is_slash;                  /* a folder is meant */
    struct span chown, chmod;       /* empty: not given */
    bool is_link, has_parents, unpacks;
    bool unpacks_remote;            /* archives that come by URL */
    bool is_forced;                 /* --no-cache: what is not pinned is fetched again at every dfgen */
};

struct run_mount {
    struct mount mount;
    struct span target;             /* absolute; empty: a secret that is a variable only */
    struct origin from;             /* bind, and cache with from; ORIGIN_SCRATCH: nothing */
    struct place place;
};

struct run_action {
    span_seq argv;
    struct variables env;
    struct span cwd, user;
    const char *network, *security;
    SEQ(struct run_mount) mounts;
    SEQ(struct inline_file) files;  /* executables in /dev/pipes */
    bool is_forced;                 /* --no-cache: runs again at every dfgen */
};

struct workdir_action {
    struct span path, user;
};

enum action_kind { ACTION_COPY, ACTION_RUN, ACTION_WORKDIR };

/* One step to be. */
struct action {
    enum action_kind kind;
    struct place place;
    struct span text;               /* the instruction, for people */
    union {
        struct copy_action copy;
        struct run_action run;
        struct workdir_action workdir;
    };
};

/* One stage's need of another. */
struct stage_use {
    struct stage *stage;
    struct place place;
    bool is_base;           /* of FROM: no cycle goes through it, for it names an earlier stage */
};

struct stage {
    const struct stage_ast *ast;
    size_t index;
    const char *name;               /* for people: as in the file, or "stage-N" */
    const char *folder;             /* below .dfgen: unique, no name of ours */
    const char *target;             /* what a user asks for: the name, unless a later stage has it too */
    bool is_needed;                 /* for the target */
    bool has_failed;                /* cannot be built: said in diag when it is needed */
    bool is_replaced;               /* by a named context: its instructions do not count */
    bool is_from_folder;            /* its first action copies a named context that it is built on */
    struct span base_name;          /* FROM's image, expanded */
    struct origin base;             /* ORIGIN_FOLDER becomes a copy action and ORIGIN_SCRATCH */
    struct platform platform;
    const char *platform_text;
    struct config config;
    struct scope scope;             /* at its end */
    span_seq declared_args;         /* by ARG so far, base stages first */
    struct name_index arg_names;    /* theirs */
    bool has_cmd;                   /* CMD was set in this stage */
    SEQ(struct insn) triggers;      /* of the base's ONBUILD */
    SEQ(struct action *) actions;
    SEQ(struct stage_use) uses;     /* stages that it is made from: base, copies, mounts */
    bool is_entered;                /* base image and triggers are known */
};

/* An image, and what it is called where it is used: in full. */
struct used_image {
    const char *name, *platform;
    const struct image *image;
};

struct stages {
    struct stage *items;            /* in the order of the file */
    size_t count;
    struct stage *target;
    struct platform target_platform;
    int64_t epoch;                  /* SOURCE_DATE_EPOCH, or 0 */
    bool has_epoch;
    SEQ(const char *) inputs;       /* files of images that were looked at */
    SEQ(struct add_source *) remotes;   /* named contexts that lie elsewhere */
    SEQ(struct used_image) used;    /* by needed stages */
};

/*
 * Resolve all stages. Those that the target needs report their errors in diag; the others are marked as failed when
 * they have one. NULL when nothing can be built at all. The result is the arena's.
 */
struct stages *stage_resolve(struct arena *arena, const struct opts *opts, const struct dockerfile *file,
                             struct images *images, struct diag *diag);

/*
 * The global scope alone: automatic and global ARGs with these options; and the platform that is built for. What is
 * wrong with them goes to diag.
 */
void stage_read_globals(struct arena *arena, const struct opts *opts, const struct dockerfile *file, struct diag *diag,
                        struct scope *globals, struct platform *target);

/* What dfgen.lock calls a remote source of ADD. */
const char *stage_remote_name(struct arena *arena, const struct add_source *remote);
/* What is fetched for it (runtime/lib/pinned.h). */
struct pinned;
struct pinned stage_remote_pin(const struct add_source *remote);

#endif
