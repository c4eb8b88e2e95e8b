/* Files with several names in a merged root: under which name each was written. Zero it to begin. */
#ifndef DFGEN_IMAGE_LINKED_H
#define DFGEN_IMAGE_LINKED_H

#include <stddef.h>

struct linked {
    void *tree;
};

/* The name under which the file was written that has this first name in that layer. NULL: none; it is then noted as written. */
const char *linked_find_or_add(struct linked *linked, size_t layer, const char *first, const char *written);
void linked_free(struct linked *linked);

#endif
