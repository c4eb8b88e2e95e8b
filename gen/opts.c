/*
 * Owns the command line and what dfgen.ini may say: tables of options, and the struct that the rest of gen reads. Called by main.
 * Must not know what an option leads to.
 */
#include "gen/opts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <config.h>
#include "gen/ini.h"
#include "gen/opts_value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"
#include "runtime/lib/store.h"

typedef const char *(*setter)(struct opts *opts, const char *base, const char *value);

enum takes { TAKES_NOTHING, TAKES_VALUE };

/* An option, or a key of dfgen.ini; both have the same setters. set NULL: known, but not supported yet. */
struct option {
    const char *name;
    char letter;
    enum takes takes;
    setter set;
    const char *metavar;
    const char *help;
};

#define TEXT_SETTER(field)                                                                                  \
    static const char *set_##field(struct opts *opts, const char *base, const char *value)                  \
    {                                                                                                       \
        (void)base;                                                                                         \
        opts->field = arena_strdup(opts->arena, value);                                                     \
        return NULL;                                                                                        \
    }

#define FLAG_SETTER(field)                                                                                  \
    static const char *set_##field(struct opts *opts, const char *base, const char *value)                  \
    {                                                                                                       \
        (void)base, (void)value;                                                                            \
        opts->field = true;                                                                                 \
        return NULL;                                                                                        \
    }

TEXT_SETTER(file)
TEXT_SETTER(target)
TEXT_SETTER(build_dir)
TEXT_SETTER(build_file)
TEXT_SETTER(launcher)
FLAG_SETTER(no_cache)
FLAG_SETTER(quiet)
FLAG_SETTER(check)
FLAG_SETTER(debug)

/* A list whose words are checked first. */
#define CHECKED_SETTER(field, check)                                                                        \
    static const char *set_##field(struct opts *opts, const char *base, const char *value)                  \
    {                                                                                                       \
        (void)base;                                                                                         \
        const char *error = check(opts->arena, value);                                                      \
        if (!error)                                                                                         \
            vec_push(&opts->field, arena_strdup(opts->arena, value));                                       \
        return error;                                                                                       \
    }

CHECKED_SETTER(tags, opts_value_tag)
CHECKED_SETTER(add_hosts, opts_value_host)
CHECKED_SETTER(ulimits, opts_value_ulimit)

static const char *set_build_arg(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return opts_value_build_arg(opts, value);
}

static const char *set_context(struct opts *opts, const char *base, const char *value)
{
    return opts_value_context(opts, base, value);
}

static const char *set_label(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    struct opt_pair pair = opts_value_pair(opts->arena, value);
    if (!*pair.name)
        return "a label needs a name: KEY=VALUE";
    vec_push(&opts->labels, pair);
    return NULL;
}

static const char *set_annotation(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    struct opt_pair pair = opts_value_pair(opts->arena, value);
    if (!*pair.name || !pair.value)
        return "an annotation is KEY=VALUE";
    if (strchr(pair.name, ':') || strchr(pair.name, '['))
        return "annotations of an index or a descriptor (TYPE:KEY=VALUE) are not supported yet";
    vec_push(&opts->annotations, pair);
    return NULL;
}

static const char *set_secret(struct opts *opts, const char *base, const char *value)
{
    return opts_value_secret(opts, base, value);
}

static const char *set_ssh(struct opts *opts, const char *base, const char *value)
{
    return opts_value_ssh(opts, base, value);
}

static const char *set_output(struct opts *opts, const char *base, const char *value)
{
    return opts_value_output(opts, base, value);
}

static const char *set_platform(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return opts_value_list(opts->arena, value, &opts->platforms);
}

static const char *set_no_cache_filter(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return opts_value_list(opts->arena, value, &opts->no_cache_filter);
}

static const char *set_allow(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    if (strcmp(value, "network.host") && strcmp(value, "security.insecure"))
        return "the permissions are network.host and security.insecure";
    vec_push(&opts->allow, arena_strdup(opts->arena, value));
    return NULL;
}

static const char *set_network(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    if (strcmp(value, "default") && strcmp(value, "none") && strcmp(value, "host"))
        return "the networks are default, none and host";
    opts->network = arena_strdup(opts->arena, value);
    return NULL;
}

static const char *set_shm_size(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    return opts_value_size(value, &opts->shm_size);
}

static const char *set_timestamps(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    if (strcmp(value, "epoch") && strcmp(value, "keep"))
        return "timestamps are epoch or keep";
    opts->timestamps = arena_strdup(opts->arena, value);
    return NULL;
}

static const char *set_store(struct opts *opts, const char *base, const char *value)
{
    if (!*value)
        return "the store needs a path";
    if (value[0] == '~' && (value[1] == '/' || !value[1])) {
        const char *home = getenv("HOME");
        if (!home)
            return "HOME is not set";
        value = arena_printf(opts->arena, "%s%s", home, value + 1);
    }
    opts->store = *value == '/' ? arena_strdup(opts->arena, value) : arena_printf(opts->arena, "%s/%s", base, value);
    return NULL;
}

static const char *set_image_folder(struct opts *opts, const char *base, const char *value)
{
    vec_push(&opts->image_folders, opts_path(opts, base, value));
    return NULL;
}

static const char *set_generator(struct opts *opts, const char *base, const char *value)
{
    (void)opts, (void)base;
    return !strcmp(value, "ninja") ? NULL : !strcmp(value, "make") ? "-G make is not supported yet" : "generators: ninja";
}

static const char *show_help(struct opts *opts, const char *base, const char *value);

static const char *show_version(struct opts *opts, const char *base, const char *value)
{
    (void)opts, (void)base, (void)value;
    puts("dfgen " DFGEN_VERSION);
    exit(EXIT_DONE);
}

static const struct option options[] = {
    {"file", 'f', TAKES_VALUE, set_file, "FILE", "the Dockerfile (default: CONTEXT/Dockerfile; - is standard input)"},
    {"target", 0, TAKES_VALUE, set_target, "STAGE", "the stage to build (default: the last)"},
    {"build-arg", 0, TAKES_VALUE, set_build_arg, "NAME[=VALUE]", "a value for ARG; without =, from the environment"},
    {"build-context", 0, TAKES_VALUE, set_context, "NAME=VALUE",
     "another context or image: a folder, oci-layout:PATH[:TAG][@DIGEST], docker-archive:FILE, docker-image://REF"},
    {"images", 0, TAKES_VALUE, set_image_folder, "FOLDER", "look here for images (docker save archives, OCI layouts)"},
    {"platform", 0, TAKES_VALUE, set_platform, "OS/ARCH", "the platform to build for (default: this machine's)"},
    {"label", 0, TAKES_VALUE, set_label, "KEY=VALUE", "a label of the image"},
    {"annotation", 0, TAKES_VALUE, set_annotation, "KEY=VALUE", "an annotation of the image's manifest"},
    {"secret", 0, TAKES_VALUE, set_secret, "id=ID[,src=FILE|,env=NAME]", "a secret for RUN --mount=type=secret"},
    {"ssh", 0, TAKES_VALUE, set_ssh, "ID[=SOCKET]", "an agent's socket for RUN --mount=type=ssh"},
    {"tag", 't', TAKES_VALUE, set_tags, "NAME[:TAG]", "a name of the image"},
    {"output", 'o', TAKES_VALUE, set_output, "type=TYPE,dest=PATH[,...]",
     "what to write: oci, docker, tar, local; a bare PATH is type=local"},
    {"no-cache", 0, TAKES_NOTHING, set_no_cache, NULL, "run every RUN once more"},
    {"no-cache-filter", 0, TAKES_VALUE, set_no_cache_filter, "STAGE[,...]", "run the RUNs of these stages once more"},
    {"network", 0, TAKES_VALUE, set_network, "MODE", "network of RUN: default, none, host"},
    {"add-host", 0, TAKES_VALUE, set_add_hosts, "HOST:IP", "a line of /etc/hosts in RUN"},
    {"shm-size", 0, TAKES_VALUE, set_shm_size, "BYTES", "size of /dev/shm in RUN (k, m, g)"},
    {"ulimit", 0, TAKES_VALUE, set_ulimits, "NAME=SOFT[:HARD]", "a limit of RUN"},
    {"allow", 0, TAKES_VALUE, set_allow, "PERMISSION", "network.host or security.insecure, for RUNs that ask for it"},
    {"timestamps", 0, TAKES_VALUE, set_timestamps, "epoch|keep",
     "times of files in layers: SOURCE_DATE_EPOCH or 0 (the default), or their own"},
    {"check", 0, TAKES_NOTHING, set_check, NULL, "only say which build checks fire, in all stages if there is no --target"},
    {"quiet", 'q', TAKES_NOTHING, set_quiet, NULL, "no warnings"},
    {"debug", 'D', TAKES_NOTHING, set_debug, NULL, "say more"},
    {NULL, 'C', TAKES_VALUE, set_build_dir, "FOLDER", "the build folder (default: the current one)"},
    {NULL, 'G', TAKES_VALUE, set_generator, "ninja", "what to write"},
    {"build-file", 0, TAKES_VALUE, set_build_file, "NAME", "the file to write in the build folder (default: build.ninja)"},
    {"store", 0, TAKES_VALUE, set_store, "FOLDER", "where layers and results are kept (default: $DFGEN_STORE, ~/.cache/dfgen)"},
    {"launcher", 0, TAKES_VALUE, set_launcher, "COMMAND", "put before the command of RUN edges (srun -n1, say)"},
    {"help", 'h', TAKES_NOTHING, show_help, NULL, "this text"},
    {"version", 0, TAKES_NOTHING, show_version, NULL, "the version"},
    {"cache-from", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"cache-to", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"iidfile", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"locked", 0, TAKES_NOTHING, NULL, NULL, NULL},
    {"load", 0, TAKES_NOTHING, NULL, NULL, NULL},
    {"metadata-file", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"offline", 0, TAKES_NOTHING, NULL, NULL, NULL},
    {"prefix", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"progress", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"provenance", 0, TAKES_VALUE, NULL, NULL, NULL},
    {"pull", 0, TAKES_NOTHING, NULL, NULL, NULL},
    {"push", 0, TAKES_NOTHING, NULL, NULL, NULL},
    {"sbom", 0, TAKES_VALUE, NULL, NULL, NULL},
};

enum { OPTION_COUNT = sizeof options / sizeof *options };

/* Keys of dfgen.ini. A key NULL takes any: "key=value" goes to the setter. */
static const struct {
    const char *section, *key;
    setter set;
} ini_keys[] = {
    {"store", "path", set_store},      {"images", "path", set_image_folder}, {"contexts", NULL, set_context},
    {"launcher", "run", set_launcher}, {"args", NULL, set_build_arg},        {"run", "network", set_network},
};

static const char *show_help(struct opts *opts, const char *base, const char *value)
{
    (void)opts, (void)base, (void)value;
    puts("usage: dfgen [OPTIONS] [CONTEXT]                write build.ninja for CONTEXT (default: .)\n"
         "       dfgen build [OPTIONS] [TARGET...]        write it, then run ninja\n"
         "       dfgen check [OPTIONS] [CONTEXT]          only say which build checks fire\n"
         "       dfgen load [--store FOLDER] FILE...      put the images of an archive or layout into the store\n\n"
         "Then `ninja STAGE` builds a stage; oci/STAGE, docker/STAGE, tar/STAGE and rootfs/STAGE write it out.\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options[i];
        if (!option->set)
            continue;
        char *left = xasprintf("%s%c%s%s%s%s%s", option->letter ? "-" : " ", option->letter ? option->letter : ' ',
                               option->letter && option->name ? ", " : "  ", option->name ? "--" : "",
                               option->name ? option->name : "", option->metavar ? option->name ? "=" : " " : "",
                               option->metavar ? option->metavar : "");
        printf(strlen(left) > 30 ? "  %s\n%34s%s\n" : "  %-30s%2s%s\n", left, "", option->help);
        free(left);
    }
    puts("\nExit codes: 0 done, 1 the build failed, 2 wrong usage or input. Manual: dfgen(1).");
    exit(EXIT_DONE);
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

const char *opts_set_ini(struct opts *opts, const char *base, const char *section, const char *key, const char *value)
{
    bool known = false;
    for (size_t i = 0; i < sizeof ini_keys / sizeof *ini_keys; i++) {
        if (strcmp(ini_keys[i].section, section))
            continue;
        known = true;
        if (!ini_keys[i].key)
            return ini_keys[i].set(opts, base, arena_printf(opts->arena, "%s=%s", key, value));
        if (!strcmp(ini_keys[i].key, key))
            return ini_keys[i].set(opts, base, value);
    }
    if (!strncmp(section, "image", 5) && strcmp(section, "images"))
        return "[image] sections are not supported yet";
    if (!known)
        return arena_printf(opts->arena, "unknown section [%s]", section);
    return arena_printf(opts->arena, "unknown key %s in [%s]", key, section);
}

/* --- the command line --- */

struct given {
    const struct option *option;
    const char *value;
};

typedef VEC(struct given) given_list;

static const struct option *find_long(const char *name, size_t len)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].name && strlen(options[i].name) == len && !strncmp(options[i].name, name, len))
            return &options[i];
    return NULL;
}

static const struct option *find_short(char letter)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options[i].letter == letter)
            return &options[i];
    return NULL;
}

static void add_given(given_list *given, const struct option *option, const char *as_written, const char *value)
{
    if (!option->set)
        die_usage("%s is not supported yet", as_written);
    if (option->takes == TAKES_VALUE && !value)
        die_usage("%s needs a value", as_written);
    vec_push(given, (struct given){option, value});
}

/* --name=value, --name value, --flag, --flag=true. Returns how many words were used. */
static int read_long(given_list *given, char **argv)
{
    const char *name = argv[0] + 2;
    size_t len = strcspn(name, "=");
    const struct option *option = find_long(name, len);
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
    bool is_apart = !value;
    add_given(given, option, argv[0], is_apart ? argv[1] : value);
    return is_apart ? 2 : 1;
}

/* -f FILE, -fFILE, -q. Returns how many words were used. */
static int read_short(given_list *given, char **argv)
{
    const char *letters = argv[0] + 1;
    for (; *letters; letters++) {
        const struct option *option = find_short(*letters);
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

/* Options that say where things are must be known before those that name paths. */
static bool is_early(const struct given *given)
{
    return given->option->set == set_build_dir || given->option->set == show_help || given->option->set == show_version;
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
    opts->context_name = word ? word : ".";
    if (!strcmp(opts->context_name, "-") || strstr(opts->context_name, "://") || !strncmp(opts->context_name, "git@", 4))
        die_usage("%s: a context that is no folder is not supported yet", opts->context_name);
    const char *path = *opts->context_name == '/'
                           ? opts->context_name
                           : arena_printf(opts->arena, "%s/%s", opts->start_dir, opts->context_name);
    char real[PATH_MAX];
    if (!realpath(path, real))
        die_usage("cannot use %s as the context:", opts->context_name);
    struct stat st;
    if (stat(real, &st) < 0 || !S_ISDIR(st.st_mode))
        die_usage("cannot use %s as the context: it is not a folder", opts->context_name);
    if (access(real, R_OK | X_OK) < 0)
        die_usage("cannot read the context %s:", opts->context_name);
    opts->context = path_relative(opts->arena, opts->build_real, real);
}

/* docker: -f is relative to the current folder, the default to the context; podman: Containerfile as well. */
static void set_up_file(struct opts *opts)
{
    if (opts->file) {
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
    set_store(opts, opts->start_dir, path);
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

static void check_outputs(struct opts *opts)
{
    for (size_t i = 0; i < opts->outputs.count; i++) {
        const struct opt_output *output = &opts->outputs.items[i];
        if (!output->compression)
            continue;
        if (opts->compression &&
            (strcmp(opts->compression, output->compression) || opts->compression_level != output->level))
            die_usage("--output: layers are compressed once: outputs with different compression are not supported");
        opts->compression = output->compression;
        opts->compression_level = output->level;
    }
    if (!opts->compression)
        opts->compression = "gzip";
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

struct opts *opts_read(struct arena *arena, int argc, char **argv, const char ***rest)
{
    struct opts *opts = arena_alloc(arena, sizeof *opts);
    *opts = (struct opts){.arena = arena, .build_dir = ".", .build_file = "build.ninja", .prefix = "", .timestamps = "epoch",
                          .compression_level = -1};
    given_list given = {0};
    opt_list words = {0};
    read_words(argc, argv, &given, &words);
    for (size_t i = 0; i < given.count; i++)
        if (is_early(&given.items[i]))
            apply(opts, &given.items[i]);
    keep_options(opts, argc, argv, rest ? &words : NULL);
    enter_build_dir(opts);
    read_ini_files(opts);
    for (size_t i = 0; i < given.count; i++)
        if (!is_early(&given.items[i]))
            apply(opts, &given.items[i]);
    if (strchr(opts->build_file, '/') || !*opts->build_file)
        die_usage("--build-file is a name in the build folder: use -C for the folder");

    size_t context_words = rest ? 0 : words.count;
    if (context_words > 1)
        die_usage("one context only: %s, and also %s", words.items[0], words.items[1]);
    set_up_context(opts, context_words ? words.items[0] : NULL);
    set_up_file(opts);
    set_up_store(opts);
    check_outputs(opts);
    opts_value_epoch(opts);
    if (rest) {
        vec_push(&words, NULL);
        *rest = words.items;
    } else {
        vec_free(&words);
    }
    vec_free(&given);
    return opts;
}

void opts_free(struct opts *opts)
{
    for (size_t i = 0; i < opts->outputs.count; i++) {
        vec_free(&opts->outputs.items[i].names);
        vec_free(&opts->outputs.items[i].annotations);
    }
    vec_free(&opts->build_args);
    vec_free(&opts->contexts);
    vec_free(&opts->labels);
    vec_free(&opts->annotations);
    vec_free(&opts->secrets);
    vec_free(&opts->ssh);
    vec_free(&opts->platforms);
    vec_free(&opts->tags);
    vec_free(&opts->outputs);
    vec_free(&opts->allow);
    vec_free(&opts->no_cache_filter);
    vec_free(&opts->add_hosts);
    vec_free(&opts->ulimits);
    vec_free(&opts->image_folders);
    vec_free(&opts->environment);
}
