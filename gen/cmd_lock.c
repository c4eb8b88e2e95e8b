/*
 * Owns the command lock: the Dockerfile is read as for a build, what it takes from elsewhere is noted, what has no
 * checksum is fetched once, and dfgen.lock is written. Must not know the lock's form, nor how a thing is fetched.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/cmd.h"
#include "gen/build.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gen/add.h"
#include "gen/frontend.h"
#include "gen/images.h"
#include "gen/lock.h"
#include "gen/opts.h"
#include "gen/programs.h"
#include "gen/parse.h"
#include "gen/policy.h"
#include "gen/ref.h"
#include "gen/elsewhere.h"
#include "gen/settings.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"

#define PIN_PLACES ".dfgen/.lock/places.json"
#define PIN_STEP ".dfgen/.lock/pin.json"
#define PIN_OUT ".dfgen/.lock/pin.out"

enum { PIN_LIMIT = 256 };

/* The words of the command line that are this command's own. */
struct request {
    bool has_update;
    opt_list names;     /* to update; none: all */
    const char *policy; /* --source-policy-out; NULL: none */
    char **argv;        /* the rest: options as of a build */
    int argc;
};

static const char policy_option[] = "--source-policy-out";

static struct request read_words(int argc, char **argv)
{
    struct request request = {.argv = xcalloc((size_t)argc + 1, sizeof *argv)};
    for (int i = 0; i < argc; i++) {
        if (request.has_update && argv[i][0] == '-')
            die_usage("lock: %s stands behind --update, where only names stand", argv[i]);
        if (request.has_update)
            vec_push(&request.names, argv[i]);
        else if (!strcmp(argv[i], "--update"))
            request.has_update = true;
        else if (!strncmp(argv[i], policy_option, strlen(policy_option)) && strchr("=", argv[i][strlen(policy_option)]))
            request.policy = argv[i][strlen(policy_option)] ? argv[i] + strlen(policy_option) + 1
                             : argv[i + 1]                  ? argv[++i]
                                                            : "";
        else
            request.argv[request.argc++] = argv[i];
    }
    if (request.policy && !*request.policy)
        die_usage("lock: %s needs a file, or - for standard output", policy_option);
    return request;
}

/* --- which entries are forgotten --- */

static bool is_named(struct arena *arena, const struct request *request, const struct lock_entry *entry)
{
    for (size_t i = 0; i < request->names.count; i++) {
        struct ref ref;
        const char *name = request->names.items[i];
        bool is_image = entry->kind == LOCK_IMAGE && ref_parse(arena, span_of(name), &ref);
        if (!strcmp(entry->name, is_image ? ref_text(arena, &ref) : name))
            return true;
    }
    return !request->names.count;
}

static void forget(struct opts *opts, const struct request *request)
{
    size_t forgotten = 0;
    for (size_t i = opts->lock->entries.count; request->has_update && i-- > 0;) {
        if (!is_named(opts->arena, request, &opts->lock->entries.items[i]))
            continue;
        lock_drop(opts->lock, i);
        forgotten++;
    }
    if (request->names.count && !forgotten)
        die_usage("lock --update: %s has no %s; it locks what `dfgen lock` found in the Dockerfile", LOCK_FILE,
                  request->names.items[0]);
}

/* --- what has no checksum --- */

static void write_file(const char *path, json_t *json)
{
    struct buf text = {0};
    json_write(json, &text);
    json_decref(json);
    if (file_write_at(AT_FDCWD, path, text.data, text.len, 0644) < 0)
        die("cannot write %s:", path);
    buf_free(&text);
}

/* A line for each step: here there is one (runtime/lib/step_places.c). */
static void write_place(const char *name)
{
    struct buf text = {0};
    json_t *place = json_pack("{s:s,s:s,s:s}", "label", "lock", "where", LOCK_FILE, "text", name);
    buf_puts(&text, "{\n\"pin\":");
    json_write(place, &text);
    buf_puts(&text, "}\n");
    json_decref(place);
    if (file_write_at(AT_FDCWD, PIN_PLACES, text.data, text.len, 0644) < 0)
        die("cannot write %s:", PIN_PLACES);
    buf_free(&text);
}

static void write_step(const struct add_source *remote, const char *name)
{
    json_t *json = json_pack("{s:b,s:[s]}", "pin", 1, "in", "out " PIN_OUT);
    elsewhere_set_fetch(json, remote);
    if (dir_make_at(AT_FDCWD, ".dfgen/.lock", 0777) < 0)
        die("cannot make the folder .dfgen/.lock:");
    write_file(PIN_STEP, json);
    write_place(name);
}

const char *cmd_fetch(struct arena *arena, const char *helpers, const struct add_source *remote, const char *name)
{
    struct buf text = {0};
    unlink(PIN_OUT);
    write_step(remote, name);
    cmd_run_helper(helpers, "dfgen-fetch", PIN_STEP);
    if (file_read_at(AT_FDCWD, PIN_OUT, &text, PIN_LIMIT) < 0)
        die("cannot read %s:", PIN_OUT);
    const char *pin = arena_strndup(arena, buf_text(&text), strcspn(buf_text(&text), "\n"));
    buf_free(&text);
    return pin;
}

/* What has a checksum is fetched as well: a build with --offline shall find it. */
static void pin_remote(struct opts *opts, const char *helpers, const struct add_source *remote)
{
    const char *name = stage_remote_name(opts->arena, remote);
    enum lock_kind kind = remote->kind == ADD_HTTP ? LOCK_URL : LOCK_GIT;
    const char *pin = cmd_fetch(opts->arena, helpers, remote, name);
    bool is_whole = kind == LOCK_URL ? remote->checksum.len : remote->checksum.len == 40 || remote->checksum.len == 64;
    if (!is_whole || remote->locked_as)
        lock_note(opts->lock, kind, name, "", pin);
}

/* A docker-archive has a config, but no manifest that a registry's image could be held to. */
static void check_manifests(const struct request *request, const struct stages *stages)
{
    for (size_t i = 0; i < stages->used.count && request->policy; i++)
        if (stages->used.items[i].image->has_no_manifest)
            die_usage("lock: %s: %s is in a docker-archive, which has no manifest that a source policy could name: "
                      "take it from a "
                      "registry or an OCI layout",
                      policy_option, stages->used.items[i].name);
}

static void pin_stages(void *data, struct opts *opts, const struct stages *stages)
{
    struct programs programs = programs_find(opts->arena);
    check_manifests(data, stages);
    for (size_t i = 0; i < stages->remotes.count; i++)
        pin_remote(opts, programs.helpers, stages->remotes.items[i]);
    for (size_t i = 0; i < stages->count; i++) {
        const struct stage *stage = &stages->items[i];
        for (size_t k = 0; k < stage->actions.count && !stage->has_failed; k++) {
            const struct action *action = stage->actions.items[k];
            for (size_t n = 0; action->kind == ACTION_COPY && n < action->copy.sources.count; n++)
                if (action->copy.sources.items[n].remote)
                    pin_remote(opts, programs.helpers, action->copy.sources.items[n].remote);
        }
    }
}

/* --- the command --- */

static bool look(const struct request *request, struct opts *opts, struct images *images)
{
    struct source source;
    struct diag *diag = diag_new();
    build_read_source(opts, &source);
    struct dockerfile *file = parse_dockerfile(opts->arena, &source, diag);
    frontend_check(opts, file, diag);
    const struct stages *stages = diag_error_count(diag) ? NULL : stage_resolve(opts->arena, opts, file, images, diag);
    if (diag_error_count(diag))
        diag_print(diag, stderr, false);
    else
        pin_stages((void *)(uintptr_t)request, opts, stages);
    bool is_fine = !diag_error_count(diag);
    diag_free(diag);
    return is_fine;
}

/* Images on images, and several platforms: as for a build, of which nothing is written. */
static bool look_at_all(const struct request *request, struct opts *opts)
{
    struct build build = {.on_stages = pin_stages, .data = (void *)(uintptr_t)request};
    bool is_fine = build_plan(&build, opts->arena, opts);
    build_free(&build);
    return is_fine;
}

static void take_found(const struct request *request, struct opts *opts)
{
    struct lock *lock = opts->lock;
    for (size_t i = 0; i < lock->found.count; i++) {
        const struct lock_entry *found = &lock->found.items[i];
        if (lock_find(lock, found->kind, found->name, found->platform))
            continue;
        lock_set(lock, found);
        if (!opts->quiet && !(request->policy && !strcmp(request->policy, "-")))
            printf("%s%s%s %s\n", found->name, *found->platform ? " " : "", found->platform, found->digest);
    }
}

int cmd_lock(int argc, char **argv)
{
    struct arena arena = {0};
    struct request request = read_words(argc, argv);
    struct opts *opts = opts_read(&arena, request.argc, request.argv, NULL);
    const char *failed;
    bool changed = false;
    if (settings_write(opts, &failed) < 0)
        die("cannot write %s:", failed);
    cmd_read_lock(opts);
    opts->lock->is_recording = true;
    forget(opts, &request);
    struct images *images = images_new(&arena, opts);
    bool is_fine =
        opts->images.count || opts->platforms.count > 1 ? look_at_all(&request, opts) : look(&request, opts, images);
    if (is_fine) {
        take_found(&request, opts);
        if (lock_write(opts->lock, &changed) < 0)
            die("cannot write %s:", opts->lock->path);
        if (request.policy)
            policy_write(opts->lock, &arena, opts->store, *request.policy == '-' && !request.policy[1]
                                                              ? request.policy
                                                              : opts_path(opts, opts->start_dir, request.policy));
    }
    images_free(images);
    lock_free(opts->lock);
    opts_free(opts);
    vec_free(&request.names);
    free(request.argv);
    arena_free(&arena);
    return is_fine ? EXIT_DONE : EXIT_USAGE;
}
