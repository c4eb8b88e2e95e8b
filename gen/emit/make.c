/*
 * Owns make's syntax: rules, targets, quoting. Called by cmd_generate with a finished graph. Must not know instructions or steps.
 *
 * make goes by times alone and runs again what is older than an input, even when it came out the same. So an edge's recipe belongs to a
 * witness, FILE.made, which gets the time of each run; the output behind it changes its time only with its content, and what
 * follows depends on the output. An output that is older than its witness costs make nothing: its recipe is ":" while
 * it exists, for which make starts no process, but looks at the file's time again.
 */
#include "gen/emit/make.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/emit/emit.h"
#include "gen/graph.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"

struct make {
    const struct graph *graph;
    const struct emit_options *options;
    struct buf out;
};

/* --- quoting --- */

/* Bytes that a rule can hold, as they are or behind the given byte. Others make sense to make in ways that no quoting undoes. */
static bool is_plain(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("._/+,@^-", c));
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

/* True when one of them cannot stand in a rule: what depends on it asks the helper every time, which knows by content. */
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

/* --- rules --- */

static void put_recipe(struct make *make, const struct edge *edge)
{
    const struct emit_options *options = make->options;
    buf_puts(&make->out, "DFGEN_SAY=1 ");
    if (options->launcher && edge->rule == RULE_RUN)
        buf_printf(&make->out, "$(%sdfgen_launcher) ", options->prefix);
    buf_printf(&make->out, "$(%sdfgen_helpers)/%s ", options->prefix, rule_helpers[edge->rule]);
    put_value(&make->out, edge->step);
}

static void put_edge(struct make *make, const struct edge *edge)
{
    struct buf *out = &make->out;
    buf_putc(out, '\n');
    put_path(out, edge->outputs.items[0]);
    buf_puts(out, ".made:");
    bool is_lost = put_paths(make, &edge->inputs);
    is_lost |= put_paths(make, &edge->context_files);
    if (is_lost)
        buf_printf(out, " %sdfgen-always", make->options->prefix);
    if (edge->order_only.count) {
        buf_puts(out, " |");
        put_paths(make, &edge->order_only);
    }
    /* "+": make's jobserver, for a make in the RUN; under make -n the helper does nothing. */
    buf_puts(out, edge->rule == RULE_RUN || edge->rule == RULE_RUN_LOCAL ? "\n\t@+" : "\n\t@");
    put_recipe(make, edge);
    buf_puts(out, "\n\t@touch '$@'\n");
    for (size_t i = 0; i < edge->outputs.count; i++) {
        put_path(out, edge->outputs.items[i]);
        buf_puts(out, ": ");
        put_path(out, edge->outputs.items[0]);
        buf_puts(out, ".made ; @$(if $(wildcard $@),:,");
        put_recipe(make, edge);
        buf_puts(out, ")\n");
    }
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

/* A rule without anything for what is read: when it is gone, the Makefile is made again instead of make giving up. */
static void put_generator(struct make *make)
{
    const graph_paths *inputs = &make->graph->generator_inputs;
    put_path(&make->out, make->options->build_file);
    buf_putc(&make->out, ':');
    put_paths(make, inputs);
    buf_printf(&make->out, "\n\t@$(%sdfgen) --regenerate ", make->options->prefix);
    put_value(&make->out, make->options->state);
    buf_puts(&make->out, "/options.json\n");
    for (size_t i = 0; i < inputs->count; i++)
        if (can_carry(inputs->items[i])) {
            put_path(&make->out, inputs->items[i]);
            buf_puts(&make->out, ":\n");
        }
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
    buf_printf(&make->out, "\n.PHONY: %sdfgen-default %sdfgen-always\n%sdfgen-default:", options->prefix, options->prefix, options->prefix);
    put_paths(make, &make->graph->defaults);
    buf_printf(&make->out, "\n%sdfgen-always:\n\n", options->prefix);
    put_generator(make);
}

int make_write(const struct graph *graph, const struct emit_options *options, const char **failed)
{
    struct make make = {.graph = graph, .options = options};
    *failed = options->build_file;
    if (!emit_may_write(options->build_file)) {
        errno = EEXIST;
        return -1;
    }
    buf_puts(&make.out, emit_mark);
    put_head(&make);
    for (size_t i = 0; i < graph->edges.count; i++)
        put_edge(&make, graph->edges.items[i]);
    for (size_t i = 0; i < graph->targets.count; i++)
        put_target(&make, graph->targets.items[i]);
    int result = file_write_if_changed_at(AT_FDCWD, options->build_file, make.out.data, make.out.len, NULL);
    /* Last, as with build.ninja: it must not be older than a folder that it depends on. */
    if (result == 0)
        result = utimensat(AT_FDCWD, options->build_file, NULL, 0);
    buf_free(&make.out);
    return result;
}
