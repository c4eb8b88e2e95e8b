/*
 * A finished diff folder (what a RUN left in the upper folder of its overlay) becomes a layer: entries that do not
 * differ from the root below are dropped, the rest is hashed and listed, and the folder moves into the store.
 */
#ifndef DFGEN_COMMIT_H
#define DFGEN_COMMIT_H

#include <stdbool.h>
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

/* The folder is not an overlay's upper one but a copy of the whole root: what it lacks has been removed. */
struct commit_whole {
    /* Whether a folder that the root below has too is another one than was copied (name, below dir: to look at it). */
    bool (*is_new)(void *data, const char *path, int dir, const char *name);
    void *data;
};

struct commit_source {
    const struct tree *lower;       /* what the upper folder lay on */
    const struct commit_view *view; /* NULL: owners are as on disk */
    const struct commit_whole *whole; /* NULL: an upper folder */
};

enum { COMMIT_ID = 80 };

/*
 * tmp/…/NAME/fs is the upper folder, which nobody else changes any more. Writes NAME/list and commits. id gets
 * "tree:HEX". -1 with errno; *where (malloc'd, may be NULL) is then the path that could not be read or is not
 * allowed.
 */
int commit_layer(struct store *store, const struct store_tmp *tmp, const char *name, const struct commit_source *source,
                 char id[COMMIT_ID], char **where);

/* The same without a commit, for what is to be looked at alone: the listing tells owners and types, and no digests. */
int commit_settle(const struct store_tmp *tmp, const char *name, const struct commit_source *source, char **where);

#endif
