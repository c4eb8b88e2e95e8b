/*
 * Mounts by descriptor: made detached, narrowed, then attached to an open target, so that no name is looked up twice.
 */
#ifndef DFGEN_SANDBOX_MNT_H
#define DFGEN_SANDBOX_MNT_H

#include <stdbool.h>
#include <stddef.h>

/* The kernel's MOUNT_ATTR_ values. */
enum { MNT_RDONLY = 1, MNT_NOSUID = 2, MNT_NODEV = 4, MNT_NOEXEC = 8 };

struct mnt_option {
    const char *name;
    const char *value;  /* NULL: a flag */
};

/*
 * A new file system of a type, not attached anywhere. -1 with errno; *why (malloc'd, may be NULL) gets the kernel's
 * own words, if any.
 */
int mnt_make(const char *type, const struct mnt_option *options, size_t count, unsigned attrs, char **why);

/* Attach a detached mount on a target (O_PATH descriptor of a folder, or of a file for one of a file). */
int mnt_attach(int mnt, int target);

/*
 * Show what is open as source at target too, with attrs added to its mount's own. With all mounts below it when
 * recursive.
 */
int mnt_bind(int source, int target, unsigned attrs, bool recursive);

/* A classic mount(2), for what the calls above cannot do on older kernels. */
int mnt_classic(const char *type, const char *target, unsigned attrs, const char *options);

/*
 * Go into a mount namespace of our own, of which no mount tells or hears of those elsewhere. Descriptors that mounts
 * are made by must be opened after that. Ends the process when it cannot be.
 */
void mnt_leave(void);

/* Detach what is mounted on an open folder (O_PATH descriptor of the mount's root). */
int mnt_detach(int root);

#endif
