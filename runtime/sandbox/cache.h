/* Cache mounts: folders that stay between builds, shared as the mounts say. */
#ifndef DFGEN_SANDBOX_CACHE_H
#define DFGEN_SANDBOX_CACHE_H

struct room;

/*
 * Open the folder of each cache mount, made and filled when new, and lock it: room->caches has one item a mount of the
 * plan, -1 for those of another type. Waits for other steps as "sharing" says. Ends the process when a folder cannot be
 * had.
 */
void cache_open_all(struct room *room);

#endif
