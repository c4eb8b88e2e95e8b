/*
 * What a failed RUN left, kept for `dfgen shell`: its upper folder, in failed/ of the store, and a note of where beside the step file
 * (N.failed). Losing it loses nothing of a build, so no failure here ends one.
 */
#ifndef DFGEN_SANDBOX_REMAINS_H
#define DFGEN_SANDBOX_REMAINS_H

struct step;
struct store_tmp;

/* Move tmp/…/layer/fs away. The step's earlier remains, and the oldest of others beyond a handful, are removed. */
void remains_keep(struct step *step, const struct store_tmp *tmp);

/* The step went well: there is nothing to look at any more. */
void remains_drop(struct step *step);

/* "failed/NAME/fs", below the store; NULL when there is nothing. *lock keeps it from being removed, until it is closed. */
const char *remains_find(const struct step *step, int *lock);

#endif
