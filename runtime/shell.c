/*
 * dfgen-shell: a person's command on the root of a step, in the sandbox of a RUN; what it changes is thrown away. dfgen shell and dfgen run
 * start it. Takes part in no graph: it looks no key up, commits nothing and writes no stamp.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/step.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/plan.h"
#include "runtime/sandbox/probe.h"
#include "runtime/sandbox/remains.h"
#include "runtime/sandbox/scratch.h"
#include "runtime/sandbox/single.h"

#include "runtime/sandbox/copied.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/sealed.h"
#include "runtime/sandbox/terminal.h"

static const char help[] =
    "Usage: dfgen-shell [OPTION...] STEPFILE [COMMAND [WORD...]]\n\n"
    "Run a command in the sandbox, on the root that a step starts from (a RUN that failed: on what it left).\n"
    "What it changes is thrown away. Without a command: a shell.\n"
    "  --image             the command the image config has, or COMMAND after its entrypoint\n"
    "  --entrypoint=FILE   with --image: instead of the image's entrypoint\n"
    "  --env=NAME=VALUE    a variable\n"
    "  --user=USER[:GROUP] another user\n"
    "  --workdir=FOLDER    another working directory\n"
    "  --network=MODE      none, host or default\n"
    "  --probe=STORE       say what this machine offers to RUN with that store (dfgen probe)\n";

/* What the command line says. */
struct wish {
    bool is_image;
    const char *entrypoint, *user, *cwd, *network, *probed;
    VEC(const char *) env;
    char **words;   /* NULL at the end */
};

static const char *parse(int argc, char **argv, struct wish *wish)
{
    static const struct option options[] = {
        {"image", no_argument, NULL, 'i'},          {"entrypoint", required_argument, NULL, 'p'},
        {"env", required_argument, NULL, 'e'},      {"user", required_argument, NULL, 'u'},
        {"workdir", required_argument, NULL, 'w'},  {"network", required_argument, NULL, 'n'},
        {"probe", required_argument, NULL, 'P'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (option) {
        case 'i': wish->is_image = true; break;
        case 'p': wish->entrypoint = optarg; break;
        case 'e': vec_push(&wish->env, optarg); break;
        case 'u': wish->user = optarg; break;
        case 'w': wish->cwd = optarg; break;
        case 'n': wish->network = optarg; break;
        case 'P': wish->probed = optarg; break;
        case 'h': fputs(help, stdout); exit(EXIT_DONE);
        case 'v': puts("dfgen-shell " DFGEN_VERSION); exit(EXIT_DONE);
        default: exit(EXIT_USAGE);
        }
    }
    if (optind == argc && wish->probed)
        return NULL;
    if (optind == argc)
        die_usage("which step? dfgen-shell STEPFILE");
    wish->words = argv + optind + 1;
    return argv[optind];
}

/* --- the command --- */

static const char **words_after(const struct step *step, const char *const *first, char **rest)
{
    size_t count = 0, more = 0;
    while (first[count])
        count++;
    while (rest[more])
        more++;
    const char **all = arena_array(step->arena, count + more + 1, sizeof *all);
    for (size_t i = 0; i < count + more; i++)
        all[i] = i < count ? first[i] : rest[i - count];
    return all;
}

/* As docker run has it: words replace Cmd, an entrypoint of one's own both. */
static void choose_command(const struct step *step, const struct wish *wish, struct plan *plan)
{
    static const char *const none[] = {NULL}, *const shell[] = {"/bin/sh", NULL};
    const char *const own[] = {wish->entrypoint, NULL};
    if (!wish->is_image)
        plan->argv = words_after(step, *wish->words ? none : shell, wish->words);
    else if (wish->entrypoint)
        plan->argv = words_after(step, own, wish->words);
    else if (*wish->words)
        plan->argv = words_after(step, plan->entrypoint ? plan->entrypoint : none, wish->words);
    if (!plan->argv[0])
        die_usage("%s: the image has no command of its own: give one", step->label);
}

static void choose_network(const struct wish *wish, struct plan *plan)
{
    static const char *const words[] = {[NETWORK_DEFAULT] = "default", [NETWORK_NONE] = "none", [NETWORK_HOST] = "host"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcmp(words[i], wish->network)) {
            plan->network = (enum network)i;
            return;
        }
    die_usage("--network=%s: none, host or default is wanted", wish->network);
}

/* What comes later wins: the terminal's kind over the image's, and what was asked for over both. */
static const char **choose_env(const struct step *step, const struct wish *wish, const char **own)
{
    const char *term = isatty(STDIN_FILENO) ? getenv("TERM") : NULL;
    size_t count = 0;
    while (own[count])
        count++;
    const char **env = arena_array(step->arena, count + wish->env.count + 2, sizeof *env);
    memcpy(env, own, count * sizeof *env);
    if (term)
        env[count++] = arena_printf(step->arena, "TERM=%s", term);
    for (size_t i = 0; i < wish->env.count; i++)
        env[count++] = wish->env.items[i];
    return env;
}

static void choose(const struct step *step, const struct wish *wish, struct plan *plan)
{
    if (!strcmp(step->kind, "run"))
        plan_load(plan, step);
    else
        plan_of_config(plan, step);
    choose_command(step, wish, plan);
    plan->env = choose_env(step, wish, plan->env);
    if (wish->user)
        plan->user = wish->user;
    if (wish->cwd && *wish->cwd != '/')
        die_usage("--workdir=%s: an absolute path is wanted", wish->cwd);
    if (wish->cwd)
        plan->cwd = plan->entered = wish->cwd;
    if (wish->network)
        choose_network(wish, plan);
}

/* --- running --- */

static int run(struct step *step, const struct plan *plan, const struct rlimit *files)
{
    struct stamp root = step_root(step);
    struct store_tmp tmp;
    struct sandbox_end end;
    struct terminal terminal;
    int lock;
    if (store_tmp_make(&step->store, &tmp) < 0)
        step_die(step, "cannot work in the store %s:", step->store.path);
    struct tree *tree = step_tree(step, &root);
    const char *above = remains_find(step, tree, &lock);
    struct sandbox sandbox = {.step = step, .plan = plan, .layers = &root, .tree = tree, .tmp = &tmp,
                              .above = above, .terminal = &terminal, .files = files};
    sandbox_run(&sandbox, &end);
    single_view_close(&end.owners);
    copied_free(end.copied);
    scratch_drop(end.scratch, &tmp);
    store_tmp_drop(&step->store, &tmp);
    if (lock >= 0)
        close(lock);
    if (end.signal)
        return 128 + end.signal;
    if (!end.was_started) {
        warn("%s: %s", plan->argv[0], *end.reason ? end.reason : "it was killed");
        return end.status;
    }
    return WIFSIGNALED(end.status) ? 128 + WTERMSIG(end.status) : WEXITSTATUS(end.status);
}

int main(int argc, char **argv)
{
    struct wish wish = {0};
    struct step step;
    struct plan plan;
    struct rlimit files;
    program_name = "dfgen-shell";
    umask(022);
    signal(SIGPIPE, SIG_DFL);
    const char *file = parse(argc, argv, &wish);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    getrlimit(RLIMIT_NOFILE, &files);
    /* Before the sealed copy: a program that cannot be read belongs to the user namespace it was started in, and so do its children. */
    enum id_mode mode = idmode_enter();
    if (!sealed_is_running()) {
        sealed_exec(argv);
        die("cannot start a sealed copy of dfgen-shell:");
    }
    mnt_leave();
    if (wish.probed) {
        probe_print(wish.probed, mode);
        return EXIT_DONE;
    }
    step_load(&step, file, mode);
    choose(&step, &wish, &plan);
    int status = run(&step, &plan, &files);
    step_close(&step);
    return status;
}
