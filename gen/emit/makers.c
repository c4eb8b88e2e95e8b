/*
 * Owns the look-up of the edge that makes a file. Called by the emitters. Must not know any syntax.
 */
#include "gen/emit/makers.h"

#include <stdlib.h>
#include <string.h>

#include "gen/graph.h"
#include "runtime/lib/die.h"

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct maker *)a)->output, ((const struct maker *)b)->output);
}

struct makers makers_of(const struct graph *graph)
{
    struct makers makers = {0};
    size_t room = 0;
    for (size_t i = 0; i < graph->edges.count; i++)
        room += graph->edges.items[i]->outputs.count;
    makers.list = xcalloc(room + 1, sizeof *makers.list);
    for (size_t i = 0; i < graph->edges.count; i++)
        for (size_t k = 0; k < graph->edges.items[i]->outputs.count; k++)
            makers.list[makers.count++] = (struct maker){graph->edges.items[i]->outputs.items[k], i};
    qsort(makers.list, makers.count, sizeof *makers.list, compare);
    return makers;
}

void makers_free(struct makers *makers)
{
    free(makers->list);
}

const struct maker *makers_find(const struct makers *makers, const char *path)
{
    struct maker wanted = {path, 0};
    return bsearch(&wanted, makers->list, makers->count, sizeof wanted, compare);
}
