/*
 * Owns the main job: from the command line to build.ninja, one call after the other. Also makes it again for ninja, and
 * runs ninja for `dfgen build`. Must not know what the stages in between do.
 */
#include "gen/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/build.h"
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/cachemounts.h"
#include "gen/emit/depfile.h"
#include "gen/emit/emit.h"
#include "gen/emit/make.h"
#include "gen/emit/ninja.h"
#include "gen/graph.h"
#include "gen/lock.h"
#include "gen/opts.h"
#include "gen/opts_output.h"
#include "gen/outbox.h"
#include "gen/programs.h"
#include "gen/settings.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"
#include "runtime/lib/store.h"

/* A Dockerfile that can be read only once (standard input, a pipe) is kept: build.ninja's own edge needs it again. */
static bool can_be_read_once(const char *file)
{
    struct stat st;
    if (!strcmp(file, "-"))
        return true;
    return stat(file, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || S_ISCHR(st.st_mode));
}

static void write_kept(struct opts *opts, const char *kept)
{
    bool is_stdin = !strcmp(opts->file, "-");
    autoclose int fd = is_stdin ? dup(STDIN_FILENO) : open(opts->file, O_RDONLY | O_CLOEXEC);
    struct buf text = {0};
    if (fd < 0 || fd_read_all(fd, &text, SOURCE_LIMIT) < 0)
        die_usage("cannot read the Dockerfile from %s:", is_stdin ? "standard input" : opts->file_name);
    if (dir_make_at(AT_FDCWD, opts->own, 0777) < 0 ||
        file_write_if_changed_at(AT_FDCWD, kept, buf_text(&text), text.len, NULL) < 0)
        die("cannot keep the Dockerfile in %s:", kept);
    buf_free(&text);
}

static void keep_file(const struct opts *root, struct opts *opts, bool is_regenerated)
{
    const char *kept = opts_own(opts, "Dockerfile");
    if (opts->context_source && cmd_get_context(root, opts, is_regenerated, kept))
        return;
    if (can_be_read_once(opts->file) || (is_regenerated && access(opts->file, F_OK) < 0 && access(kept, F_OK) == 0)) {
        if (!is_regenerated)
            write_kept(opts, kept);
        opts->file_name = strcmp(opts->file_name, "-") ? opts->file_name : "stdin";
        opts->file = kept;
    } else if (!is_regenerated) {
        unlink(kept);
    }
}

/* The Dockerfile, and the folder where FILE.dockerignore may appear. */
static void add_file(const struct opts *opts, struct graph *graph)
{
    vec_push(&graph->generator_inputs, opts->file);
    if (opts->context_source)
        vec_push(&graph->generator_inputs, opts_context_stamp(opts));
    if (opts->context_source && !opts->is_context_remote && strcmp(opts->context_source, "-"))
        vec_push(&graph->generator_inputs, opts->context_source);
    const char *folder = arena_strndup(opts->arena, opts->file, (size_t)(path_base(opts->file) - opts->file));
    if (strcmp(opts->file, opts_own(opts, "Dockerfile")))
        vec_push(&graph->generator_inputs, *folder ? path_clean_go(opts->arena, span_of(folder)) : ".");
}

static void add_generator_inputs(const struct opts *opts, struct graph *graph, const struct programs *programs)
{
    vec_push(&graph->generator_inputs, programs->dfgen);
    vec_push(&graph->generator_inputs, opts_state(opts, "options.json"));
    if (opts->lock->is_there)
        vec_push(&graph->generator_inputs, opts->lock->path);
    if (opts->policy_file)
        vec_push(&graph->generator_inputs, opts->policy_file);
    if (opts->ini_file)
        vec_push(&graph->generator_inputs, opts->ini_file);
    for (size_t i = 0; i < opts->images.count; i++)
        add_file(opts->images.items[i], graph);
    if (!opts->images.count)
        add_file(opts, graph);
    graph_unique(&graph->generator_inputs);
}

/* The build around this one reads it from where it runs: relative names would be another folder's. */
static void write_depfile(const struct opts *opts, const struct graph *graph)
{
    if (!opts->stamp)
        die_usage("--depfile says what --stamp depends on: give both");
    const char *prefix = arena_printf(opts->arena, "%s/", opts->build_real);
    if (depfile_write(opts->depfile, opts->stamp, graph, true, prefix) < 0)
        die("cannot write %s:", opts->depfile);
}

_Noreturn static void refuse_foreign(const char *path)
{
    die_usage("%s was not made by dfgen, and is left as it is: choose another name with --build-file, or another "
              "folder with -C", path);
}

typedef int (*writer)(const struct graph *graph, const struct emit_options *options, const char **failed);

/* By the name of -G, which knows only these. */
static writer find_writer(const char *generator)
{
    static const struct {
        const char *name;
        writer write;
    } writers[] = {{"ninja", ninja_write}, {"make", make_write}};
    size_t i = 0;
    while (strcmp(writers[i].name, generator))
        i++;
    return writers[i].write;
}

static void write_graph(const struct opts *opts, struct graph *graph)
{
    struct programs programs = programs_find(opts->arena);
    add_generator_inputs(opts, graph, &programs);
    const char *base = path_base(opts->build_file);
    const char *folder = arena_strndup(opts->arena, opts->build_file, (size_t)(base - opts->build_file));
    if (*folder && dir_make_at(AT_FDCWD, folder, 0777) < 0)
        die("cannot make the folder %s:", folder);
    struct emit_options options = {
        .build_file = opts->build_file, .dfgen = programs.dfgen, .helpers = programs.helpers,
        .launcher = opts->launcher, .prefix = opts->prefix, .state = opts->state,
    };
    const char *failed;
    if (find_writer(opts->generator)(graph, &options, &failed) == 0)
        return;
    if (errno == EEXIST)
        refuse_foreign(failed);
    die("cannot write %s:", failed);
}

/*
 * What stands in a build folder is run: it must be of who runs it, and nobody else's to change. A link in its place is
 * somebody's trick too.
 */
static void check_place(const char *path, mode_t kind)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return;
    if ((st.st_mode & S_IFMT) != kind)
        die_usage("%s is not what dfgen made it: remove it, or use another build folder (-C)", path);
    if (st.st_uid != geteuid())
        die_usage("%s belongs to user %u: remove it, or use another build folder (-C)", path, (unsigned)st.st_uid);
    if (st.st_mode & S_IWOTH)
        die_usage("%s can be written by everybody: remove it, or use another build folder (-C)", path);
}

static void check_build_folder(const struct opts *opts)
{
    DIR *dir;
    check_place(opts->build_file, S_IFREG);
    check_place(".dfgen", S_IFDIR);
    if (!(dir = opendir(".dfgen")))
        return;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, "..") && strcmp(entry->d_name, "rootfs"))
            check_place(path_join(opts->arena, ".dfgen", entry->d_name), S_IFDIR);
    closedir(dir);
}

/* The one output that goes to standard output, which only dfgen build has to give; NULL: none. */
static const struct opt_output *find_stdout(const struct opts *opts, bool can_be)
{
    const struct opt_output *found = opts_output_stdout(opts);
    for (size_t i = 0; i < opts->images.count; i++) {
        const struct opt_output *one = opts_output_stdout(opts->images.items[i]);
        if (one && found)
            die_usage("--output: dest=- is standard output, and several images want it");
        found = one ? one : found;
    }
    if (found && !can_be)
        die_usage("--output: dest=- is standard output, which ninja has when it runs: use `dfgen build` with the same "
                  "options, or a file");
    return found;
}

/* What dfgen vendor --cache-mounts made: caches that the store has not yet begin with it. */
static bool has_caches(const struct opts *opts)
{
    return opts->vendor && access(arena_printf(opts->arena, "%s/caches", opts->vendor), F_OK) == 0;
}

/* saved: what is made again; NULL: a person asks. */
static int generate(int argc, char **argv, const struct saved_options *saved, struct generated *made)
{
    struct arena arena = {0};
    struct opts *opts = saved ? opts_read_again(&arena, argc, argv, saved->build_dir)
                              : opts_read(&arena, argc, argv, made ? &made->targets : NULL);
    bool is_regenerated = saved != NULL;
    if (saved && saved->nonce)
        opts->nonce = saved->nonce;
    if (opts->check)
        exit(cmd_check_file(opts));
    const struct opt_output *output = find_stdout(opts, made || saved);
    if (access(".", W_OK | X_OK) < 0)
        die("cannot write into the build folder %s:", opts->build_dir);
    if (!emit_may_write(opts->build_file))
        refuse_foreign(opts->build_file);
    check_build_folder(opts);
    /*
     * Where that cannot be, nothing is lost but what a gc would have kept; the steps say what is wrong with the store.
     */
    autoclose int held = store_hold(opts->store, opts->build_real);
    (void)held;
    cmd_read_lock(opts);
    if (!is_regenerated)
        settings_warn(opts);
    for (size_t i = 0; i < opts->images.count; i++)
        keep_file(opts, opts->images.items[i], is_regenerated);
    if (!opts->images.count)
        keep_file(opts, opts, is_regenerated);
    struct cachemounts caches = {.arena = &arena};
    struct build build = {0};
    if (has_caches(opts))
        build = (struct build){.on_stages = cachemounts_collect, .data = &caches};
    bool is_fine = build_plan(&build, &arena, opts);
    if (is_fine) {
        const char *failed;
        cachemounts_move(&caches, opts, "import", opts->vendor);
        settings_add(opts, build.files);
        outbox_flush(build.files, opts->state);
        if (settings_write(opts, &failed) < 0)
            die("cannot write %s:", failed);
        write_graph(opts, build.graph);
        if (opts->depfile)
            write_depfile(opts, build.graph);
    }
    if (made) {
        made->build_file = xstrdup(opts->build_file);
        made->generator = xstrdup(opts->generator);
        made->output = output ? xstrdup(output->dest) : NULL;
        made->stamp = opts->stamp ? xstrdup(opts_path(opts, opts->start_dir, opts->stamp)) : NULL;
    }
    build_free(&build);
    lock_free(opts->lock);
    opts_free(opts);
    arena_free(&arena);
    return is_fine ? EXIT_DONE : EXIT_USAGE;
}

int cmd_generate(int argc, char **argv)
{
    return generate(argc, argv, NULL, NULL);
}

int cmd_regenerate(const char *options_file)
{
    struct arena arena = {0};
    struct saved_options saved = settings_read_options(&arena, options_file);
    if (chdir(saved.start_dir) < 0)
        die_usage("cannot enter %s, where dfgen was run first:", saved.start_dir);
    int result = generate(saved.argc, saved.argv, &saved, NULL);
    arena_free(&arena);
    return result;
}

int cmd_generate_for(int argc, char **argv, struct generated *made)
{
    return generate(argc, argv, NULL, made);
}
