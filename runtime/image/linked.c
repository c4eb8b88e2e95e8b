/*
 * Owns the map from files to the names they were written under, over the C library's search trees. Called by rootfs alone; a file of its own
 * since <search.h> has a struct entry too.
 */
#include "runtime/image/linked.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/die.h"

struct file {
    size_t layer;
    const char *first;
    const char *written;
};

static int by_file(const void *a, const void *b)
{
    const struct file *one = a, *other = b;
    if (one->layer != other->layer)
        return one->layer < other->layer ? -1 : 1;
    return strcmp(one->first, other->first);
}

const char *linked_find_or_add(struct linked *linked, size_t layer, const char *first, const char *written)
{
    struct file key = {layer, first, NULL};
    struct file **found = tfind(&key, &linked->tree, by_file);
    if (found)
        return (*found)->written;
    /* One piece of memory, so that one free does. */
    size_t first_size = strlen(first) + 1, written_size = strlen(written) + 1;
    struct file *file = xmalloc(sizeof *file + first_size + written_size);
    char *text = (char *)(file + 1);
    memcpy(text, first, first_size);
    memcpy(text + first_size, written, written_size);
    *file = (struct file){layer, text, text + first_size};
    if (!tsearch(file, &linked->tree, by_file))
        die("out of memory");
    return NULL;
}

void linked_free(struct linked *linked)
{
    tdestroy(linked->tree, free);
    linked->tree = NULL;
}
