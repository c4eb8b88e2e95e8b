/*
 * Owns the graph as dot and as plain text: edges by what they do, and which needs which. Called by cmd_graph. Must not
 * know steps.
 */
#include "gen/emit/print.h"

#include <stdlib.h>
#include <string.h>

#include "gen/graph.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"

struct maker {
    const char *output;
    size_t edge;
};

/* Which edge makes a file: sorted by name. */
struct makers {
    struct maker *list;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct maker *)a)->output, ((const struct maker *)b)->output);
}

static struct makers collect(const struct graph *graph)
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

static const struct maker *maker_of(const struct makers *makers, const char *path)
{
    struct maker wanted = {path, 0};
    return bsearch(&wanted, makers->list, makers->count, sizeof wanted, compare);
}

/* Text between double quotes. */
static void put_quoted(struct buf *out, const char *text)
{
    buf_putc(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *text);
    }
    buf_putc(out, '"');
}

void dot_graph(const struct graph *graph, struct buf *out)
{
    struct makers makers = collect(graph);
    buf_puts(out, "digraph dfgen {\nrankdir=LR\nnode [shape=box, fontsize=10]\n");
    for (size_t i = 0; i < graph->edges.count; i++) {
        const struct edge *edge = graph->edges.items[i];
        buf_printf(out, "e%zu [label=", i);
        put_quoted(out, edge->description);
        buf_puts(out, "]\n");
        for (size_t k = 0; k < edge->inputs.count; k++) {
            const struct maker *maker = maker_of(&makers, edge->inputs.items[k]);
            if (maker)
                buf_printf(out, "e%zu -> e%zu\n", maker->edge, i);
        }
    }
    for (size_t i = 0; i < graph->targets.count; i++) {
        const struct target *target = graph->targets.items[i];
        buf_printf(out, "t%zu [shape=ellipse, label=", i);
        put_quoted(out, target->name);
        buf_puts(out, "]\n");
        for (size_t k = 0; k < target->inputs.count; k++) {
            const struct maker *maker = maker_of(&makers, target->inputs.items[k]);
            if (maker)
                buf_printf(out, "e%zu -> t%zu\n", maker->edge, i);
        }
    }
    buf_puts(out, "}\n");
    free(makers.list);
}

void text_graph(const struct graph *graph, struct buf *out)
{
    struct makers makers = collect(graph);
    for (size_t i = 0; i < graph->edges.count; i++) {
        const struct edge *edge = graph->edges.items[i];
        buf_printf(out, "%zu %s %s", i + 1, rule_names[edge->rule], edge->description);
        const char *separator = " <- ";
        for (size_t k = 0; k < edge->inputs.count; k++) {
            const struct maker *maker = maker_of(&makers, edge->inputs.items[k]);
            if (!maker)
                continue;
            buf_printf(out, "%s%zu", separator, maker->edge + 1);
            separator = " ";
        }
        buf_putc(out, '\n');
    }
    free(makers.list);
}
