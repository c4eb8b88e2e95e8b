/*
 * Owns ninja's syntax: rules, edges, targets, quoting. Called by main with a finished graph. Must not know instructions or steps.
 *
 * Edges with context files stand in .dfgen/inputs.ninja, so that build.ninja stays readable. They are whole edges, not phonies that
 * build.ninja's edges name: ninja before 1.11 does not see through a phony that a file behind it is newer.
 */
#include "gen/emit/ninja.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gen/graph.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"

static const char mark[] = "# Made by dfgen. Do not edit: it is written again when the Dockerfile changes.\n";
static const char inputs_file[] = ".dfgen/inputs.ninja";

struct ninja {
    const struct graph *graph;
    const struct ninja_options *options;
    const char **names;         /* of targets, sorted */
    struct buf *out;
    struct buf variables;       /* paths that only a variable can carry */
    size_t variable_count;
    const char *folder;         /* absolute path of the build folder, for paths that collide with a target */
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
    buf_printf(&ninja->variables, "path%zu = ", ninja->variable_count);
    put_value(&ninja->variables, path);
    buf_putc(&ninja->variables, '\n');
    buf_printf(ninja->out, " $path%zu", ninja->variable_count++);
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

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ninja cannot carry line ends in a path: such files count through list files and digests only. */
static bool can_carry(const char *path)
{
    return !strpbrk(path, "\r\n");
}

/* A file of the context that is called like a target would be taken for it: its absolute path is another name. */
static void put_context_path(struct ninja *ninja, const char *path)
{
    if (!can_carry(path))
        return;
    if (*path == '/' || !bsearch(&path, ninja->names, ninja->graph->targets.count, sizeof path, compare_names)) {
        put_path(ninja, path);
        return;
    }
    struct buf absolute = {0};
    buf_printf(&absolute, "%s/%s", ninja->folder, path);
    put_path(ninja, buf_text(&absolute));
    buf_free(&absolute);
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
    buf_printf(ninja->out, "rule %s\n  command = exec ", rule_names[rule]);
    if (launches) {
        put_value(ninja->out, ninja->options->launcher);
        buf_putc(ninja->out, ' ');
    }
    buf_printf(ninja->out, "$helpers/%s $step\n  description = $what\n  restat = 1\n", rule_helpers[rule]);
}

static void put_edge(struct ninja *ninja, const struct edge *edge)
{
    buf_puts(ninja->out, "\nbuild");
    put_paths(ninja, "", &edge->outputs);
    buf_printf(ninja->out, ": %s", rule_names[edge->rule]);
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
    buf_printf(ninja->out, "%s = '", variable);
    put_value(ninja->out, path);
    buf_puts(ninja->out, "'\n");
}

/*
 * build.ninja's own edge. What it depends on are phonies without inputs: when one is gone (a folder of the context, an ignore file), ninja makes
 * build.ninja again instead of giving up.
 */
static void put_generator(struct ninja *ninja)
{
    const graph_paths *inputs = &ninja->graph->generator_inputs;
    buf_puts(ninja->out, "build");
    put_path(ninja, ninja->options->build_file);
    buf_puts(ninja->out, ": dfgen |");
    for (size_t i = 0; i < inputs->count; i++)
        put_context_path(ninja, inputs->items[i]);
    buf_puts(ninja->out, "\nbuild");
    for (size_t i = 0; i < inputs->count; i++)
        put_context_path(ninja, inputs->items[i]);
    buf_puts(ninja->out, ": phony\n");
}

static void put_head(struct ninja *ninja)
{
    buf_puts(ninja->out, mark);
    buf_puts(ninja->out, "ninja_required_version = 1.8\nbuilddir = .dfgen\n");
    put_program(ninja, "dfgen", ninja->options->dfgen);
    put_program(ninja, "helpers", ninja->options->helpers);
    bool used[RULE_COUNT] = {false};
    for (size_t i = 0; i < ninja->graph->edges.count; i++)
        used[ninja->graph->edges.items[i]->rule] = true;
    for (size_t i = 0; i < RULE_COUNT; i++)
        if (used[i])
            put_rule(ninja, (enum rule)i);
    buf_puts(ninja->out, "rule dfgen\n  command = exec $dfgen --regenerate .dfgen/options.json\n"
                         "  description = dfgen\n  generator = 1\n  restat = 1\n\n");
    put_generator(ninja);
}

static void put_edges(struct ninja *ninja, bool with_context)
{
    for (size_t i = 0; i < ninja->graph->edges.count; i++)
        if ((ninja->graph->edges.items[i]->context_files.count > 0) == with_context)
            put_edge(ninja, ninja->graph->edges.items[i]);
}

static void put_targets(struct ninja *ninja)
{
    buf_putc(ninja->out, '\n');
    for (size_t i = 0; i < ninja->graph->targets.count; i++)
        put_target(ninja, ninja->graph->targets.items[i]);
    put_paths(ninja, "default", &ninja->graph->defaults);
    buf_putc(ninja->out, '\n');
}

int ninja_may_write(const char *build_file)
{
    struct stat st;
    if (lstat(build_file, &st) < 0)
        return errno == ENOENT;
    autoclose int fd = open(build_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char first[sizeof mark - 1];
    bool ours = S_ISREG(st.st_mode) && fd >= 0 && fd_pread_all(fd, first, sizeof first, 0) == 0 &&
                !memcmp(first, mark, sizeof first);
    return ours;
}

/* Behind the mark go the variables that the paths turned out to need. */
static int write_file(struct ninja *ninja, const char *path)
{
    struct buf whole = {0};
    size_t head = sizeof mark - 1;
    buf_add(&whole, ninja->out->data, head);
    buf_add(&whole, buf_text(&ninja->variables), ninja->variables.len);
    buf_add(&whole, ninja->out->data + head, ninja->out->len - head);
    int result = file_write_if_changed_at(AT_FDCWD, path, whole.data, whole.len, NULL);
    buf_free(&whole);
    buf_clear(&ninja->variables);
    buf_clear(ninja->out);
    return result;
}

static void collect_names(struct ninja *ninja)
{
    size_t count = ninja->graph->targets.count;
    ninja->names = calloc(count + 1, sizeof *ninja->names);
    for (size_t i = 0; ninja->names && i < count; i++)
        ninja->names[i] = ninja->graph->targets.items[i]->name;
    if (ninja->names)
        qsort(ninja->names, count, sizeof *ninja->names, compare_names);
}

int ninja_write(const struct graph *graph, const struct ninja_options *options, const char **failed)
{
    *failed = options->build_file;
    if (!ninja_may_write(options->build_file)) {
        errno = EEXIST;
        return -1;
    }
    struct buf out = {0};
    char *folder = realpath(".", NULL);
    struct ninja ninja = {.graph = graph, .options = options, .out = &out, .folder = folder ? folder : "."};
    collect_names(&ninja);
    if (!ninja.names)
        return -1;

    buf_puts(&out, mark);
    put_edges(&ninja, true);
    *failed = inputs_file;
    int result = write_file(&ninja, inputs_file);
    if (result == 0) {
        put_head(&ninja);
        buf_printf(&out, "include %s\n", inputs_file);
        put_edges(&ninja, false);
        put_targets(&ninja);
        *failed = options->build_file;
        result = write_file(&ninja, options->build_file);
    }
    /* Last: writing touched the folder, and build.ninja must not be older than a folder that it depends on. */
    if (result == 0)
        result = utimensat(AT_FDCWD, options->build_file, NULL, 0);
    buf_free(&ninja.variables);
    buf_free(&out);
    free(ninja.names);
    free(folder);
    return result;
}
