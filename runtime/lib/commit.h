/*
 * A finished diff folder (what a RUN left in the upper folder of its overlay) becomes a layer: entries that do not differ from the root
 * below are dropped, the rest is hashed and listed, and the folder moves into the store.
 */
#ifndef DFGEN_COMMIT_H
#define DFGEN_COMMIT_H

#include <stddef.h>

struct store;
struct store_tmp;
struct tree;
struct stat;

/* Where the disk cannot hold owners and devices: look puts the right ones into st. -1 with errno. */
struct commit_view {
    int (*look)(void *data, const char *path, struct stat *st);
    void *data;
};

struct commit_source {
    const struct tree *lower;       /* what the upper folder lay on */
    const struct commit_view *view; /* NULL: owners are as on disk */
};

enum { COMMIT_ID = 80 };

/*
 * tmp/…/NAME/fs is the upper folder, which nobody else changes any more. Writes NAME/list and commits. id gets "tree:HEX".
 * -1 with errno; *where (malloc'd, may be NULL) is then the path that could not be read or is not allowed.
 */
int commit_layer(struct store *store, const struct store_tmp *tmp, const char *name, const struct commit_source *source,
                 char id[COMMIT_ID], char **where);

#endif
