/*
 * Owns the graph as a drawing: the steps that the default targets need, in columns from left to right, each behind all
 * that it needs; as SVG, and as a page around it. Called by cmd_graph. Must not know steps.
 */
#include "gen/emit/print.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gen/emit/makers.h"
#include "gen/graph.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"

enum { BOX_WIDTH = 250, BOX_HEIGHT = 22, COLUMN = 310, ROW = 32, MARGIN = 10, LABEL = 38, SWEEPS = 8 };

struct node {
    bool is_needed;
    size_t column, row;
    double weight;          /* where it should stand: the middle of those it needs */
    size_t *needs;          /* edges, by number */
    size_t need_count;
};

struct drawing {
    const struct graph *graph;
    struct makers makers;
    struct node *nodes;     /* one for each edge */
    size_t columns, rows;
};

static const char *const colours[RULE_COUNT] = {
    [RULE_BASE] = "#e8e8e8",  [RULE_COPY] = "#d6e6ff",  [RULE_FETCH] = "#e6dcff",  [RULE_RUN] = "#ffe3c2",
    [RULE_RUN_LOCAL] = "#ffe3c2", [RULE_LAYER] = "#f4f4f4", [RULE_IMAGE] = "#cdf0d0", [RULE_EXPORT] = "#e3f7e4",
    [RULE_PUSH] = "#e3f7e4",  [RULE_LOAD] = "#e3f7e4",
};

/* --- which, and where --- */

static void find_needs(struct drawing *drawing)
{
    for (size_t i = 0; i < drawing->graph->edges.count; i++) {
        const struct edge *edge = drawing->graph->edges.items[i];
        struct node *node = &drawing->nodes[i];
        node->needs = xcalloc(edge->inputs.count + 1, sizeof *node->needs);
        for (size_t k = 0; k < edge->inputs.count; k++) {
            const struct maker *maker = makers_find(&drawing->makers, edge->inputs.items[k]);
            if (maker)
                node->needs[node->need_count++] = maker->edge;
        }
    }
}

/* Whoever is marked marks what it needs, until nobody is added; a stack, since chains may be long. */
static void mark_needed(struct drawing *drawing, const graph_paths *paths)
{
    size_t *stack = xcalloc(drawing->graph->edges.count + 1, sizeof *stack), depth = 0;
    for (size_t i = 0; i < paths->count; i++) {
        const struct maker *maker = makers_find(&drawing->makers, paths->items[i]);
        if (!maker || drawing->nodes[maker->edge].is_needed)
            continue;
        drawing->nodes[maker->edge].is_needed = true;
        stack[depth++] = maker->edge;
        while (depth) {
            const struct node *node = &drawing->nodes[stack[--depth]];
            for (size_t k = 0; k < node->need_count; k++)
                if (!drawing->nodes[node->needs[k]].is_needed) {
                    drawing->nodes[node->needs[k]].is_needed = true;
                    stack[depth++] = node->needs[k];
                }
        }
    }
    free(stack);
}

static void mark_defaults(struct drawing *drawing)
{
    const struct graph *graph = drawing->graph;
    for (size_t i = 0; i < graph->targets.count; i++)
        for (size_t k = 0; k < graph->defaults.count; k++)
            if (!strcmp(graph->targets.items[i]->name, graph->defaults.items[k]))
                mark_needed(drawing, &graph->targets.items[i]->inputs);
}

/* One behind the last of what it needs. Needs stand mostly before in the graph, so it takes few rounds. */
static void choose_columns(struct drawing *drawing)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < drawing->graph->edges.count; i++) {
            struct node *node = &drawing->nodes[i];
            for (size_t k = 0; k < node->need_count && node->is_needed; k++) {
                size_t after = drawing->nodes[node->needs[k]].column + 1;
                moved |= node->column < after;
                node->column = node->column < after ? after : node->column;
            }
            if (node->is_needed && node->column >= drawing->columns)
                drawing->columns = node->column + 1;
        }
    }
}

static int compare_places(const void *a, const void *b)
{
    const struct node *left = *(const struct node *const *)a, *right = *(const struct node *const *)b;
    if (left->column != right->column)
        return left->column < right->column ? -1 : 1;
    if (left->weight != right->weight)
        return left->weight < right->weight ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* Rows in each column, by the rows of what stands to the left. */
static void choose_rows(struct drawing *drawing)
{
    size_t count = drawing->graph->edges.count, kept = 0;
    struct node **order = xcalloc(count + 1, sizeof(struct node *));
    for (size_t i = 0; i < count; i++)
        if (drawing->nodes[i].is_needed)
            order[kept++] = &drawing->nodes[i];
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        qsort(order, kept, sizeof(struct node *), compare_places);
        for (size_t i = 0; i < kept; i++) {
            struct node *node = order[i];
            node->row = i && order[i - 1]->column == node->column ? order[i - 1]->row + 1 : 0;
            drawing->rows = node->row >= drawing->rows ? node->row + 1 : drawing->rows;
        }
        for (size_t i = 0; i < kept; i++) {
            double sum = 0;
            for (size_t k = 0; k < order[i]->need_count; k++)
                sum += (double)drawing->nodes[order[i]->needs[k]].row;
            order[i]->weight = order[i]->need_count ? sum / (double)order[i]->need_count : (double)order[i]->row;
        }
    }
    free(order);
}

static struct drawing drawing_of(const struct graph *graph)
{
    struct drawing drawing = {.graph = graph, .makers = makers_of(graph)};
    drawing.nodes = xcalloc(graph->edges.count + 1, sizeof *drawing.nodes);
    find_needs(&drawing);
    mark_defaults(&drawing);
    choose_columns(&drawing);
    choose_rows(&drawing);
    return drawing;
}

static void drawing_free(struct drawing *drawing)
{
    for (size_t i = 0; i < drawing->graph->edges.count; i++)
        free(drawing->nodes[i].needs);
    free(drawing->nodes);
    makers_free(&drawing->makers);
}

/* --- writing --- */

/* Text of XML, at most that many characters; the rest is "…". */
static void put_text(struct buf *out, const char *text, size_t limit)
{
    static const struct {
        char byte;
        const char *name;
    } named[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}};
    size_t count = 0;
    for (; *text; text++) {
        bool begins = ((unsigned char)*text & 0xc0) != 0x80;
        if (begins && count++ == limit) {
            buf_puts(out, "…");
            return;
        }
        size_t i = 0;
        while (i < sizeof named / sizeof *named && named[i].byte != *text)
            i++;
        if (i < sizeof named / sizeof *named)
            buf_puts(out, named[i].name);
        else
            buf_putc(out, *text);
    }
}

static size_t left_of(const struct node *node)
{
    return MARGIN + node->column * COLUMN;
}

static size_t middle_of(const struct node *node)
{
    return MARGIN + node->row * ROW + BOX_HEIGHT / 2;
}

static void put_line(struct buf *out, const struct drawing *drawing, size_t from, size_t to)
{
    const struct node *start = &drawing->nodes[from], *end = &drawing->nodes[to];
    size_t x1 = left_of(start) + BOX_WIDTH, y1 = middle_of(start), x2 = left_of(end), y2 = middle_of(end);
    size_t bend = (COLUMN - BOX_WIDTH) / 2;
    buf_printf(out, "<path class=\"e%zu e%zu\" d=\"M%zu,%zu C%zu,%zu %zu,%zu %zu,%zu\"/>\n", from, to, x1, y1,
               x1 + bend, y1, x2 - bend, y2, x2, y2);
}

static void put_box(struct buf *out, const struct drawing *drawing, size_t i)
{
    const struct edge *edge = drawing->graph->edges.items[i];
    const struct node *node = &drawing->nodes[i];
    buf_printf(out, "<g id=\"e%zu\" class=\"%s\"><title>", i, rule_names[edge->rule]);
    put_text(out, edge->description, SIZE_MAX);
    size_t x = left_of(node), y = middle_of(node);
    buf_printf(out, "</title><rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" rx=\"3\" fill=\"%s\"/>", x,
               y - BOX_HEIGHT / 2, BOX_WIDTH, BOX_HEIGHT, colours[edge->rule]);
    buf_printf(out, "<text x=\"%zu\" y=\"%zu\">", x + 6, y + 4);
    put_text(out, edge->description, LABEL);
    buf_puts(out, "</text></g>\n");
}

void svg_graph(const struct graph *graph, struct buf *out)
{
    struct drawing drawing = drawing_of(graph);
    size_t width = 2 * MARGIN + drawing.columns * COLUMN, height = 2 * MARGIN + drawing.rows * ROW;
    buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" viewBox=\"0 0 %zu %zu\">\n",
               width, height, width, height);
    buf_puts(out, "<style>text{font:11px sans-serif}path{fill:none;stroke:#999}rect{stroke:#999}</style>\n");
    for (size_t i = 0; i < graph->edges.count; i++)
        for (size_t k = 0; k < drawing.nodes[i].need_count && drawing.nodes[i].is_needed; k++)
            put_line(out, &drawing, drawing.nodes[i].needs[k], i);
    for (size_t i = 0; i < graph->edges.count; i++)
        if (drawing.nodes[i].is_needed)
            put_box(out, &drawing, i);
    buf_puts(out, "</svg>\n");
    drawing_free(&drawing);
}

/* A page that needs nothing else; what a step touches is marked while the mouse is over it. */
void html_graph(const struct graph *graph, struct buf *out)
{
    buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>dfgen graph</title>\n"
                  "<style>body{margin:0}path.on{stroke:#c00;stroke-width:2}g:hover rect{stroke:#c00}</style>\n"
                  "<body>\n");
    svg_graph(graph, out);
    buf_puts(out, "<script>\nfor (const box of document.querySelectorAll('g'))\n"
                  "    for (const [event, on] of [['mouseenter', true], ['mouseleave', false]])\n"
                  "        box.addEventListener(event, () => {\n"
                  "            for (const line of document.querySelectorAll('path.' + box.id))\n"
                  "                line.classList.toggle('on', on);\n"
                  "        });\n</script>\n</body>\n</html>\n");
}
