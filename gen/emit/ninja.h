/* The graph as build.ninja and inputs.ninja: the one place that knows ninja's syntax. */
#ifndef DFGEN_EMIT_NINJA_H
#define DFGEN_EMIT_NINJA_H

struct emit_options;
struct graph;

/*
 * Write both files, each only when its content changed; build.ninja gets the present time either way, as the last
 * thing. Files that another program wrote are never replaced: EEXIST. -1 with errno; *failed is the path.
 */
int ninja_write(const struct graph *graph, const struct emit_options *options, const char **failed);

#endif
