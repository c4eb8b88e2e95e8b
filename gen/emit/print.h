/* The graph for other programs and for people: JSON (dfgen(1) has its form), dot, plain text, a drawing. */
#ifndef DFGEN_EMIT_PRINT_H
#define DFGEN_EMIT_PRINT_H

struct buf;
struct graph;

void json_graph(const struct graph *graph, struct buf *out);
void dot_graph(const struct graph *graph, struct buf *out);
void text_graph(const struct graph *graph, struct buf *out);
void svg_graph(const struct graph *graph, struct buf *out);
void html_graph(const struct graph *graph, struct buf *out);

#endif
