/*
 * Owns a main context that is no folder: a URL, a git repository, an archive, standard input. Its files come into the
 * store before anything else is done, because the Dockerfile may be among them; edges then find them by a stamp that
 * no edge makes. Called by cmd_generate.
 */
#include "gen/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/add.h"
#include "gen/opts.h"
#include "gen/policy.h"
#include "gen/programs.h"
#include "gen/elsewhere.h"
#include "gen/settings.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/child.h"
#include "runtime/lib/context.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/sources.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

enum { STAMP_LIMIT = 64 * 1024 };

/* What is under way; its files lie beside its stamp and begin with its name: "main.fetch.json". */
struct main_context {
    struct opts *opts;
    const char *stamp;
    const char *input;      /* a folder: the archive, under a name of ours */
    const char *helpers;
    struct store store;
    struct tree *tree;
};

void cmd_run_helper(const char *helpers, const char *name, const char *step)
{
    char *program = xasprintf("%s/%s", helpers, name);
    int code = child_run(child_exec, (const char *const[]){program, step, NULL});
    if (code < 0 || code == 126 || code == 127)
        die("cannot run %s", program);
    /* It has said what is wrong. */
    if (code)
        _exit(EXIT_BUILD);
    free(program);
}

/* --- steps --- */

static const char *file_of(const struct main_context *main, const char *end)
{
    return arena_printf(main->opts->arena, "%.*s%s", (int)(strlen(main->stamp) - strlen(".stamp")), main->stamp, end);
}

static const char *input_file(const struct main_context *main)
{
    return path_join(main->opts->arena, main->input, ELSEWHERE_FILE);
}

static void write_json(const char *path, json_t *json)
{
    struct buf text = {0};
    json_write(json, &text);
    json_decref(json);
    if (file_write_if_changed_at(AT_FDCWD, path, text.data, text.len, NULL) < 0)
        die("cannot write %s:", path);
    buf_free(&text);
}

static void list_touched(void *list, const struct entry *entry)
{
    context_list_add(list, entry);
}

/* The list of the one file of the input folder. */
static void write_list(const struct main_context *main)
{
    struct arena *arena = main->opts->arena;
    const char *folder = main->input, *name = "/" ELSEWHERE_FILE, *out = file_of(main, ".list");
    const char *const nothing_hidden[] = {NULL}, *error = NULL;
    struct context *context = context_open(folder, NULL, nothing_hidden);
    if (!context)
        die_usage("cannot read the folder %s:", folder);
    struct context_list *list = context_list_begin();
    struct sources_touch touches = {context_need, context, list_touched, list};
    struct source_spec spec = {.path = name};
    if (sources_touched(context_tree(context), arena, &spec, &touches, &error) < 0)
        die_usage("cannot use %s/%s as the context: %s", folder, name, error ? error : strerror(errno));
    struct buf text = {0};
    context_list_finish(list, &text);
    if (file_write_if_changed_at(AT_FDCWD, out, text.data, text.len, NULL) < 0)
        die("cannot write %s:", out);
    buf_free(&text);
    context_close(context);
}

static void run_unpack(const struct main_context *main, const char *role, const char *input)
{
    const char *step = file_of(main, ".json"), *out = arena_printf(main->opts->arena, "out %s", main->stamp);
    json_t *json = json_pack("{s:[o,o]}", "in", json_bytes(span_of(input)), json_bytes(span_of(out)));
    elsewhere_set_unpack(json, role, "/" ELSEWHERE_FILE);
    write_json(step, json);
    cmd_run_helper(main->helpers, "dfgen-copy", step);
}

static void fetch(const struct main_context *main)
{
    struct arena *arena = main->opts->arena;
    const char *error = NULL;
    struct add_source *remote = elsewhere_parse(arena, span_of(main->opts->context_source), &error);
    if (!remote)
        die_usage("cannot use %s as the context: %s", main->opts->context_name, error);
    bool is_git = remote->kind == ADD_GIT, is_changed;
    error = policy_remote(main->opts->policy, arena, remote, &is_changed);
    if (error)
        die_usage("cannot use %s as the context: %s", main->opts->context_name, error);
    if (main->opts->locked && (!is_git || (remote->ref.len != 40 && remote->ref.len != 64)))
        die_usage("--locked: the context %s may change: name a whole commit (URL#COMMIT)", main->opts->context_name);
    const char *step = file_of(main, ".fetch.json"), *stamp = is_git ? main->stamp : file_of(main, ".fetch.stamp");
    json_t *json = json_pack("{s:[o]}", "in", json_bytes(span_of(arena_printf(arena, "out %s", stamp))));
    elsewhere_set_fetch(json, remote);
    write_json(step, json);
    cmd_run_helper(main->helpers, "dfgen-fetch", step);
    if (!is_git)
        run_unpack(main, "fetch", arena_printf(arena, "fetch %s", stamp));
}

/* The archive under a name of ours: no name of the user's stands in a step file. */
static void unpack_archive(const struct main_context *main)
{
    const struct opts *opts = main->opts;
    if (strcmp(opts->context_source, "-")) {
        char *real = realpath(opts->context_source, NULL);
        unlink(input_file(main));
        if (!real || file_link_or_copy_at(AT_FDCWD, real, AT_FDCWD, input_file(main), 0644) < 0)
            die_usage("cannot use %s as the context:", opts->context_name);
        free(real);
    }
    write_list(main);
    run_unpack(main, "context", arena_printf(opts->arena, "context %s %s", main->input, file_of(main, ".list")));
}

/* Standard input is there once; build.ninja's own edge finds it where it was kept. */
static void keep_input(const struct main_context *main)
{
    const char *kept = input_file(main), *made = file_of(main, ".new");
    autoclose int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || fd_copy(STDIN_FILENO, fd, -1) < 0 || rename(made, kept) < 0)
        die("cannot keep the context from standard input in %s:", kept);
}

/* --- the Dockerfile in it --- */

static void open_tree(struct main_context *main)
{
    struct arena *arena = main->opts->arena;
    struct buf stamp = {0};
    VEC(const char *) ids = {0};
    if (file_read_at(AT_FDCWD, main->stamp, &stamp, STAMP_LIMIT) < 0)
        die("cannot read %s:", main->stamp);
    char *rest = arena_strdup(arena, buf_text(&stamp));
    for (char *id; (id = strsep(&rest, "\n"));)
        if (*id)
            vec_push(&ids, id);
    if (store_open(&main->store, main->opts->store, idmode_detect(NULL)) < 0)
        die("cannot open the store %s:", main->opts->store);
    main->tree = store_tree(&main->store, ids.items, ids.count, NULL);
    if (!main->tree)
        die("cannot read the context's files in the store:");
    vec_free(&ids);
    buf_free(&stamp);
}

static bool find_file(const struct main_context *main, const char *path, struct tree_node *node, struct entry *entry)
{
    struct arena *arena = main->opts->arena;
    const char *real;
    return tree_resolve(main->tree, arena, path_clean(arena, span_of(path)), true, &real) &&
           tree_lookup(main->tree, arena, real, node, entry) && entry->type == ENTRY_FILE;
}

/* A context that is one file, and was no archive. */
static bool is_bare_file(const struct main_context *main)
{
    const char *const *names;
    struct tree_node node;
    struct entry entry;
    return tree_children(main->tree, main->opts->arena, "", &names) == 1 && find_file(main, ELSEWHERE_FILE, &node, &entry);
}

static void take_dockerfile(const struct main_context *main, const char *kept_file)
{
    static const char *const names[] = {"Dockerfile", "dockerfile", "Containerfile", NULL};
    const char *const one[] = {is_bare_file(main) ? ELSEWHERE_FILE : main->opts->file_inside, NULL};
    struct opts *opts = main->opts;
    struct tree_node node;
    struct entry entry;
    const char *const *name = *one ? one : names;
    while (*name && !find_file(main, *name, &node, &entry))
        name++;
    if (!*name)
        die_usage("the context %s has no file %s: give its path in the context with -f", opts->context_name,
                  opts->file_name);
    struct buf text = {0};
    autoclose int fd = tree_open_file(main->tree, &node);
    if (fd < 0 || fd_read_all(fd, &text, SOURCE_LIMIT) < 0)
        die_usage("cannot read %s of the context %s:", *name, opts->context_name);
    if (file_write_if_changed_at(AT_FDCWD, kept_file, buf_text(&text), text.len, NULL) < 0)
        die("cannot keep the Dockerfile in %s:", kept_file);
    buf_free(&text);
    opts->file_name = arena_strdup(opts->arena, *name);
    opts->file = kept_file;
}

/* What stood on standard input was the Dockerfile: then there is no context. */
static void drop_context(struct opts *opts)
{
    if (dir_make_at(AT_FDCWD, opts->context, 0777) < 0)
        die("cannot make the folder %s:", opts->context);
    opts->context_source = NULL;
}

/* Fetched or unpacked. A repository is asked once; what it had then is built until dfgen is run again. */
static void get_files(const struct main_context *main, bool is_regenerated)
{
    const struct opts *opts = main->opts;
    if (!strcmp(opts->context_source, "-") && !is_regenerated)
        keep_input(main);
    if (!opts->is_context_remote)
        unpack_archive(main);
    else if (!is_regenerated || access(main->stamp, F_OK) < 0)
        fetch(main);
}

bool cmd_get_context(const struct opts *root, struct opts *opts, bool is_regenerated, const char *kept_file)
{
    struct main_context main = {.opts = opts, .helpers = programs_find(opts->arena).helpers, .stamp = opts_context_stamp(opts)};
    const char *failed;
    bool is_stdin = !strcmp(opts->context_source, "-");
    /* With a dot: what no step names is swept otherwise. */
    main.input = opts_state(opts, arena_printf(opts->arena, "contexts/.main%s%s", opts->image ? "-" : "",
                                               opts->image ? opts->image : ""));
    if (settings_write(root, &failed) < 0)
        die("cannot write %s:", failed);
    if (dir_make_at(AT_FDCWD, main.input, 0777) < 0 || dir_make_at(AT_FDCWD, opts->own, 0777) < 0)
        die("cannot make the folder %s:", main.input);
    get_files(&main, is_regenerated);
    open_tree(&main);
    bool is_bare = is_bare_file(&main), is_inside = !opts->file;
    if (is_bare && !is_stdin && !opts->is_context_remote)
        die_usage("cannot use %s as the context: it is neither a folder nor an archive", opts->context_name);
    if (is_inside)
        take_dockerfile(&main, kept_file);
    if (is_stdin && is_bare)
        drop_context(opts);
    tree_free(main.tree);
    store_close(&main.store);
    return is_inside;
}
