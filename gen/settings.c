/*
 * Owns what gen notes for later: where the helpers find store and secrets (never a secret itself), and how to make build.ninja again.
 * Called by main. Must not know the graph.
 */
#include "gen/settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/opts.h"
#include "gen/outbox.h"

#include "gen/opts_registry.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

static char *string_of(struct arena *arena, const json_t *value)
{
    struct span bytes = json_bytes_value(arena, value);
    return arena_strndup(arena, bytes.text, bytes.len);
}

static json_t *text(const char *value)
{
    return json_bytes(span_of(value));
}

static json_t *texts(const opt_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, text(list->items[i]));
    return array;
}

static json_t *secrets(const struct opts *opts)
{
    json_t *all = json_object();
    for (size_t i = 0; i < opts->secrets.count; i++) {
        const struct opt_secret *secret = &opts->secrets.items[i];
        json_t *source = json_object();
        json_object_set_new(source, secret->file ? "file" : "env", text(secret->file ? secret->file : secret->env));
        json_object_set_new(all, secret->id, source);
    }
    return all;
}

void settings_warn(const struct opts *opts)
{
    struct stat st;
    for (size_t i = 0; i < opts->secrets.count && !opts->quiet; i++) {
        const struct opt_secret *secret = &opts->secrets.items[i];
        if (secret->file && stat(secret->file, &st) < 0)
            warn("secret %s: %s: %s; a RUN that requires it will fail", secret->id, secret->file, strerror(errno));
        else if (!secret->file && !getenv(secret->env))
            warn("secret %s: the variable %s is not set; a RUN that requires it will fail", secret->id, secret->env);
    }
    for (size_t i = 0; i < opts->ssh.count && !opts->quiet; i++)
        if (opts->ssh.items[i].value && stat(opts->ssh.items[i].value, &st) < 0)
            warn("ssh %s: %s: %s; a RUN that requires it will fail", opts->ssh.items[i].name, opts->ssh.items[i].value,
                 strerror(errno));
}

static json_t *sockets(const struct opts *opts)
{
    json_t *all = json_object();
    for (size_t i = 0; i < opts->ssh.count; i++) {
        const struct opt_pair *agent = &opts->ssh.items[i];
        const char *own = getenv("SSH_AUTH_SOCK");
        const char *socket = agent->value ? agent->value : own ? opts_path(opts, opts->start_dir, own) : NULL;
        if (!socket)
            die_usage("--ssh %s: SSH_AUTH_SOCK is not set; give the socket: --ssh %s=SOCKET", agent->name, agent->name);
        json_object_set_new(all, agent->name, text(socket));
    }
    return all;
}

/* Predefined proxy arguments (dockerfile.md §3.4): both cases of each that was given, for every RUN, and in no key. */
static json_t *proxies(const struct opts *opts)
{
    static const char *const names[] = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"};
    json_t *all = json_array();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = NULL;
        for (size_t k = 0; k < opts->build_args.count; k++)
            if (!strcasecmp(opts->build_args.items[k].name, names[i]))
                value = opts->build_args.items[k].value;
        if (!value)
            continue;
        char *lower = arena_strdup(opts->arena, names[i]);
        for (char *c = lower; *c; c++)
            *c = (char)(*c == '_' ? '_' : *c + 32);
        json_array_append_new(all, text(arena_printf(opts->arena, "%s=%s", names[i], value)));
        json_array_append_new(all, text(arena_printf(opts->arena, "%s=%s", lower, value)));
    }
    return all;
}

static json_t *limits(const struct opts *opts)
{
    json_t *all = json_object();
    for (size_t i = 0; i < opts->limits.count; i++)
        json_object_set_new(all, opts->limits.items[i].name, text(opts->limits.items[i].value));
    return all;
}

static json_t *make_settings(const struct opts *opts)
{
    json_t *settings = json_object();
    json_object_set_new(settings, "store", text(opts->store));
    json_object_set_new(settings, "secrets", secrets(opts));
    json_object_set_new(settings, "ssh", sockets(opts));
    json_object_set_new(settings, "proxy", proxies(opts));
    json_object_set_new(settings, "registry", opts_registry_json(opts));
    json_object_set_new(settings, "allow", texts(&opts->allow));
    if (opts->limits.count)
        json_object_set_new(settings, "limits", limits(opts));
    if (opts->dns)
        json_object_set_new(settings, "dns", text(opts->dns));
    if (opts->timeout)
        json_object_set_new(settings, "timeout", json_integer(opts->timeout));
    if (opts->vendor)
        json_object_set_new(settings, "vendor", text(opts->vendor));
    if (opts->offline)
        json_object_set_new(settings, "offline", json_true());
    return settings;
}

static json_t *make_options(const struct opts *opts)
{
    json_t *options = json_object(), *words = json_array(), *environment = json_object();
    for (int i = 1; i < opts->argc; i++)
        json_array_append_new(words, text(opts->argv[i]));
    for (size_t i = 0; i < opts->environment.count; i++)
        json_object_set_new(environment, opts->environment.items[i].name, text(opts->environment.items[i].value));
    json_object_set_new(options, "arguments", words);
    json_object_set_new(options, "environment", environment);
    json_object_set_new(options, "folder", text(path_relative(opts->arena, opts->build_real, opts->start_dir)));
    json_object_set_new(options, "store", text(opts->store));
    if (opts->nonce)
        json_object_set_new(options, "nonce", text(opts->nonce));
    return options;
}

static int write_json(const char *path, json_t *value)
{
    struct buf out = {0};
    json_write(value, &out);
    json_decref(value);
    int result = file_write_if_changed_at(AT_FDCWD, path, out.data, out.len, NULL);
    buf_free(&out);
    return result;
}

static bool is_folder(int dir, const struct dirent *entry)
{
    struct stat st;
    return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Results in another store are no results: what the stamps of a stage name would not be found. */
static void forget_results(struct arena *arena, const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && (!strcmp(dot, ".stamp") || !strcmp(dot, ".layer")))
            unlinkat(dirfd(dir), entry->d_name, 0);
        /* What begins with @ is another graph's. */
        else if (*entry->d_name != '.' && *entry->d_name != '@' && strcmp(entry->d_name, "rootfs") && is_folder(dirfd(dir), entry))
            forget_results(arena, path_join(arena, folder, entry->d_name));
    }
    if (dir)
        closedir(dir);
}

static void forget_other_store(const struct opts *opts)
{
    json_t *old = json_read_at(AT_FDCWD, opts_state(opts, "settings.json"), JSON_LIMIT, NULL);
    const json_t *path = json_object_get(old, "store");
    bool is_other = json_is_string(path) && strcmp(string_of(opts->arena, path), opts->store);
    json_decref(old);
    if (is_other)
        forget_results(opts->arena, opts->state);
}

void settings_add(const struct opts *opts, struct outbox *files)
{
    for (size_t i = 0; i < opts->images.count; i++) {
        json_t *settings = make_settings(opts->images.items[i]);
        outbox_add_json(files, opts_own(opts->images.items[i], "settings.json"), settings);
        json_decref(settings);
    }
}

int settings_write(const struct opts *opts, const char **failed)
{
    *failed = opts->state;
    if (dir_make_at(AT_FDCWD, opts->state, 0777) < 0)
        return -1;
    *failed = ".dfgen/.gitignore";
    if (file_write_if_changed_at(AT_FDCWD, *failed, "*\n", 2, NULL) < 0)
        return -1;
    forget_other_store(opts);
    *failed = opts_state(opts, "settings.json");
    if (write_json(*failed, make_settings(opts)) < 0)
        return -1;
    *failed = opts_state(opts, "options.json");
    return write_json(*failed, make_options(opts));
}

_Noreturn static void damaged(const char *path, const char *why)
{
    die_usage("%s is damaged (%s): run dfgen again with its options", path, why);
}

static char *string_in(struct arena *arena, const json_t *value, const char *path)
{
    if (!json_is_string(value))
        damaged(path, "a string is missing");
    return string_of(arena, value);
}

struct saved_options settings_read_options(struct arena *arena, const char *path)
{
    char *why = NULL;
    json_t *options = json_read_at(AT_FDCWD, path, JSON_LIMIT, &why);
    if (!options)
        damaged(path, why);
    const json_t *words = json_object_get(options, "arguments");
    json_t *environment = json_object_get(options, "environment");
    size_t count = json_array_size(words);
    struct saved_options saved = {.argc = (int)count + 1, .argv = arena_array(arena, count + 2, sizeof *saved.argv)};
    saved.argv[0] = arena_strdup(arena, "dfgen");
    for (size_t i = 0; i < count; i++)
        saved.argv[i + 1] = string_in(arena, json_array_get(words, i), path);
    char real[PATH_MAX];
    if (!realpath(".", real))
        die_usage("cannot tell the current folder:");
    saved.build_dir = arena_strdup(arena, real);
    saved.start_dir = string_in(arena, json_object_get(options, "folder"), path);
    setenv("DFGEN_STORE", string_in(arena, json_object_get(options, "store"), path), 1);
    const json_t *nonce = json_object_get(options, "nonce");
    saved.nonce = nonce ? string_in(arena, nonce, path) : NULL;
    const char *name;
    json_t *value;
    json_object_foreach(environment, name, value)
        setenv(name, string_in(arena, value, path), 1);
    json_decref(options);
    return saved;
}
