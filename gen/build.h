/* All images of a build, read and planned: one graph. */
#ifndef DFGEN_BUILD_H
#define DFGEN_BUILD_H

#include <stdbool.h>

struct arena;
struct graph;
struct images;
struct opts;
struct outbox;
struct plan;
struct source;
struct stages;

/* Read the Dockerfile; ends the process with a message that says what to do. */
void build_read_source(struct opts *opts, struct source *source);

struct build {
    struct graph *graph;        /* NULL: something is wrong, and was said */
    struct outbox *files;       /* that the edges read */
    struct plan *plan;
    struct images *images;
    struct opts **platforms;    /* copies of the options, one for each of several platforms */
    size_t platform_count;
    /* What else is to be done with each image and platform; NULL: nothing */
    void (*on_stages)(void *data, struct opts *opts, const struct stages *stages);
    void *data;
};

/*
 * Read and plan; on_stages and data are set, the rest zero. Nothing is written. False: something is wrong, and was
 * said.
 */
bool build_plan(struct build *build, struct arena *arena, struct opts *opts);
void build_free(struct build *build);

#endif
