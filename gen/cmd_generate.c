/*
 * Owns the main job: from the command line to build.ninja, one call after the other. Also makes it again for ninja, and
 * runs ninja for `dfgen build`. Must not know what the stages in between do.
 */
#include "gen/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <config.h>
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/emit/ninja.h"
#include "gen/graph.h"
#include "gen/images.h"
#include "gen/opts.h"
#include "gen/parse.h"
#include "gen/plan.h"
#include "gen/settings.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"

/* Where this program and its helpers are: beside each other as installed or built, else where configure said. */
struct programs {
    char *dfgen;
    char *helpers;
};

static struct programs find_programs(struct arena *arena)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        die("cannot tell where dfgen is installed:");
    self[len] = 0;
    const char *base = path_base(self);
    char *folder = arena_strndup(arena, self, (size_t)(base - self));
    char *helpers = path_clean_go(arena, span_of(arena_printf(arena, "%s../libexec/dfgen", folder)));
    if (access(helpers, X_OK) < 0)
        helpers = arena_strdup(arena, LIBEXECDIR);
    if (access(helpers, X_OK) < 0)
        die("dfgen's helpers are neither in %s../libexec/dfgen nor in %s: is it installed?", folder, LIBEXECDIR);
    if (strchr(self, '\'') || strchr(helpers, '\''))
        die("dfgen is installed in a folder with a quote in its name, which it cannot put into build.ninja: %s", self);
    return (struct programs){arena_strdup(arena, self), helpers};
}

/* A Dockerfile on standard input is kept: build.ninja's own edge needs it again. */
static void keep_standard_input(struct opts *opts)
{
    static const char copy[] = ".dfgen/Dockerfile";
    struct buf text = {0};
    if (fd_read_all(STDIN_FILENO, &text, SOURCE_LIMIT) < 0 || dir_make_at(AT_FDCWD, ".dfgen", 0777) < 0 ||
        file_write_if_changed_at(AT_FDCWD, copy, buf_text(&text), text.len, NULL) < 0)
        die_usage("cannot keep the Dockerfile from standard input in %s:", copy);
    buf_free(&text);
    opts->file = copy;
    opts->file_name = "stdin";
}

static void read_source(struct opts *opts, struct source *source)
{
    if (source_read(source, opts->arena, opts->file, opts->file_name) == 0)
        return;
    if (errno == EISDIR)
        die_usage("%s is a folder, not a Dockerfile", opts->file_name);
    if (errno == EFBIG)
        die_usage("%s has more than %d bytes: is it a Dockerfile?", opts->file_name, SOURCE_LIMIT);
    if (errno == ENOENT)
        die_usage("%s is not there: give the Dockerfile with -f, and its context as the last word", opts->file_name);
    die_usage("cannot read %s:", opts->file_name);
}

static struct graph *translate(struct opts *opts, struct images *images)
{
    struct source source;
    struct diag *diag = diag_new();
    read_source(opts, &source);
    struct dockerfile *file = parse_dockerfile(opts->arena, &source, diag);
    struct graph *graph = diag_error_count(diag) ? NULL : plan_build(opts->arena, opts, file, images, diag);
    if (!opts->quiet || diag_error_count(diag))
        diag_print(diag, stderr, !opts->quiet);
    bool failed = diag_error_count(diag) > 0;
    diag_free(diag);
    return failed ? NULL : graph;
}

static void add_generator_inputs(const struct opts *opts, struct graph *graph, const struct programs *programs)
{
    vec_push(&graph->generator_inputs, opts->file);
    vec_push(&graph->generator_inputs, programs->dfgen);
    vec_push(&graph->generator_inputs, ".dfgen/options.json");
    if (opts->ini_file)
        vec_push(&graph->generator_inputs, opts->ini_file);
}

static void write_graph(const struct opts *opts, struct graph *graph)
{
    struct programs programs = find_programs(opts->arena);
    add_generator_inputs(opts, graph, &programs);
    struct ninja_options options = {opts->build_file, programs.dfgen, programs.helpers, opts->launcher};
    const char *failed;
    if (ninja_write(graph, &options, &failed) == 0)
        return;
    if (errno == EEXIST)
        die_usage("%s was not made by dfgen, and is left as it is: choose another name with --build-file, or another folder with -C",
                  failed);
    die("cannot write %s:", failed);
}

static int generate(int argc, char **argv, const char *kept_input, const char ***targets, const char **build_file)
{
    struct arena arena = {0};
    struct opts *opts = opts_read(&arena, argc, argv, targets);
    if (!ninja_may_write(opts->build_file))
        die_usage("%s was not made by dfgen, and is left as it is: choose another name with --build-file, or another folder with -C",
                  opts->build_file);
    if (!strcmp(opts->file, "-")) {
        if (kept_input)
            opts->file = kept_input, opts->file_name = "stdin";
        else
            keep_standard_input(opts);
    }
    struct images *images = images_new(&arena, opts);
    struct graph *graph = translate(opts, images);
    if (graph) {
        const char *failed;
        if (settings_write(opts, &failed) < 0)
            die("cannot write %s:", failed);
        write_graph(opts, graph);
        graph_free(graph);
    }
    if (build_file)
        *build_file = xstrdup(opts->build_file);
    images_free(images);
    opts_free(opts);
    arena_free(&arena);
    return graph ? EXIT_DONE : EXIT_USAGE;
}

int cmd_generate(int argc, char **argv)
{
    return generate(argc, argv, NULL, NULL, NULL);
}

int cmd_regenerate(const char *options_file)
{
    struct arena arena = {0};
    struct saved_options saved = settings_read_options(&arena, options_file);
    if (chdir(saved.start_dir) < 0)
        die_usage("cannot enter %s, where dfgen was run first:", saved.start_dir);
    int result = generate(saved.argc, saved.argv, ".dfgen/Dockerfile", NULL, NULL);
    arena_free(&arena);
    return result;
}

/* With options it makes build.ninja anew; without, what is there is used, and ninja makes it again when it must. */
int cmd_build(int argc, char **argv)
{
    const char **targets, *build_file = "build.ninja";
    bool has_options = false;
    for (int i = 1; i < argc; i++)
        has_options |= argv[i][0] == '-' && argv[i][1];
    if (has_options || access(".dfgen/options.json", F_OK) < 0 || access(build_file, F_OK) < 0) {
        int result = generate(argc, argv, NULL, &targets, &build_file);
        if (result != EXIT_DONE)
            return result;
    } else {
        targets = (const char **)(argv + 1);
    }
    VEC(const char *) words = {0};
    vec_push(&words, "ninja");
    vec_push(&words, "-f");
    vec_push(&words, build_file);
    for (; *targets; targets++)
        vec_push(&words, *targets);
    vec_push(&words, NULL);
    execvp("ninja", (char **)words.items);
    die("cannot run ninja: is it installed (Debian: ninja-build)?");
}
