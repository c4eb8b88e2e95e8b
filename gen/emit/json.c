/*
 * Owns the graph as JSON. Called by cmd_graph. Must not know steps. The form is an interface: members are added, never
 * changed.
 */
#include "gen/emit/print.h"

#include <jansson.h>

#include "gen/graph.h"
#include "runtime/lib/json.h"
#include "runtime/lib/span.h"

enum { JSON_GRAPH_FORMAT = 1 };

static json_t *paths(const graph_paths *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_bytes(span_of(list->items[i])));
    return array;
}

static json_t *edge_json(const struct edge *edge)
{
    json_t *inputs = paths(&edge->inputs), *files = paths(&edge->context_files);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "rule", rule_names[edge->rule], "step",
                     json_bytes(span_of(edge->step)), "description", json_bytes(span_of(edge->description)), "outputs",
                     paths(&edge->outputs), "inputs", inputs, "files", files, "order_only", paths(&edge->order_only));
}

void json_graph(const struct graph *graph, struct buf *out)
{
    json_t *edges = json_array(), *targets = json_object();
    for (size_t i = 0; i < graph->edges.count; i++)
        json_array_append_new(edges, edge_json(graph->edges.items[i]));
    for (size_t i = 0; i < graph->targets.count; i++)
        json_object_set_new(targets, graph->targets.items[i]->name, paths(&graph->targets.items[i]->inputs));
    json_t *json = json_pack("{s:i, s:o, s:o, s:o, s:o}", "format", JSON_GRAPH_FORMAT, "edges", edges, "targets",
                             targets, "default", paths(&graph->defaults), "generator_inputs",
                             paths(&graph->generator_inputs));
    json_write(json, out);
    json_decref(json);
}
