/*
 * What a copy makes of the root it starts from (reference/dockerfile.md §8.2, §8.3): the new layer's entries, each with
 * the place its bytes come from. Pure: trees in, entries out; nothing is read or written.
 */
#ifndef DFGEN_COPY_PLAN_H
#define DFGEN_COPY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* runtime/lib/list.h goes first: entries are whole. */
#include "runtime/lib/span.h"

struct arena;
struct buf;
struct digest;
struct owner;
struct plan;
struct source_match;
struct source_spec;
struct tree;

struct plan_options {
    const char *dest;           /* absolute */
    bool slash;                 /* it is a folder whatever there is */
    const struct owner *owner;  /* --chown; NULL: none */
    const char *chmod;          /* NULL: none */
    bool link;                  /* --link: nothing of the root counts */
    bool folder;                /* dest gets the metadata of the source folder as well (bind mounts) */
};

struct plan_entry {
    struct entry entry;
    const struct tree *tree;    /* where it comes from; NULL: it is made here */
    size_t layer;
    const char *real;           /* the name of its bytes in that layer's folder */
    struct span content;        /* of a heredoc (tree is NULL) */
    uint32_t group;             /* files: those with the same number are one file; 0: its own */
    uint32_t source;            /* the source that brought it */
    bool hides_lower;           /* something else than a folder was here */
    bool is_gone;
};

/* NULL with *error (the arena's) when dest cannot be followed. Strings are the arena's. */
struct plan *copy_plan_new(const struct tree *root, struct arena *arena, const struct plan_options *options,
                           const char **error);

void copy_plan_free(struct plan *plan);

/* All return -1 with *error a text of the arena. */
int copy_plan_add_source(struct plan *plan, const struct tree *tree, const struct source_spec *spec,
                         const struct source_match *matches,
                    size_t count, const char **error);
int copy_plan_add_content(struct plan *plan, const char *name, struct span content, const char **error);
/*
 * An unpacked archive: its folders give their metadata to those that are there, and what is in the way is replaced
 * (§8.6).
 */
int copy_plan_add_archive(struct plan *plan, const struct tree *archive, const char **error);
/* WORKDIR: the folder dest with its parents. */
int copy_plan_add_folder(struct plan *plan, const char **error);

/* Write the listing, and put the entries in byte order, those that are gone left out. */
void copy_plan_finish(struct plan *plan, struct buf *listing, struct digest *digest);
struct plan_entry *copy_plan_entries(struct plan *plan, size_t *count);
/* Metadata of the root folder. */
const struct entry *copy_plan_root(const struct plan *plan);

#endif
