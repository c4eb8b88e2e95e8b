/* The mounts that a RUN asks for. */
#ifndef DFGEN_SANDBOX_MOUNTS_H
#define DFGEN_SANDBOX_MOUNTS_H

#include <stdbool.h>

struct plan_mount;
struct room;

/* Mount them all, parents first, and add the variables that they set. Ends the process when one cannot be. */
void mounts_attach(struct room *room);

/*
 * What a mount with a stage shows: an O_PATH descriptor inside the stage's root. Ends the process when it is not there.
 */
int mounts_open_source(struct room *room, const struct plan_mount *mount, bool is_writable);

#endif
