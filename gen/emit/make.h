/*
 * The graph as a Makefile: the one place that knows GNU make's syntax (GNU make manual, "Writing Rules"; 4.0 or newer).
 */
#ifndef DFGEN_EMIT_MAKE_H
#define DFGEN_EMIT_MAKE_H

struct emit_options;
struct graph;

/*
 * Write it when its content changed; it gets the present time either way. A file that another program wrote is never
 * replaced: EEXIST. -1 with errno; *failed is the path.
 */
int make_write(const struct graph *graph, const struct emit_options *options, const char **failed);

#endif
