/*
 * Owns the build graph between plan (which fills it) and emit (which writes it): edges, targets, lists of paths.
 * Must not know what a step does, nor any build tool's syntax.
 */
#include "gen/graph.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"

const char *const rule_names[] = {
    [RULE_BASE] = "base",   [RULE_COPY] = "copy",   [RULE_FETCH] = "fetch", [RULE_RUN] = "run",
    [RULE_RUN_LOCAL] = "run_local", [RULE_LAYER] = "layer", [RULE_IMAGE] = "image", [RULE_EXPORT] = "export",
};

const char *const rule_helpers[] = {
    [RULE_BASE] = "dfgen-base",   [RULE_COPY] = "dfgen-copy",   [RULE_FETCH] = "dfgen-fetch", [RULE_RUN] = "dfgen-run",
    [RULE_RUN_LOCAL] = "dfgen-run", [RULE_LAYER] = "dfgen-layer", [RULE_IMAGE] = "dfgen-image", [RULE_EXPORT] = "dfgen-export",
};

struct graph *graph_new(struct arena *arena)
{
    struct graph *graph = arena_alloc(arena, sizeof *graph);
    graph->arena = arena;
    return graph;
}

void graph_free(struct graph *graph)
{
    for (size_t i = 0; i < graph->edges.count; i++) {
        struct edge *edge = graph->edges.items[i];
        vec_free(&edge->outputs);
        vec_free(&edge->inputs);
        vec_free(&edge->order_only);
        vec_free(&edge->context_files);
    }
    for (size_t i = 0; i < graph->targets.count; i++)
        vec_free(&graph->targets.items[i]->inputs);
    vec_free(&graph->edges);
    vec_free(&graph->targets);
    vec_free(&graph->defaults);
    vec_free(&graph->generator_inputs);
}

struct edge *graph_edge(struct graph *graph, enum rule rule, const char *step, const char *description)
{
    struct edge *edge = arena_alloc(graph->arena, sizeof *edge);
    edge->rule = rule;
    edge->step = step;
    edge->description = description;
    vec_push(&graph->edges, edge);
    return edge;
}

struct target *graph_target(struct graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->targets.count; i++)
        if (!strcmp(graph->targets.items[i]->name, name))
            return graph->targets.items[i];
    struct target *target = arena_alloc(graph->arena, sizeof *target);
    target->name = arena_strdup(graph->arena, name);
    vec_push(&graph->targets, target);
    return target;
}

void graph_add_path(graph_paths *paths, const char *path)
{
    for (size_t i = 0; i < paths->count; i++)
        if (!strcmp(paths->items[i], path))
            return;
    vec_push(paths, path);
}
