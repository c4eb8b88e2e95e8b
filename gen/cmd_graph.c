/*
 * Owns the command graph: a build is planned as for build.ninja, and the graph printed. Nothing is written. Must not
 * know any form.
 */
#include "gen/cmd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/build.h"
#include "gen/emit/print.h"
#include "gen/graph.h"
#include "gen/lock.h"
#include "gen/opts.h"
#include "gen/outbox.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

static const struct form {
    const char *name;
    void (*put)(const struct graph *graph, struct buf *out);
} forms[] = {
    {"text", text_graph},
    {"dot", dot_graph},
    {"json", json_graph},
    {"svg", svg_graph},
    {"html", html_graph},
};

/* --format NAME or --format=NAME is this command's own; the other words are left. */
static const struct form *take_format(int *argc, char **argv)
{
    const char *name = "text";
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        if (!strcmp(argv[i], "--format") && i + 1 < *argc)
            name = argv[++i];
        else if (!strncmp(argv[i], "--format=", 9))
            name = argv[i] + 9;
        else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    *argc = kept;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strcmp(forms[i].name, name))
            return &forms[i];
    die_usage("graph: there is no format %s: formats are text, dot, json, svg and html", name);
}

int cmd_graph(int argc, char **argv)
{
    struct arena arena = {0};
    const struct form *form = take_format(&argc, argv);
    struct opts *opts = opts_read(&arena, argc, argv, NULL);
    struct build build = {0};
    cmd_read_lock(opts);
    bool is_fine = build_plan(&build, &arena, opts);
    if (is_fine) {
        struct buf out = {0};
        form->put(build.graph, &out);
        if (fd_write_all(STDOUT_FILENO, buf_text(&out), out.len) < 0)
            die("cannot write the graph:");
        buf_free(&out);
    }
    build_free(&build);
    lock_free(opts->lock);
    opts_free(opts);
    arena_free(&arena);
    return is_fine ? EXIT_DONE : EXIT_USAGE;
}
