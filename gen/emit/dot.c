/*
 * Owns the graph as dot and as plain text: edges by what they do, and which needs which. Called by cmd_graph. Must not
 * know steps.
 */
#include "gen/emit/print.h"

#include "gen/emit/makers.h"
#include "gen/graph.h"
#include "runtime/lib/buf.h"

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
    struct makers makers = makers_of(graph);
    buf_puts(out, "digraph dfgen {\nrankdir=LR\nnode [shape=box, fontsize=10]\n");
    for (size_t i = 0; i < graph->edges.count; i++) {
        const struct edge *edge = graph->edges.items[i];
        buf_printf(out, "e%zu [label=", i);
        put_quoted(out, edge->description);
        buf_puts(out, "]\n");
        for (size_t k = 0; k < edge->inputs.count; k++) {
            const struct maker *maker = makers_find(&makers, edge->inputs.items[k]);
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
            const struct maker *maker = makers_find(&makers, target->inputs.items[k]);
            if (maker)
                buf_printf(out, "e%zu -> t%zu\n", maker->edge, i);
        }
    }
    buf_puts(out, "}\n");
    makers_free(&makers);
}

void text_graph(const struct graph *graph, struct buf *out)
{
    struct makers makers = makers_of(graph);
    for (size_t i = 0; i < graph->edges.count; i++) {
        const struct edge *edge = graph->edges.items[i];
        buf_printf(out, "%zu %s %s", i + 1, rule_names[edge->rule], edge->description);
        const char *separator = " <- ";
        for (size_t k = 0; k < edge->inputs.count; k++) {
            const struct maker *maker = makers_find(&makers, edge->inputs.items[k]);
            if (!maker)
                continue;
            buf_printf(out, "%s%zu", separator, maker->edge + 1);
            separator = " ";
        }
        buf_putc(out, '\n');
    }
    makers_free(&makers);
}
