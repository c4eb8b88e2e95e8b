/* Where a RUN's new files go while it runs: the store, or a tmpfs when the store's file system cannot be an overlay's upper folder. */
#ifndef DFGEN_SANDBOX_SCRATCH_H
#define DFGEN_SANDBOX_SCRATCH_H

struct room;
struct store_tmp;

/* What DFGEN_ROOTFS says. */
enum scratch_way {
    SCRATCH_AS_NEEDED,  /* nothing */
    SCRATCH_NEVER,      /* "overlay" */
    SCRATCH_ALWAYS,     /* "scratch" */
};

/* Ends the process when it says something else. */
enum scratch_way scratch_way(const struct room *room);

/* Mount a tmpfs on tmp/…/layer. */
void scratch_mount(struct room *room);

/* Let it go, if there is one, before tmp is removed. */
void scratch_drop(const struct store_tmp *tmp);

#endif
