/*
 * Owns dfgen check --reproducible: the same is built twice, in surroundings that differ in all that should not
 * matter, and the two images are compared. Must not know what a build does, nor how images are compared: both are
 * programs.
 */
#include "gen/cmd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gen/opts.h"
#include "gen/programs.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

/*
 * What differs between the two. faketime moves the clock of dfgen and its helpers where it is installed; that of RUNs
 * moves by itself.
 */
static const struct surroundings {
    const char *name, *jobs, *zone, *locale, *clock;
    mode_t mask;
    bool is_one_processor, is_busy, copies_context;
} surroundings[2] = {
    {"one", "4", "UTC", "C", NULL, 022, false, false, false},
    {"other/folder with space", "1", "Asia/Kathmandu", "tr_TR.UTF-8", "+400d", 077, true, true, true},
};

struct trial {
    struct arena *arena;
    const struct opts *opts;
    struct programs programs;
    const char *folder;     /* a temporary one */
};

typedef VEC(const char *) word_list;

enum { LOG_LIMIT = 16 * 1024 * 1024 };

/* --- running --- */

static void enter(const struct surroundings *how)
{
    if (how->is_one_processor) {
        cpu_set_t all, one;
        CPU_ZERO(&one);
        for (int i = 0; sched_getaffinity(0, sizeof all, &all) == 0 && i < CPU_SETSIZE; i++) {
            if (CPU_ISSET(i, &all)) {
                CPU_SET(i, &one);
                break;
            }
        }
        /* A machine that forbids it has one variation less. */
        sched_setaffinity(0, sizeof one, &one);
    }
    umask(how->mask);
    setenv("TZ", how->zone, 1);
    setenv("LC_ALL", how->locale, 1);
    setenv("LANG", how->locale, 1);
}

static bool has_program(const char *name)
{
    const char *path = getenv("PATH");
    char whole[PATH_MAX];
    for (size_t len; path && *path; path += len + (path[len] == ':')) {
        len = strcspn(path, ":");
        snprintf(whole, sizeof whole, "%.*s/%s", (int)len, path, name);
        if (access(whole, X_OK) == 0)
            return true;
    }
    return false;
}

/* A program, where it runs, and what file its output goes to. */
struct program {
    const struct surroundings *how;     /* NULL: ours */
    const char *const *words;
    const char *log;                    /* NULL: where ours goes */
};

static int start(const void *data)
{
    const struct program *program = data;
    if (program->log && dup2(open(program->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDOUT_FILENO) < 0)
        return 127;
    if (program->how)
        enter(program->how);
    int code = child_exec(program->words);
    fprintf(stderr, "dfgen: cannot run %s: %s\n", program->words[0], strerror(errno));
    return code;
}

/* Ends the process when it cannot be run, or is killed; its exit code otherwise. */
static int run(const struct surroundings *how, const word_list *words, const char *log)
{
    int code = child_run(start, &(struct program){how, words->items, log});
    if (code < 0 || code >= 126)
        die("check --reproducible: %s did not run to its end", words->items[0]);
    return code;
}

static pid_t make_busy(const struct surroundings *how)
{
    pid_t child = how->is_busy ? fork() : 0;
    if (!how->is_busy || child)
        return child;
    for (volatile unsigned long turns = 0; getppid() != 1; turns++)
        ;
    _exit(0);
}

/* --- one build --- */

static void begin(word_list *words, const struct surroundings *how)
{
    if (!how->clock || !has_program("faketime"))
        return;
    vec_push(words, "faketime");
    vec_push(words, "-f");
    vec_push(words, how->clock);
}

/* A copy has other inodes, and its folders another order. */
static const char *context_of(const struct trial *trial, const struct surroundings *how, const char *place)
{
    if (!how->copies_context)
        return trial->opts->context;
    word_list words = {0};
    const char *copy = arena_printf(trial->arena, "%s/context", place);
    const char *const copying[] = {"cp", "-a", "--", trial->opts->context, copy, NULL};
    for (size_t i = 0; i < sizeof copying / sizeof *copying; i++)
        vec_push(&words, copying[i]);
    if (run(NULL, &words, NULL))
        die("check --reproducible: the context could not be copied to %s", copy);
    vec_free(&words);
    return copy;
}

/*
 * The options as given, less what the trial sets itself. They are relative to the folder that the command line was
 * given in.
 */
static void add_options(const struct trial *trial, word_list *words)
{
    for (int i = 1; i < trial->opts->argc; i++)
        if (trial->opts->argv[i] != trial->opts->context_name)
            vec_push(words, trial->opts->argv[i]);
}

static void show_log(const char *log)
{
    struct buf text = {0};
    if (file_read_at(AT_FDCWD, log, &text, LOG_LIMIT) == 0)
        fwrite(buf_text(&text), 1, text.len, stderr);
    buf_free(&text);
}

static const char *build(const struct trial *trial, const struct surroundings *how)
{
    struct arena *arena = trial->arena;
    const char *place = arena_printf(arena, "%s/%s", trial->folder, how->name), *out = arena_printf(arena, "%s/build",
                                                                                                    place);
    const char *context = context_of(trial, how, (dir_make_at(AT_FDCWD, place, 0700), place));
    word_list plan = {0}, make = {0};
    begin(&plan, how);
    vec_push(&plan, trial->programs.dfgen);
    add_options(trial, &plan);
    const char *const own[] = {"-q", "-C", out, "--store", arena_printf(arena, "%s/store", place), "--images",
                               arena_printf(arena, "%s/images",
                                            trial->folder), "--file", trial->opts->file, "--", context, NULL};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        vec_push(&plan, own[i]);
    begin(&make, how);
    const char *const ninja[] = {"ninja", "-C", out, "-j", how->jobs, NULL};
    for (size_t i = 0; i < sizeof ninja / sizeof *ninja; i++)
        vec_push(&make, ninja[i]);
    pid_t busy = make_busy(how);
    const char *log = arena_printf(arena, "%s/log", place);
    int code = run(how, &plan, log);
    if (!code)
        code = run(how, &make, log);
    if (busy > 0) {
        kill(busy, SIGKILL);
        waitpid(busy, NULL, 0);
    }
    if (code) {
        show_log(log);
        tree_remove_at(AT_FDCWD, trial->folder);
        die("check --reproducible: the build failed with exit code %d", code);
    }
    vec_free(&plan);
    vec_free(&make);
    return out;
}

/* --- the trial --- */

/* Images of the user's store are found as in a folder of layouts: the stores of the two builds begin empty. */
static void lend_images(const struct trial *trial)
{
    const char *images = arena_printf(trial->arena, "%s/images", trial->folder);
    if (mkdir(images, 0700) < 0 || symlink(trial->opts->store, arena_printf(trial->arena, "%s/store", images)) < 0)
        die("check --reproducible: cannot make %s:", images);
}

/* The target's layout: the one that is in both. */
static const char *layout_of(const struct trial *trial, const char *out)
{
    const char *images = arena_printf(trial->arena, "%s/.dfgen/images", out), *found = NULL;
    DIR *dir = opendir(images);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            found = arena_printf(trial->arena, "%s/%s", images, entry->d_name);
    if (dir)
        closedir(dir);
    if (!found)
        die("check --reproducible: the build left no image in %s", images);
    return found;
}

static int compare(const struct trial *trial, const char *one, const char *other)
{
    word_list words = {0};
    const char *const all[] = {arena_printf(trial->arena, "%s/dfgen-compare", trial->programs.helpers),
                               layout_of(trial, one), layout_of(trial, other), NULL};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        vec_push(&words, all[i]);
    int code = run(NULL, &words, NULL);
    vec_free(&words);
    return code;
}

int cmd_reproduce(struct opts *opts)
{
    const char *tmp = getenv("TMPDIR");
    struct trial trial = {.arena = opts->arena, .opts = opts, .programs = programs_find(opts->arena)};
    char *folder = xasprintf("%s/dfgen-reproducible.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    char start[PATH_MAX];
    if (opts->outputs.count || opts->iidfile || opts->metadata_file)
        die_usage("check --reproducible writes nothing: leave --output, --iidfile and --metadata-file out");
    if (!mkdtemp(folder))
        die("check --reproducible: cannot make %s:", folder);
    trial.folder = folder;
    lend_images(&trial);
    if (!realpath(opts->context, start))
        die("check --reproducible: cannot use the context:");
    opts->context = arena_strdup(opts->arena, start);
    if (!realpath(opts->file, start))
        die_usage("check --reproducible: %s: the Dockerfile must be a file", opts->file_name);
    opts->file = arena_strdup(opts->arena, start);
    if (chdir(opts->start_dir) < 0)
        die("cannot enter %s:", opts->start_dir);
    const char *one = build(&trial, &surroundings[0]);
    const char *other = build(&trial, &surroundings[1]);
    int code = compare(&trial, one, other);
    if (!code)
        puts("reproducible: both builds made the same image");
    tree_remove_at(AT_FDCWD, folder);
    free(folder);
    return code;
}
