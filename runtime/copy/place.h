/* A plan becomes a layer's folder: files copied, or linked from the layer that the step made before. */
#ifndef DFGEN_COPY_PLACE_H
#define DFGEN_COPY_PLACE_H

#include <stddef.h>

#include "runtime/lib/store.h"

struct list;
struct plan;
struct tree;

struct place {
    int fs;                             /* the layer's folder: empty, and nobody else's */
    enum id_mode mode;
    const struct tree *const *checked;  /* trees that may change: bytes copied must have the planned digest */
    size_t checked_count;
    const struct list *old;             /* an earlier result, NULL for none */
    int old_fs;
};

/* NULL, or what was wrong, malloc'd. The plan is finished. */
char *place_plan(const struct place *place, struct plan *plan);

#endif
