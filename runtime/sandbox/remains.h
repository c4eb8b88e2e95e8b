/*
 * What a failed RUN left, kept for `dfgen shell`: its files as a layer, in failed/ of the store, and a note of where
 * beside the step file (N.failed). The listing has the owners that are only remembered, and no digests. Losing it
 * loses nothing of a build, so no failure here ends one.
 */
#ifndef DFGEN_SANDBOX_REMAINS_H
#define DFGEN_SANDBOX_REMAINS_H

struct commit_source; /* runtime/lib/commit.h */
struct step;
struct store_tmp;
struct tree;

/* Move tmp/…/layer/fs away. The step's earlier remains, and the oldest of others beyond a handful, are removed. */
void remains_keep(struct step *step, const struct store_tmp *tmp, const struct commit_source *source);

/* The step went well: there is nothing to look at any more. */
void remains_drop(struct step *step);

/*
 * "failed/NAME/fs", below the store, and put on the step's tree; NULL when there is nothing. *lock keeps it from
 * being removed, until it is closed.
 */
const char *remains_find(const struct step *step, struct tree *tree, int *lock);

#endif
