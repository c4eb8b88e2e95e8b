/* The graph as build.ninja and inputs.ninja: the one place that knows ninja's syntax. */
#ifndef DFGEN_EMIT_NINJA_H
#define DFGEN_EMIT_NINJA_H

struct graph;

struct ninja_options {
    const char *build_file;     /* "build.ninja" */
    const char *dfgen;          /* absolute path of this program */
    const char *helpers;        /* absolute path of the folder with dfgen-run and the others */
    const char *launcher;       /* put before the command of RUN edges; NULL: none */
    const char *prefix;         /* before rules and variables, when another build includes the file; "" */
    const char *state;          /* ".dfgen": where inputs.ninja goes and options.json is */
};

/*
 * Write both files, each only when its content changed; build.ninja gets the present time either way, as the last thing. Files that another
 * program wrote are never replaced: EEXIST. -1 with errno; *failed is the path.
 */
int ninja_write(const struct graph *graph, const struct ninja_options *options, const char **failed);

/* True when the file is not there or was written by dfgen. */
int ninja_may_write(const char *build_file);

#endif
