/* Which edge makes a file. */
#ifndef DFGEN_EMIT_MAKERS_H
#define DFGEN_EMIT_MAKERS_H

#include <stddef.h>

struct graph;

struct maker {
    const char *output;
    size_t edge;    /* its number in the graph */
};

/* Every output of a graph, sorted by name. */
struct makers {
    struct maker *list;
    size_t count;
};

struct makers makers_of(const struct graph *graph); /* ends with makers_free */
void makers_free(struct makers *makers);
/* NULL: no edge makes it. */
const struct maker *makers_find(const struct makers *makers, const char *path);

#endif
