/*
 * Where a RUN's new files go while it runs, when the store's file system cannot be an overlay's upper folder: a
 * folder of $TMPDIR, or a tmpfs.
 */
#ifndef DFGEN_SANDBOX_SCRATCH_H
#define DFGEN_SANDBOX_SCRATCH_H

#include <stdbool.h>

struct room;
struct scratch;
struct store_tmp;

/* Whether there is a $TMPDIR to take. */
bool scratch_has_folder(void);

/*
 * Put a folder of $TMPDIR (in_memory: a tmpfs) on tmp/…/layer, in place of the one that may be there: room->scratch.
 * False: it cannot be there.
 */
bool scratch_mount(struct room *room, bool in_memory);

/* Let it go (NULL is fine) before tmp is removed. */
void scratch_drop(struct scratch *scratch, const struct store_tmp *tmp);

#endif
