/*
 * A room in single-id mode: the owners it begins with, and what the files in its upper folder are for the layer's
 * listing.
 */
#ifndef DFGEN_SANDBOX_SINGLE_H
#define DFGEN_SANDBOX_SINGLE_H

#include <stdbool.h>
#include <stdint.h>

struct commit_view; /* runtime/lib/commit.h */
struct owners;
struct room;
struct tree;

/* What of a root is left when its mounts are gone, for the commit. */
struct single_view {
    struct owners *owners;      /* NULL: the disk is right */
    int root, upper;
    const struct tree *tree;    /* of the layers below */
    uint32_t uid, gid;          /* of what the payload has made */
};

/* Before anything is mounted. Nothing in other modes. */
void single_begin(struct room *room);

/* Layers are mounted at root (O_PATH): know their owners. */
void single_add_layers(struct room *room, int root, const struct tree *tree);

/* The payload is gone: get back what was noted, and keep what the commit needs. */
void single_end(struct room *room, const struct tree *tree, struct single_view *view);

/* For commit_layer; NULL when the disk is right. */
const struct commit_view *single_commit_view(struct single_view *view, struct commit_view *commit);
void single_view_close(struct single_view *view);

#endif
