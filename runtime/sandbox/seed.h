/* A folder's content copied whole: what a cache mount begins with. */
#ifndef DFGEN_SANDBOX_SEED_H
#define DFGEN_SANDBOX_SEED_H

/*
 * Copy all that lies in folder from (any descriptor of it) into folder to, which is empty: files, folders, symlinks
 * with owner, mode and time. -1 with errno.
 */
int seed_copy(int from, int to);

#endif
