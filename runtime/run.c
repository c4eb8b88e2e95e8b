/*
 * dfgen-run: a RUN's command in its sandbox, and what it left as a layer. Knows the order of things: key, action cache, sandbox, commit, stamp;
 * not how any of them works. Prints nothing when all is well.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/commit.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/step.h"
#include "runtime/lib/tree.h"
#include "runtime/sandbox/jobserver.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/output.h"
#include "runtime/sandbox/plan.h"
#include "runtime/sandbox/remains.h"
#include "runtime/sandbox/scratch.h"
#include "runtime/sandbox/single.h"

#include "runtime/sandbox/copied.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/sealed.h"
#include "runtime/sandbox/secret.h"

static const char help[] = "Run the command of a RUN in a sandbox, and keep what it changed as a layer.";

/* What the mount shows is part of the key: the content at its source, wherever that lies. */
static void add_mount(const struct step *step, const struct plan_mount *mount, struct digest_state *key)
{
    struct stamp stamp = step_stamp(step, step_input(step, INPUT_STAGE, (size_t)mount->n));
    struct tree *tree = step_tree(step, &stamp);
    struct digest digest;
    const char *path;
    if (!tree_resolve(tree, step->arena, mount->source, true, &path))
        step_die(step, "mount on %s: cannot find %s:", mount->target, mount->source);
    tree_digest(tree, path, &digest);
    digest_add(key, digest.bytes, sizeof digest.bytes);
    tree_free(tree);
}

struct run_key {
    char hex[65];
    bool has_secrets;
    struct digest secrets;
};

static void make_key(const struct step *step, const struct plan *plan, const struct stamp *root, struct run_key *made)
{
    struct digest_state key;
    step_key_begin(step, root, &key);
    for (size_t i = 0; i < plan->mount_count; i++)
        if (plan->mounts[i].n >= 0)
            add_mount(step, &plan->mounts[i], &key);
    made->has_secrets = secret_mark(step, plan, &made->secrets);
    if (made->has_secrets)
        digest_add(&key, made->secrets.bytes, sizeof made->secrets.bytes);
    step_key_end(&key, made->hex);
}

/* Which of its contents the command saw nobody knows: no result of either. */
static void check_secrets(const struct step *step, const struct plan *plan, const struct run_key *key)
{
    struct digest now;
    if (key->has_secrets && secret_mark(step, plan, &now) && memcmp(now.bytes, key->secrets.bytes, sizeof now.bytes))
        step_die(step, "a secret changed while it ran, and dfgen.ini wants the result to depend on it: run it again");
}

/* The layer that this key gave before; NULL when there is none, or it is not in the store any more. */
static const char *look_up(const struct step *step, const char *key)
{
    struct buf record = {0};
    const char *id = NULL;
    if (store_action_get(&step->store, key, &record) == 0 && record.len) {
        id = arena_strndup(step->arena, record.data, strcspn(record.data, "\n"));
        if (!store_has_layer(&step->store, id))
            id = NULL;
    }
    buf_free(&record);
    return id;
}

/* --- failure --- */

/* "npm ci" of "RUN npm ci" */
static const char *command_of(const struct step *step)
{
    const char *text = step->text;
    if (!strncasecmp(text, "RUN ", 4))
        text += 4;
    return text + strspn(text, " ");
}

/* A process that the kernel killed may be any of the command's: it is said beside the exit code. */
static const char *memory_text(const struct sandbox_end *end)
{
    return end->ran_out ? "; the kernel killed a process of it, since the memory of --memory was used up" : "";
}

static const char *end_text(const struct step *step, const struct sandbox_end *end, int64_t timeout)
{
    if (end->is_late)
        return arena_printf(step->arena, "its time was over (--timeout, %lld s)", (long long)timeout);
    if (!end->was_started)
        return arena_printf(step->arena, "exit code: %d: %s", end->status, *end->reason ? end->reason : "it was killed");
    if (WIFSIGNALED(end->status)) {
        int number = WTERMSIG(end->status);
        return arena_printf(step->arena, "exit code: %d (signal %d, %s)", 128 + number, number, strsignal(number));
    }
    return arena_printf(step->arena, "exit code: %d", WEXITSTATUS(end->status));
}

static void print_failure(const struct step *step, const struct output *output, const struct sandbox_end *end, int64_t timeout,
                          const char *log)
{
    struct buf out = {0};
    buf_printf(&out, "%s: %s\n", *step->where ? step->where : step->file, step->text);
    output_tail(output, "  | ", &out);
    buf_printf(&out, "%s: %s: \"%s\" failed: %s%s\n", program_name, step->label, command_of(step),
               end_text(step, end, timeout), memory_text(end));
    if (output->end)
        buf_printf(&out, "full log: %s\n", log);
    if (end->was_started && !strncmp(step->base, ".dfgen/", 7))
        buf_printf(&out, "a shell there: dfgen shell %s\n", step->base + 7);
    /* In one piece: other helpers write to the same terminal. */
    fd_write_all(STDERR_FILENO, out.data, out.len);
    buf_free(&out);
}

/* --- running --- */

static int open_log(const struct step *step, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        step_die(step, "cannot write %s:", path);
    return fd;
}

static bool has_succeeded(const struct sandbox_end *end)
{
    return !end->is_late && end->was_started && WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0;
}

/* What became of the root, with what it takes to tell. */
struct outcome {
    struct commit_view view;
    struct commit_whole whole;
    struct commit_source source;
};

static const struct commit_source *outcome_of(const struct tree *tree, struct sandbox_end *end, struct outcome *outcome)
{
    outcome->source = (struct commit_source){
        .lower = tree, .view = single_commit_view(&end->owners, &outcome->view), .whole = copied_commit_whole(end->copied, &outcome->whole),
    };
    return &outcome->source;
}

static void commit(struct step *step, struct store_tmp *tmp, const struct tree *tree, struct sandbox_end *end, char id[COMMIT_ID])
{
    char *where;
    struct outcome outcome;
    if (commit_layer(&step->store, tmp, "layer", outcome_of(tree, end, &outcome), id, &where) < 0) {
        int saved = errno;
        scratch_drop(end->scratch, tmp);
        store_tmp_drop(&step->store, tmp);
        errno = saved;
        step_die(step, "cannot make a layer of what the command left%s%s:", where ? ", at /" : "", where ? where : "");
    }
    free(where);
}

/* What this process was started with and the command gets. */
struct from_caller {
    struct rlimit files;    /* RLIMIT_NOFILE */
    struct jobserver jobserver;
};

/* Returns with the new layer's id; ends the process when the command fails. */
static void run(struct step *step, const struct plan *plan, const struct stamp *root, const struct from_caller *caller,
                char id[COMMIT_ID])
{
    struct tree *tree = step_tree(step, root);
    struct store_tmp tmp;
    struct output output;
    struct sandbox_end end;
    struct outcome outcome;
    const char *path = arena_printf(step->arena, "%s.log", step->base);
    output_begin(&output, open_log(step, path));
    if (store_tmp_make(&step->store, &tmp) < 0)
        step_die(step, "cannot work in the store %s:", step->store.path);
    struct sandbox sandbox = {.step = step, .plan = plan, .layers = root, .tree = tree, .tmp = &tmp, .output = &output, .files = &caller->files,
                              .jobserver = caller->jobserver.read < 0 ? NULL : &caller->jobserver};
    sandbox_run(&sandbox, &end);
    if (!end.signal && end.was_started && !has_succeeded(&end))
        remains_keep(step, &tmp, outcome_of(tree, &end, &outcome));
    if (!end.signal && has_succeeded(&end)) {
        commit(step, &tmp, tree, &end, id);
        end.signal = sandbox_pending_signal();
    }
    single_view_close(&end.owners);
    copied_free(end.copied);
    scratch_drop(end.scratch, &tmp);
    store_tmp_drop(&step->store, &tmp);
    if (end.signal)
        exit(128 + end.signal);
    if (!has_succeeded(&end)) {
        print_failure(step, &output, &end, plan->timeout, path);
        exit(EXIT_BUILD);
    }
    close(output.log);
    output_end(&output);
    tree_free(tree);
}

int main(int argc, char **argv)
{
    const char *file = step_main(argc, argv, "dfgen-run", help);
    struct from_caller caller;
    if (jobserver_is_dry())
        return EXIT_DONE;
    jobserver_find(&caller.jobserver);
    bool is_sealed = sealed_is_running();
    /* Even when ninja is killed, what it started must end. */
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    getrlimit(RLIMIT_NOFILE, &caller.files);
    enum id_mode mode = idmode_enter();
    if (is_sealed)
        mnt_leave();
    struct step step;
    struct plan plan;
    struct run_key key;
    char made[COMMIT_ID];
    step_load(&step, file, mode);
    plan_load(&plan, &step);
    struct stamp root = step_root(&step);
    make_key(&step, &plan, &root, &key);
    const char *id = look_up(&step, key.hex);
    if (!id && !is_sealed) {
        setrlimit(RLIMIT_NOFILE, &caller.files);
        sealed_exec(argv);
        step_die(&step, "cannot start a sealed copy of dfgen-run:");
    }
    if (!id) {
        run(&step, &plan, &root, &caller, made);
        check_secrets(&step, &plan, &key);
        if (store_action_put(&step.store, key.hex, made) < 0)
            step_die(&step, "cannot note the result in the store:");
        id = made;
    }
    remains_drop(&step);
    step_write_stamp(&step, &root, id);
    step_close(&step);
    free(caller.jobserver.flags);
    return EXIT_DONE;
}
