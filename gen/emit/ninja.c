/*
 * Owns ninja's syntax: rules, edges, targets, quoting. Called by main with a finished graph. Must not know
 * instructions or steps.
 *
 * Edges with context files stand in .dfgen/inputs.ninja, so that build.ninja stays readable. They are whole edges, not
 * phonies that build.ninja's edges name: ninja before 1.11 does not see through a phony that a file behind it is
 * newer.
 */
#include "gen/emit/ninja.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/emit/depfile.h"
#include "gen/emit/emit.h"
#include "gen/emit/here.h"
#include "gen/graph.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/rewrite.h"

enum { MUCH = 64 * 1024 };

struct ninja {
    const struct graph *graph;
    const struct emit_options *options;
    struct rewrite *file;
    struct buf *out;            /* statements that wait to be written */
    struct buf variables;       /* paths in them that only a variable can carry: they go before */
    size_t variable_count;
    struct here here;
};

/* A value: everything behind "name = ". */
static void put_value(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '$')
            buf_putc(out, '$');
        buf_putc(out, *text);
    }
}

/* A path in a build line cannot hold '|', not even escaped; a variable's value can. */
static void put_path_by_variable(struct ninja *ninja, const char *path)
{
    buf_printf(&ninja->variables, "%spath%zu = ", ninja->options->prefix, ninja->variable_count);
    put_value(&ninja->variables, path);
    buf_putc(&ninja->variables, '\n');
    buf_printf(ninja->out, " ${%spath%zu}", ninja->options->prefix, ninja->variable_count++);
}

static void put_path(struct ninja *ninja, const char *path)
{
    if (strchr(path, '|') || *path == ' ') {
        put_path_by_variable(ninja, path);
        return;
    }
    buf_putc(ninja->out, ' ');
    for (; *path; path++) {
        if (*path == '$' || *path == ' ' || *path == ':')
            buf_putc(ninja->out, '$');
        buf_putc(ninja->out, *path);
    }
}

/* ninja looks variables up where it reads a path: they must stand before it. */
static void put_out(struct ninja *ninja)
{
    rewrite_add(ninja->file, ninja->variables.data, ninja->variables.len);
    rewrite_add(ninja->file, ninja->out->data, ninja->out->len);
    buf_clear(&ninja->variables);
    buf_clear(ninja->out);
}

static void put_out_if_much(struct ninja *ninja)
{
    if (ninja->out->len > MUCH)
        put_out(ninja);
}

/* ninja cannot carry line ends in a path, and would print other control bytes to the terminal. */
static bool can_carry(const char *path)
{
    for (; *path; path++)
        if ((unsigned char)*path < ' ' || *path == 0x7f)
            return false;
    return true;
}

static void put_context_path(struct ninja *ninja, const char *path)
{
    put_path(ninja, can_carry(path) ? here_path(&ninja->here, path) : here_by_link(ninja->graph->arena, path));
}

static void put_paths(struct ninja *ninja, const char *separator, const graph_paths *paths)
{
    bool any = false;
    for (size_t i = 0; i < paths->count; i++) {
        if (!can_carry(paths->items[i]))
            continue;
        if (!any)
            buf_puts(ninja->out, separator);
        any = true;
        put_path(ninja, paths->items[i]);
    }
}

static void put_rule(struct ninja *ninja, enum rule rule)
{
    bool launches = ninja->options->launcher && rule == RULE_RUN;
    const char *prefix = ninja->options->prefix;
    buf_printf(ninja->out, "rule %s%s\n  command = exec ", prefix, rule_names[rule]);
    if (launches) {
        put_value(ninja->out, ninja->options->launcher);
        buf_putc(ninja->out, ' ');
    }
    buf_printf(ninja->out, "${%shelpers}/%s $step\n  description = $what\n  restat = 1\n", prefix, rule_helpers[rule]);
}

static void put_edge(struct ninja *ninja, const struct edge *edge)
{
    buf_puts(ninja->out, "\nbuild");
    put_paths(ninja, "", &edge->outputs);
    buf_printf(ninja->out, ": %s%s", ninja->options->prefix, rule_names[edge->rule]);
    put_paths(ninja, "", &edge->inputs);
    for (size_t i = 0; i < edge->context_files.count; i++)
        put_context_path(ninja, edge->context_files.items[i]);
    put_paths(ninja, " ||", &edge->order_only);
    buf_puts(ninja->out, "\n  step = ");
    put_value(ninja->out, edge->step);
    buf_puts(ninja->out, "\n  what = ");
    put_value(ninja->out, edge->description);
    buf_putc(ninja->out, '\n');
}

static void put_target(struct ninja *ninja, const struct target *target)
{
    buf_puts(ninja->out, "build");
    put_path(ninja, target->name);
    buf_puts(ninja->out, ": phony");
    put_paths(ninja, "", &target->inputs);
    buf_putc(ninja->out, '\n');
}

/* Quoted for the shell that ninja starts; both come from how dfgen was installed. configure refuses a quote in them. */
static void put_program(struct ninja *ninja, const char *variable, const char *path)
{
    buf_printf(ninja->out, "%s%s = '", ninja->options->prefix, variable);
    put_value(ninja->out, path);
    buf_puts(ninja->out, "'\n");
}

/*
 * In another build's graph there are no phonies for what dfgen read: they may be outputs there, or read by another
 * dfgen, too.
 */
static bool is_included(const struct ninja *ninja)
{
    return *ninja->options->prefix;
}

/*
 * build.ninja's own edge. What it depends on are phonies without inputs: when one is gone (a folder of the context, an
 * ignore file), ninja makes build.ninja again instead of giving up.
 */
static void put_generator(struct ninja *ninja)
{
    const graph_paths *inputs = &ninja->graph->generator_inputs;
    buf_puts(ninja->out, "build");
    put_path(ninja, ninja->options->build_file);
    buf_printf(ninja->out, ": %sdfgen", ninja->options->prefix);
    if (is_included(ninja)) {
        buf_putc(ninja->out, '\n');
        return;
    }
    buf_puts(ninja->out, " |");
    for (size_t i = 0; i < inputs->count; i++)
        put_context_path(ninja, inputs->items[i]);
    buf_puts(ninja->out, "\nbuild");
    for (size_t i = 0; i < inputs->count; i++)
        put_context_path(ninja, inputs->items[i]);
    buf_puts(ninja->out, ": phony\n");
}

static void put_head(struct ninja *ninja)
{
    buf_puts(ninja->out, emit_mark);
    buf_puts(ninja->out, "ninja_required_version = 1.8\n");
    if (!is_included(ninja))
        buf_puts(ninja->out, "builddir = .dfgen\n");
    put_program(ninja, "dfgen", ninja->options->dfgen);
    put_program(ninja, "helpers", ninja->options->helpers);
    bool used[RULE_COUNT] = {false};
    for (size_t i = 0; i < ninja->graph->edges.count; i++)
        used[ninja->graph->edges.items[i]->rule] = true;
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (used[i])
            put_rule(ninja, (enum rule)i);
    const char *prefix = ninja->options->prefix, *state = ninja->options->state;
    buf_printf(ninja->out, "rule %sdfgen\n  command = exec ${%sdfgen} --regenerate %s/options.json\n"
                           "  description = dfgen\n  generator = 1\n  restat = 1\n", prefix, prefix, state);
    if (is_included(ninja))
        buf_printf(ninja->out, "  depfile = %s/generator.d\n", state);
    buf_putc(ninja->out, '\n');
    put_out(ninja);
    put_generator(ninja);
}

static void put_edges(struct ninja *ninja, bool with_context)
{
    for (size_t i = 0; i < ninja->graph->edges.count; i++) {
        if ((ninja->graph->edges.items[i]->context_files.count > 0) == with_context)
            put_edge(ninja, ninja->graph->edges.items[i]);
        put_out_if_much(ninja);
    }
}

static void put_targets(struct ninja *ninja)
{
    buf_putc(ninja->out, '\n');
    for (size_t i = 0; i < ninja->graph->targets.count; i++) {
        put_target(ninja, ninja->graph->targets.items[i]);
        put_out_if_much(ninja);
    }
    /* What an including build makes by default is its own choice. */
    if (!is_included(ninja))
        put_paths(ninja, "default", &ninja->graph->defaults);
    buf_putc(ninja->out, '\n');
}

/* What dfgen read, for ninja to watch. A file that is gone is made anew from a depfile, too. */
static int write_depfile(struct ninja *ninja)
{
    char *path = xasprintf("%s/generator.d", ninja->options->state);
    int result = depfile_write(path, ninja->options->build_file, ninja->graph, false, "");
    free(path);
    return result;
}

static int write_inputs(struct ninja *ninja, const char *path)
{
    struct rewrite file;
    ninja->file = &file;
    rewrite_begin(&file, path);
    buf_puts(ninja->out, emit_mark);
    put_out(ninja);
    put_edges(ninja, true);
    put_out(ninja);
    return rewrite_end(&file);
}

static int write_build_file(struct ninja *ninja, const char *path, const char *inputs_file)
{
    struct rewrite file;
    ninja->file = &file;
    rewrite_begin(&file, path);
    put_head(ninja);
    buf_printf(ninja->out, "include %s\n", inputs_file);
    put_edges(ninja, false);
    put_targets(ninja);
    put_out(ninja);
    return rewrite_end(&file);
}

int ninja_write(const struct graph *graph, const struct emit_options *options, const char **failed)
{
    *failed = options->build_file;
    if (!emit_may_write(options->build_file)) {
        errno = EEXIST;
        return -1;
    }
    struct buf out = {0};
    struct ninja ninja = {.graph = graph, .options = options, .out = &out, .here = here_of(graph, options)};
    char *inputs_file = xasprintf("%s/inputs.ninja", options->state);
    *failed = options->state;
    int result = write_inputs(&ninja, inputs_file);
    if (result == 0 && is_included(&ninja))
        result = write_depfile(&ninja);
    if (result == 0) {
        *failed = options->build_file;
        result = write_build_file(&ninja, options->build_file, inputs_file);
    }
    if (result == 0)
        result = here_link(&ninja.here);
    /* Last: writing touched the folder, and build.ninja must not be older than a folder that it depends on. */
    if (result == 0)
        result = utimensat(AT_FDCWD, options->build_file, NULL, 0);
    free(inputs_file);
    buf_free(&ninja.variables);
    buf_free(&out);
    here_free(&ninja.here);
    return result;
}
