/*
 * Owns the command line and what dfgen.ini may say, as the struct that the rest of gen reads. Called by main. Must not know any option by
 * name: opts_table has the rows.
 */
#include "gen/opts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <config.h>
#include "gen/ini.h"
#include "gen/opts_annotation.h"
#include "gen/opts_images.h"
#include "gen/opts_output.h"
#include "gen/opts_table.h"
#include "gen/opts_value.h"
#include "gen/elsewhere.h"
#include "gen/policy.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"
#include "runtime/lib/store.h"

bool opts_is_reserved(const char *name)
{
    static const char *const names[] = {"always", "bases", "bin", "bundle", "contexts", "docker", "generator.d", "here",
                                        "images", "inputs.ninja", "layer.json", "options.json", "places.json", "rootfs",
                                        "settings.json", "squashfs", "tar"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

const char *opts_state(const struct opts *opts, const char *name)
{
    return arena_printf(opts->arena, "%s/%s", opts->state, name);
}

const char *opts_own(const struct opts *opts, const char *name)
{
    return arena_printf(opts->arena, "%s/%s", opts->own, name);
}

const char *opts_context_stamp(const struct opts *opts)
{
    return arena_printf(opts->arena, "%s/contexts/main%s%s.stamp", opts->state, opts->image ? "-" : "",
                        opts->image ? opts->image : "");
}

const char *opts_path(const struct opts *opts, const char *base, const char *path)
{
    struct arena *arena = opts->arena;
    const char *whole = *path == '/' ? path : arena_printf(arena, "%s/%s", base, path);
    const char *clean = path_clean_go(arena, span_of(whole));
    const char *last = path_base(clean);
    char *folder = arena_strndup(arena, clean, last > clean + 1 ? (size_t)(last - clean) - 1 : 1);
    char real[PATH_MAX];
    if (realpath(folder, real))
        clean = arena_printf(arena, "%s/%s", real[1] ? real : "", last);
    return path_relative(arena, opts->build_real, clean);
}

/* --- the command line --- */

struct given {
    const struct option *option;
    const char *value;
};

typedef VEC(struct given) given_list;

static void add_given(given_list *given, const struct option *option, const char *as_written, const char *value)
{
    if (!option->set)
        die_usage("%s is not supported yet", as_written);
    if (option->takes == TAKES_VALUE && !value)
        die_usage("%s needs a value", as_written);
    vec_push(given, (struct given){option, value});
}

/* --name=value, --name value, --name alone, --flag, --flag=true. Returns how many words were used. */
static int read_long(given_list *given, char **argv)
{
    const char *name = argv[0] + 2;
    size_t len = strcspn(name, "=");
    const struct option *option = option_find(name, len);
    if (!option)
        die_usage("unknown option --%.*s: dfgen --help lists them", (int)len, name);
    const char *value = name[len] ? name + len + 1 : NULL;
    if (option->takes == TAKES_NOTHING) {
        if (value && !strcmp(value, "false"))
            return 1;
        if (value && strcmp(value, "true"))
            die_usage("--%s takes no value", option->name);
        add_given(given, option, argv[0], NULL);
        return 1;
    }
    bool is_apart = !value && option->takes == TAKES_VALUE;
    add_given(given, option, argv[0], is_apart ? argv[1] : value);
    return is_apart ? 2 : 1;
}

/* -f FILE, -fFILE, -q. Returns how many words were used. */
static int read_short(given_list *given, char **argv)
{
    const char *letters = argv[0] + 1;
    for (; *letters; letters++) {
        const struct option *option = option_find_letter(*letters);
        if (!option)
            die_usage("unknown option -%c: dfgen --help lists them", *letters);
        if (option->takes == TAKES_VALUE) {
            add_given(given, option, argv[0], letters[1] ? letters + 1 : argv[1]);
            return letters[1] ? 1 : 2;
        }
        add_given(given, option, argv[0], NULL);
    }
    return 1;
}

static void read_words(int argc, char **argv, given_list *given, opt_list *words)
{
    for (int i = 1; i < argc;) {
        if (!strcmp(argv[i], "--")) {
            for (i++; i < argc; i++)
                vec_push(words, argv[i]);
        } else if (!strncmp(argv[i], "--", 2)) {
            i += read_long(given, argv + i);
        } else if (argv[i][0] == '-' && argv[i][1]) {
            i += read_short(given, argv + i);
        } else {
            vec_push(words, argv[i++]);
        }
    }
}

static void apply(struct opts *opts, const struct given *given)
{
    const char *error = given->option->set(opts, opts->start_dir, given->value);
    if (!error)
        return;
    if (given->option->name)
        die_usage("--%s: %s", given->option->name, error);
    die_usage("-%c: %s", given->option->letter, error);
}

static void enter_build_dir(struct opts *opts)
{
    char real[PATH_MAX];
    if (!realpath(".", real))
        die_usage("cannot tell the current folder:");
    opts->start_dir = arena_strdup(opts->arena, real);
    if (dir_make_at(AT_FDCWD, opts->build_dir, 0777) < 0 || chdir(opts->build_dir) < 0)
        die_usage("cannot use %s as the build folder:", opts->build_dir);
    if (!realpath(".", real))
        die_usage("cannot tell where the build folder %s is:", opts->build_dir);
    opts->build_real = arena_strdup(opts->arena, real);
}

static void set_up_context(struct opts *opts, const char *word)
{
    if (!opts->context || word)
        opts->context_name = word ? word : ".";
    /* What dfgen.ini said is absolute already. */
    const char *path = opts->context && !word       ? opts->context
                       : *opts->context_name == '/' ? opts->context_name
                                                    : arena_printf(opts->arena, "%s/%s", opts->start_dir, opts->context_name);
    opts->context = opts_state(opts, "contexts/.none");
    if (!strcmp(opts->context_name, "-")) {
        opts->context_source = "-";
        return;
    }
    char real[PATH_MAX];
    if (!realpath(path, real)) {
        opts->is_context_remote = elsewhere_is_one(opts->arena, span_of(opts->context_name));
        if (!opts->is_context_remote)
            die_usage("cannot use %s as the context%s:", opts->is_again ? path : opts->context_name,
                      opts->is_again ? " (if the build folder was moved away from it, run dfgen again, there)" : "");
        opts->context_source = opts->context_name;
        return;
    }
    struct stat st;
    if (stat(real, &st) < 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
        die_usage("cannot use %s as the context: it is neither a folder nor an archive", opts->context_name);
    if (S_ISREG(st.st_mode)) {
        opts->context_source = path_relative(opts->arena, opts->build_real, real);
        return;
    }
    if (access(real, R_OK | X_OK) < 0)
        die_usage("cannot read the context %s:", opts->context_name);
    opts->context = path_relative(opts->arena, opts->build_real, real);
}

/* docker: -f is relative to the current folder, the default to the context; podman: Containerfile as well. */
static void set_up_file(struct opts *opts)
{
    if (opts->context_source && !(opts->file && (*opts->file == '/' || !strcmp(opts->file, "-")))) {
        opts->file_inside = opts->file;
        opts->file_name = opts->file ? opts->file : "Dockerfile";
        opts->file = NULL;
        return;
    }
    if (opts->context_source && !strcmp(opts->context_source, "-") && !strcmp(opts->file, "-"))
        die_usage("standard input cannot be both the context and the Dockerfile");
    if (opts->file) {
        if (!opts->file_name)
            opts->file_name = opts->file;
        if (strcmp(opts->file, "-"))
            opts->file = opts_path(opts, opts->start_dir, opts->file);
        return;
    }
    static const char *const names[] = {"Dockerfile", "dockerfile", "Containerfile"};
    bool is_here = !strcmp(opts->context_name, ".");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        opts->file = path_join(opts->arena, opts->context, names[i]);
        opts->file_name = is_here ? names[i] : path_join(opts->arena, opts->context_name, names[i]);
        if (access(opts->file, F_OK) == 0)
            return;
    }
    opts->file = path_join(opts->arena, opts->context, names[0]);
    opts->file_name = is_here ? names[0] : path_join(opts->arena, opts->context_name, names[0]);
}

static void set_up_store(struct opts *opts)
{
    if (opts->store)
        return;
    char *path = store_default_path();
    if (!path)
        die_usage("where is the store? Set HOME or DFGEN_STORE, or give --store");
    opts_set_store(opts, opts->start_dir, path);
    free(path);
}

static void read_ini_files(struct opts *opts)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const char *folder = config && *config ? arena_printf(opts->arena, "%s/dfgen", config)
                         : home            ? arena_printf(opts->arena, "%s/.config/dfgen", home)
                                           : NULL;
    if (folder)
        ini_read(opts, arena_printf(opts->arena, "%s/dfgen.ini", folder), folder);
    const char *own = arena_printf(opts->arena, "%s/dfgen.ini", opts->start_dir);
    if (ini_read(opts, own, opts->start_dir))
        opts->ini_file = opts_path(opts, opts->start_dir, own);
}

/* The command line less its targets, which are no part of how build.ninja is made. */
static void keep_options(struct opts *opts, int argc, char **argv, const opt_list *targets)
{
    opts->argv = arena_array(opts->arena, (size_t)argc + 1, sizeof *opts->argv);
    opts->argc = 0;
    for (int i = 0; i < argc; i++) {
        bool is_target = false;
        for (size_t k = 0; targets && k < targets->count; k++)
            is_target |= argv[i] == targets->items[k];
        if (!is_target)
            opts->argv[opts->argc++] = argv[i];
    }
}

static const char *draw_nonce(struct arena *arena)
{
    unsigned long long nonce;
    if (getrandom(&nonce, sizeof nonce, 0) != sizeof nonce)
        die("cannot get random bytes:");
    return arena_printf(arena, "%016llx", nonce);
}

/* A name in the build folder or below it: what stands in the file is relative to the build folder all the same. */
static void set_up_build_file(struct opts *opts)
{
    if (!opts->build_file)
        opts->build_file = strcmp(opts->generator, "make") ? "build.ninja" : "Makefile";
    const char *path = path_clean_go(opts->arena, span_of(opts->build_file));
    if (!*opts->build_file || *path == '/' || !strcmp(path, ".") || !strcmp(path, "..") || !strncmp(path, "../", 3))
        die_usage("--build-file is in the build folder or below it: use -C for the folder");
    if (!strcmp(path, ".dfgen") || !strncmp(path, ".dfgen/", 7))
        die_usage("--build-file: .dfgen is for dfgen's own files: choose another name");
    opts->build_file = path;
}

static void set_up_image(struct opts *opts, const char *context)
{
    opts->own = opts->image ? opts_state(opts, opts->image) : opts->state;
    opts->folder = opts->own;
    set_up_context(opts, context);
    set_up_file(opts);
    opts_output_finish(opts);
    opts_annotation_finish(opts);
    opts_value_epoch(opts);
    if (!opts->nonce && (opts->no_cache || opts->no_cache_filter.count))
        opts->nonce = draw_nonce(opts->arena);
}

/* The command line goes over what the sections say; what can only be one image's has no place there. */
static void set_up_images(struct opts *opts, const given_list *given, const char *context)
{
    if (context)
        die_usage("a context (%s) is for one image, but dfgen.ini has [image] sections: write it there", context);
    bool has_platform = false;
    for (size_t i = 0; i < given->count; i++) {
        const struct option *option = given->items[i].option;
        if (option_is_of_one(option))
            die_usage("--%s is for one image, but dfgen.ini has [image] sections: write it there", option->name);
        has_platform |= option == option_find("platform", 8);
    }
    opts->own = opts->folder = opts->state;
    opts_value_policy(opts);
    for (size_t i = 0; i < opts->images.count; i++) {
        struct opts *image = opts->images.items[i];
        if (has_platform)
            image->platforms.count = 0;
        for (size_t k = 0; k < given->count; k++)
            if (!option_is_early(given->items[k].option))
                apply(image, &given->items[k]);
        image->build_file = opts->build_file;
        image->state = opts->state;
        image->store = opts->store;
        image->nonce = opts->nonce;
        set_up_image(image, NULL);
        for (size_t k = 0; k < image->environment.count; k++)
            vec_push(&opts->environment, image->environment.items[k]);
    }
}

/* build_dir: where it is now; NULL: where the words say. */
static struct opts *read_all(struct arena *arena, int argc, char **argv, const char ***rest, const char *build_dir)
{
    struct opts *opts = arena_alloc(arena, sizeof *opts);
    *opts = (struct opts){.arena = arena, .build_dir = ".", .generator = "ninja", .prefix = "", .timestamps = "epoch",
                          .compression_level = -1};
    given_list given = {0};
    opt_list words = {0};
    read_words(argc, argv, &given, &words);
    for (size_t i = 0; i < given.count; i++)
        if (option_is_early(given.items[i].option))
            apply(opts, &given.items[i]);
    keep_options(opts, argc, argv, rest ? &words : NULL);
    opts->is_again = build_dir;
    opts->build_dir = build_dir ? build_dir : opts->build_dir;
    enter_build_dir(opts);
    read_ini_files(opts);
    opts_images_make(opts);
    for (size_t i = 0; i < given.count; i++)
        if (!option_is_early(given.items[i].option))
            apply(opts, &given.items[i]);
    set_up_build_file(opts);
    size_t context_words = rest ? 0 : words.count;
    const char *context = opts->context_option ? opts->context_option : context_words ? words.items[0] : NULL;
    if (opts->context_option && context_words)
        die_usage("one context only: %s, and also %s", opts->context_option, words.items[0]);
    if (context_words > 1)
        die_usage("one context only: %s, and also %s", words.items[0], words.items[1]);
    set_up_store(opts);
    if (opts->no_cache && opts->no_cache_filter.count)
        die_usage("--no-cache is for all stages, --no-cache-filter for some: give one of them");
    if (opts->no_cache || opts->no_cache_filter.count)
        opts->nonce = draw_nonce(arena);
    opts->state = *opts->prefix ? arena_printf(arena, ".dfgen/@%s", opts->prefix) : ".dfgen";
    if (opts->images.count)
        set_up_images(opts, &given, context);
    else
        set_up_image(opts, context);
    if (!opts->images.count)
        opts_value_policy(opts);
    if (rest) {
        vec_push(&words, NULL);
        *rest = words.items;
    } else {
        vec_free(&words);
    }
    vec_free(&given);
    return opts;
}

struct opts *opts_read(struct arena *arena, int argc, char **argv, const char ***rest)
{
    return read_all(arena, argc, argv, rest, NULL);
}

struct opts *opts_read_again(struct arena *arena, int argc, char **argv, const char *build_dir)
{
    return read_all(arena, argc, argv, NULL, build_dir);
}

void opts_free(struct opts *opts)
{
    for (size_t i = 0; i < opts->images.count; i++)
        opts_free(opts->images.items[i]);
    if (opts->policy)
        policy_free(opts->policy);
    vec_free(&opts->images);
    for (size_t i = 0; i < opts->outputs.count; i++) {
        vec_free(&opts->outputs.items[i].names);
        vec_free(&opts->outputs.items[i].files);
        vec_free(&opts->outputs.items[i].annotations);
    }
    vec_free(&opts->build_args);
    vec_free(&opts->contexts);
    vec_free(&opts->labels);
    vec_free(&opts->annotations);
    vec_free(&opts->secrets);
    vec_free(&opts->keyed_secrets);
    vec_free(&opts->ssh);
    vec_free(&opts->platforms);
    vec_free(&opts->tags);
    vec_free(&opts->outputs);
    vec_free(&opts->allow);
    vec_free(&opts->no_cache_filter);
    vec_free(&opts->add_hosts);
    vec_free(&opts->limits);
    vec_free(&opts->ulimits);
    vec_free(&opts->registries);
    vec_free(&opts->image_folders);
    vec_free(&opts->environment);
}
