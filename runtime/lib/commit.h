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

enum { COMMIT_ID = 80 };

/*
 * tmp/…/NAME/fs is the upper folder, which nobody else changes any more; lower is what it lay on. Writes NAME/list and commits. id gets "tree:HEX".
 * -1 with errno; *where (malloc'd, may be NULL) is then the path that could not be read or is not allowed.
 */
int commit_layer(struct store *store, const struct store_tmp *tmp, const char *name, const struct tree *lower, char id[COMMIT_ID],
                 char **where);

#endif
