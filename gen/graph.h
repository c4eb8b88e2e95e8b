/*
 * The build graph: edges with files, and targets. Made by plan.c (which knows steps), written by emit/ (which knows ninja); nothing in it
 * is quoted for any syntax. Paths are relative to the folder that ninja runs in. Strings are the arena's.
 */
#ifndef DFGEN_GRAPH_H
#define DFGEN_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/vec.h"

struct arena;

/* Rule names are an interface: launchers and siso select edges by them (docs/architecture.md). */
enum rule { RULE_BASE, RULE_COPY, RULE_FETCH, RULE_RUN, RULE_RUN_LOCAL, RULE_LAYER, RULE_IMAGE, RULE_EXPORT, RULE_PUSH,
            RULE_LOAD, RULE_COUNT };
extern const char *const rule_names[];      /* "base", "copy", … */
extern const char *const rule_helpers[];    /* "dfgen-base", …: run_local is dfgen-run too */

typedef VEC(const char *) graph_paths;

struct edge {
    enum rule rule;
    const char *step;           /* the command's one argument: the step file (an input as well), or a layer's output */
    const char *description;    /* "[production 3/7] RUN npm ci": printable */
    graph_paths outputs;        /* the first is the stamp, descriptor or index.json */
    graph_paths inputs;         /* step file, stamps, N.list, files */
    graph_paths order_only;     /* settings.json, places.json */
    /* Context files, of which there may be 100,000: edges that have some are written to inputs.ninja. */
    graph_paths context_files;
};

/* A name that a user asks for: phony. */
struct target {
    const char *name;
    const void *owner;      /* whoever made it: the planner's */
    graph_paths inputs;
};

struct graph {
    struct arena *arena;
    VEC(struct edge *) edges;
    VEC(struct target *) targets;
    struct target **by_name;    /* the same, hashed: graph_target's */
    size_t slots;
    graph_paths defaults;
    /* What gen read: a change of one of them makes build.ninja out of date (files and folders). */
    graph_paths generator_inputs;
};

struct graph *graph_new(struct arena *arena);
void graph_free(struct graph *graph); /* the vectors; the rest is the arena's */
/* A new edge for a step file; it does not stand in the graph yet. */
struct edge *graph_edge(struct graph *graph, enum rule rule, const char *step, const char *description);
void graph_add(struct graph *graph, struct edge *edge);
void edge_free(struct edge *edge); /* its vectors */
/* The target of that name, made when missing. */
struct target *graph_target(struct graph *graph, const char *name);
/* Sort out what is there twice; the order stays. */
void graph_unique(graph_paths *paths);
/* Append path unless it is the same string as one that is there (linear for short lists; use only there). */
void graph_add_path(graph_paths *paths, const char *path);

#endif
