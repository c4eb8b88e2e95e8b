/*
 * Owns make's syntax: rules, targets, quoting. Called by cmd_generate with a finished graph. Must not know
 * instructions or steps.
 *
 * make goes by times alone and runs again what is older than an input, even when it came out the same. So an edge's
 * recipe belongs to a witness, FILE.made, which gets the time of each run; the output behind it changes its time only
 * with its content, and what follows depends on the output. An output that is older than its witness costs make
 * nothing: its recipe is empty while it exists, for which make starts no process, but looks at the file's time again.
 * So that make -n and -q look, too, the recipe is marked "+"; but where the witness is made again they cannot know
 * what comes of it, and take the output for new: then the recipe is ":", as the witness's own says by a variable.
 */
#include "gen/emit/make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/emit/emit.h"
#include "gen/emit/here.h"
#include "gen/emit/makers.h"
#include "gen/graph.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/rewrite.h"

struct make {
    const struct graph *graph;
    const struct emit_options *options;
    struct here here;
    struct rewrite file;
    struct buf out;             /* what waits to be written */
};

/* --- quoting --- */

/*
 * Bytes that a rule can hold, as they are or behind the given byte. Others make sense to make in ways that no quoting
 * undoes.
 */
static bool is_plain(unsigned char c)
{
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return c >= 0x80 || is_letter || (c >= '0' && c <= '9') || (c && strchr("._/+,@^-", c));
}

static char quote_of(char c)
{
    return c == ' ' || c == '#' ? '\\' : c == '$' ? '$' : 0;
}

/* A leading "-" or "@" is an option or a recipe's mark to somebody; a last backslash would quote what follows. */
static bool can_carry(const char *path)
{
    if (!*path || *path == '-' || *path == '@' || *path == '~')
        return false;
    for (const char *at = path; *at; at++)
        if (!is_plain((unsigned char)*at) && !quote_of(*at))
            return false;
    return true;
}

static void put_path(struct buf *out, const char *path)
{
    for (; *path; path++) {
        if (quote_of(*path))
            buf_putc(out, quote_of(*path));
        buf_putc(out, *path);
    }
}

/* A variable's value, or words of a recipe. */
static void put_value(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '$' || *text == '#')
            buf_putc(out, *text == '$' ? '$' : '\\');
        buf_putc(out, *text);
    }
}

/*
 * True when one of them cannot stand in a rule: what depends on it asks the helper every time, which knows by content.
 */
static bool put_paths(struct make *make, const graph_paths *paths)
{
    bool is_lost = false;
    for (size_t i = 0; i < paths->count; i++) {
        if (!can_carry(paths->items[i])) {
            is_lost = true;
            continue;
        }
        buf_putc(&make->out, ' ');
        put_path(&make->out, paths->items[i]);
    }
    return is_lost;
}

/* What a rule cannot hold has a link that it can. */
static const char *context_path(struct make *make, const char *path)
{
    return can_carry(path) ? here_path(&make->here, path) : here_by_link(make->graph->arena, path);
}

static bool put_context_paths(struct make *make, const graph_paths *paths)
{
    graph_paths named = {0};
    for (size_t i = 0; i < paths->count; i++)
        vec_push(&named, context_path(make, paths->items[i]));
    bool is_lost = put_paths(make, &named);
    vec_free(&named);
    return is_lost;
}

/* --- rules --- */

static void put_out(struct make *make)
{
    rewrite_add(&make->file, make->out.data, make->out.len);
    buf_clear(&make->out);
}

static void put_recipe(struct make *make, const struct edge *edge)
{
    const struct emit_options *options = make->options;
    buf_puts(&make->out, "DFGEN_SAY=1 ");
    if (options->launcher && edge->rule == RULE_RUN)
        buf_printf(&make->out, "$(%sdfgen_launcher) ", options->prefix);
    buf_printf(&make->out, "$(%sdfgen_helpers)/%s ", options->prefix, rule_helpers[edge->rule]);
    put_value(&make->out, edge->step);
}

/* Every output is made by the witness's recipe, and by itself only where it was removed. */
static void put_outputs(struct make *make, const struct edge *edge, size_t number)
{
    struct buf *out = &make->out;
    for (size_t i = 0; i < edge->outputs.count; i++) {
        put_path(out, edge->outputs.items[i]);
        buf_puts(out, ": ");
        put_path(out, edge->outputs.items[0]);
        buf_printf(out, ".made ; @$(if $(wildcard $@),$(or $(%sdfgen-ran%zu),+),", make->options->prefix, number);
        put_recipe(make, edge);
        buf_puts(out, ")\n");
    }
}

static void put_edge(struct make *make, size_t number)
{
    const struct edge *edge = make->graph->edges.items[number];
    struct buf *out = &make->out;
    buf_putc(out, '\n');
    put_path(out, edge->outputs.items[0]);
    buf_puts(out, ".made:");
    bool is_lost = put_paths(make, &edge->inputs);
    is_lost |= put_context_paths(make, &edge->context_files);
    if (is_lost)
        buf_printf(out, " %sdfgen-always", make->options->prefix);
    if (edge->order_only.count) {
        buf_puts(out, " |");
        put_paths(make, &edge->order_only);
    }
    /* "+": make's jobserver, for a make in the RUN; under make -n the helper does nothing. */
    buf_puts(out, edge->rule == RULE_RUN || edge->rule == RULE_RUN_LOCAL ? "\n\t@+" : "\n\t@");
    buf_printf(out, "$(eval %sdfgen-ran%zu := :)", make->options->prefix, number);
    put_recipe(make, edge);
    buf_puts(out, "\n\t@touch '$@'\n");
    put_outputs(make, edge, number);
}

static void put_target(struct make *make, const struct target *target)
{
    buf_puts(&make->out, "\n.PHONY: ");
    put_path(&make->out, target->name);
    buf_putc(&make->out, '\n');
    put_path(&make->out, target->name);
    buf_putc(&make->out, ':');
    put_paths(make, &target->inputs);
    buf_putc(&make->out, '\n');
}

static bool is_own(const struct make *make, const char *path)
{
    size_t len = strlen(make->options->state);
    return !strncmp(path, make->options->state, len) && path[len] == '/' && can_carry(path);
}

static void add_own(const struct make *make, graph_paths *own, const graph_paths *paths, const struct makers *makers)
{
    for (size_t i = 0; i < paths->count; i++)
        if (is_own(make, paths->items[i]) && !makers_find(makers, paths->items[i]))
            vec_push(own, paths->items[i]);
}

/*
 * For each file without a rule make goes through its many implicit ones. What dfgen wrote into the build folder has an
 * empty recipe instead.
 */
static void put_own_files(struct make *make)
{
    const struct graph *graph = make->graph;
    struct makers makers = makers_of(graph);
    graph_paths own = {0};
    for (size_t i = 0; i < graph->edges.count; i++) {
        add_own(make, &own, &graph->edges.items[i]->inputs, &makers);
        add_own(make, &own, &graph->edges.items[i]->order_only, &makers);
    }
    add_own(make, &own, &graph->generator_inputs, &makers);
    graph_unique(&own);
    buf_putc(&make->out, '\n');
    for (size_t i = 0; i < own.count; i++) {
        put_path(&make->out, own.items[i]);
        buf_puts(&make->out, i + 1 < own.count ? " \\\n" : ": ;\n");
    }
    vec_free(&own);
    makers_free(&makers);
}

/* A rule without anything for what is read: when it is gone, the Makefile is made again instead of make giving up. */
static void put_generator(struct make *make)
{
    const graph_paths *inputs = &make->graph->generator_inputs;
    put_path(&make->out, make->options->build_file);
    buf_putc(&make->out, ':');
    put_context_paths(make, inputs);
    buf_printf(&make->out, "\n\t@$(%sdfgen) --regenerate ", make->options->prefix);
    put_value(&make->out, make->options->state);
    buf_puts(&make->out, "/options.json\n");
    for (size_t i = 0; i < inputs->count; i++)
        if (!is_own(make, inputs->items[i])) {
            put_path(&make->out, context_path(make, inputs->items[i]));
            buf_puts(&make->out, ":\n");
        }
}

/* No implicit rules where the Makefile is all dfgen's: they would be tried on each file of the context. */
static void put_no_implicit(struct make *make)
{
    if (!*make->options->prefix)
        buf_puts(&make->out, "\n.SUFFIXES:\n%: %,v\n%: RCS/%,v\n%: RCS/%\n%: s.%\n%: SCCS/s.%\n");
}

static void put_program(struct make *make, const char *variable, const char *path)
{
    buf_printf(&make->out, "%s%s := '", make->options->prefix, variable);
    put_value(&make->out, path);
    buf_puts(&make->out, "'\n");
}

static void put_head(struct make *make)
{
    const struct emit_options *options = make->options;
    put_program(make, "dfgen", options->dfgen);
    put_program(make, "dfgen_helpers", options->helpers);
    if (options->launcher) {
        buf_printf(&make->out, "%sdfgen_launcher := ", options->prefix);
        put_value(&make->out, options->launcher);
        buf_putc(&make->out, '\n');
    }
    /* First, so that it is what make makes by itself; an including Makefile has its own before. */
    const char *prefix = options->prefix;
    buf_printf(&make->out, "\n.PHONY: %sdfgen-default %sdfgen-always\n%sdfgen-default:", prefix, prefix, prefix);
    put_paths(make, &make->graph->defaults);
    buf_printf(&make->out, "\n%sdfgen-always:\n\n", prefix);
    put_generator(make);
}

/* dfgen.mk calls the image by its prefix, less the "-": a target that the graph does not know. */
static void add_name_of_image(struct make *make)
{
    const char *prefix = make->options->prefix;
    size_t len = strlen(prefix);
    if (len > 1 && prefix[len - 1] == '-')
        here_add(&make->here, arena_strndup(make->graph->arena, prefix, len - 1));
}

int make_write(const struct graph *graph, const struct emit_options *options, const char **failed)
{
    struct make make = {.graph = graph, .options = options, .here = here_of(graph, options)};
    *failed = options->build_file;
    if (!emit_may_write(options->build_file)) {
        errno = EEXIST;
        return -1;
    }
    add_name_of_image(&make);
    rewrite_begin(&make.file, options->build_file);
    buf_puts(&make.out, emit_mark);
    put_head(&make);
    put_no_implicit(&make);
    put_own_files(&make);
    for (size_t i = 0; i < graph->edges.count; i++) {
        put_edge(&make, i);
        put_out(&make);
    }
    for (size_t i = 0; i < graph->targets.count; i++) {
        put_target(&make, graph->targets.items[i]);
        put_out(&make);
    }
    put_out(&make);
    int result = rewrite_end(&make.file);
    if (result == 0)
        result = here_link(&make.here);
    /* Last, as with build.ninja: it must not be older than a folder that it depends on. */
    if (result == 0)
        result = utimensat(AT_FDCWD, options->build_file, NULL, 0);
    here_free(&make.here);
    buf_free(&make.out);
    return result;
}
