/*
 * Owns the build graph between plan (which fills it) and emit (which writes it): edges, targets, lists of paths.
 * Must not know what a step does, nor any build tool's syntax.
 */
#include "gen/graph.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"

const char *const rule_names[] = {
    [RULE_BASE] = "base",   [RULE_COPY] = "copy",   [RULE_FETCH] = "fetch", [RULE_RUN] = "run",
    [RULE_RUN_LOCAL] = "run_local", [RULE_LAYER] = "layer", [RULE_IMAGE] = "image", [RULE_EXPORT] = "export",
    [RULE_PUSH] = "push",    [RULE_LOAD] = "load",
};

const char *const rule_helpers[] = {
    [RULE_BASE] = "dfgen-base",   [RULE_COPY] = "dfgen-copy",   [RULE_FETCH] = "dfgen-fetch", [RULE_RUN] = "dfgen-run",
    [RULE_RUN_LOCAL] = "dfgen-run", [RULE_LAYER] = "dfgen-layer", [RULE_IMAGE] = "dfgen-image", [RULE_EXPORT] = "dfgen-export",
    [RULE_PUSH] = "dfgen-push",     [RULE_LOAD] = "dfgen-load",
};

struct graph *graph_new(struct arena *arena)
{
    struct graph *graph = arena_alloc(arena, sizeof *graph);
    graph->arena = arena;
    return graph;
}

void edge_free(struct edge *edge)
{
    vec_free(&edge->outputs);
    vec_free(&edge->inputs);
    vec_free(&edge->order_only);
    vec_free(&edge->context_files);
}

void graph_free(struct graph *graph)
{
    for (size_t i = 0; i < graph->edges.count; i++)
        edge_free(graph->edges.items[i]);
    for (size_t i = 0; i < graph->targets.count; i++)
        vec_free(&graph->targets.items[i]->inputs);
    vec_free(&graph->edges);
    vec_free(&graph->targets);
    free(graph->by_name);
    vec_free(&graph->defaults);
    vec_free(&graph->generator_inputs);
}

struct edge *graph_edge(struct graph *graph, enum rule rule, const char *step, const char *description)
{
    struct edge *edge = arena_alloc(graph->arena, sizeof *edge);
    edge->rule = rule;
    edge->step = step;
    edge->description = description;
    return edge;
}

void graph_add(struct graph *graph, struct edge *edge)
{
    vec_push(&graph->edges, edge);
}

/* Where a name's target is or would be; there is always room. */
static struct target **find_slot(const struct graph *graph, const char *name)
{
    size_t hash = 5381;
    for (const char *c = name; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    for (size_t i = hash % graph->slots;; i = (i + 1) % graph->slots)
        if (!graph->by_name[i] || !strcmp(graph->by_name[i]->name, name))
            return &graph->by_name[i];
}

/* At most half of the slots are taken. */
static void make_room(struct graph *graph)
{
    if (graph->targets.count * 2 < graph->slots)
        return;
    free(graph->by_name);
    graph->slots = graph->slots ? graph->slots * 2 : 64;
    graph->by_name = xcalloc(graph->slots, sizeof *graph->by_name);
    for (size_t i = 0; i < graph->targets.count; i++)
        *find_slot(graph, graph->targets.items[i]->name) = graph->targets.items[i];
}

struct target *graph_target(struct graph *graph, const char *name)
{
    make_room(graph);
    struct target **slot = find_slot(graph, name);
    if (*slot)
        return *slot;
    struct target *target = arena_alloc(graph->arena, sizeof *target);
    target->name = arena_strdup(graph->arena, name);
    vec_push(&graph->targets, target);
    *slot = target;
    return target;
}

static int compare_places(const void *a, const void *b)
{
    const char *const *left = *(const char *const *const *)a, *const *right = *(const char *const *const *)b;
    int order = strcmp(*left, *right);
    return order ? order : left < right ? -1 : left > right;
}

void graph_unique(graph_paths *paths)
{
    size_t count = paths->count, kept = 0;
    const char ***places = xcalloc(count + 1, sizeof *places);
    for (size_t i = 0; i < count; i++)
        places[i] = &paths->items[i];
    qsort(places, count, sizeof *places, compare_places);
    const char *last = NULL;
    for (size_t i = 0; i < count; i++) {
        bool is_again = last && !strcmp(last, *places[i]);
        last = is_again ? last : *places[i];
        if (is_again)
            *places[i] = NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (paths->items[i])
            paths->items[kept++] = paths->items[i];
    paths->count = kept;
    free(places);
}

void graph_add_path(graph_paths *paths, const char *path)
{
    for (size_t i = 0; i < paths->count; i++)
        if (!strcmp(paths->items[i], path))
            return;
    vec_push(paths, path);
}
