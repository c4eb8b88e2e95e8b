/*
 * What must stay in the store: all that a registered build folder names, the images that `dfgen load` brought, and of the images that came from
 * registries those of which a build folder has a layer.
 */
#ifndef DFGEN_GC_NEEDED_H
#define DFGEN_GC_NEEDED_H

#include <stddef.h>

#include "runtime/gc/digests.h"

struct store;

struct needed {
    struct digest_set digests;
    struct digest_set refs;     /* files of refs/ */
    size_t folders;             /* build folders that are there */
    size_t gone;                /* roots/ whose build folder is no more: they were removed, unless it is a dry run */
};

/* NULL, or what could not be read and what to do (malloc'd): then nothing may be removed. */
char *needed_find(const struct store *store, struct needed *needed, bool is_dry);
void needed_free(struct needed *needed);

#endif
