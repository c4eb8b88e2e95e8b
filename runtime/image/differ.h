/* What differs between two layers, name by name, field by field. */
#ifndef DFGEN_IMAGE_DIFFER_H
#define DFGEN_IMAGE_DIFFER_H

#include <stddef.h>

struct differ {
    void (*say)(void *data, const char *line);  /* without a line end; control bytes are visible */
    void *data;
    size_t limit;       /* of lines: more are counted and not said */
    size_t count;
};

/* Two layers' blobs, with any compression. NULL if they could be read, else why not, malloc'd. */
char *differ_layers(struct differ *differ, int one, int other);

#endif
