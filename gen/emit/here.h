/*
 * The other name of a file that is called like a target, for which the build tool would take it: by the symlink
 * STATE/here, which leads to the build folder. So it holds wherever the folder is moved to.
 */
#ifndef DFGEN_EMIT_HERE_H
#define DFGEN_EMIT_HERE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct emit_options;
struct graph;

struct here {
    const struct graph *graph;
    const struct emit_options *options;
    const char **names;     /* of targets, sorted */
    size_t count;
    bool is_used;
};

struct here here_of(const struct graph *graph, const struct emit_options *options); /* ends with here_free */
void here_free(struct here *here);
/* A target more, one that the graph does not know; the string stays the caller's. */
void here_add(struct here *here, const char *name);
/* The path itself, or its other name: the graph's arena's. */
const char *here_path(struct here *here, const char *path);
/* Another name for a file whose own the build tool cannot read: that of a symlink to it, which is made. */
const char *here_by_link(struct arena *arena, const char *path);
/* Make the symlink STATE/here if a path needs it. -1 with errno. */
int here_link(const struct here *here);

#endif
