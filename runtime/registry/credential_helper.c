/*
 * Owns one call of a credential helper. Called by credentials. What it prints may be a secret and is never shown.
 */
#include "runtime/registry/credential_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/registry/credentials.h"

enum { ANSWER_LIMIT = 64 * 1024 };

extern char **environ;

/* A name goes into PATH's search: it is no path of its own. */
static bool is_name(const char *name)
{
    return *name && strlen(name) < 128 && !strchr(name, '/');
}

static const char *start(struct arena *arena, const char *program, int in, int out, pid_t *pid)
{
    char *argv[] = {arena_strdup(arena, program), "get", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int error = posix_spawnp(pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error ? arena_printf(arena, "cannot run the credential helper %s: %s", program, strerror(error)) : NULL;
}

static void take_answer(struct arena *arena, const json_t *json, struct credentials *found)
{
    const char *user = json_get_string(json, "Username", ""), *secret = json_get_string(json, "Secret", "");
    if (!strcmp(user, "<token>")) {
        found->identity_token = arena_strdup(arena, secret);
    } else if (*user) {
        found->user = arena_strdup(arena, user);
        found->password = arena_strdup(arena, secret);
    }
}

/* Everything said, its end awaited. */
static const char *converse(struct arena *arena, const char *program, const char *server, struct buf *answer)
{
    int in[2], out[2];
    pid_t pid = 0;
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return arena_printf(arena, "cannot make a pipe: %s", strerror(errno));
    const char *why = start(arena, program, in[0], out[1], &pid);
    close(in[0]);
    close(out[1]);
    int status = 0;
    /* It may end without reading: then the pipe is broken, which is no reason to die. The name fits into a pipe's buffer. */
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    if (!why)
        fd_write_all(in[1], server, strlen(server));
    close(in[1]);
    signal(SIGPIPE, old);
    if (!why && fd_read_all(out[0], answer, ANSWER_LIMIT) < 0)
        why = arena_printf(arena, "the credential helper %s gives no answer: %s", program, strerror(errno));
    close(out[0]);
    if (pid)
        waitpid(pid, &status, 0);
    /* "Not found" is an exit code of 1 with words that differ. */
    bool is_unknown = !WIFEXITED(status) || WEXITSTATUS(status);
    if (is_unknown && !why) {
        if (!strstr(buf_text(answer), "not found"))
            why = arena_printf(arena, "the credential helper %s failed for %s: log in again, or remove it from the file", program,
                               server);
        buf_clear(answer);
    }
    return why;
}

const char *credential_helper_ask(struct arena *arena, const char *name, const char *server, struct credentials *found)
{
    if (!is_name(name))
        return arena_printf(arena, "\"%s\" is no name of a credential helper", name);
    const char *program = arena_printf(arena, "docker-credential-%s", name);
    struct buf answer = {0};
    const char *why = converse(arena, program, server, &answer);
    json_t *json = !why && answer.len ? json_parse((struct span){answer.data, answer.len}, NULL) : NULL;
    if (!why && answer.len && !json)
        why = arena_printf(arena, "the credential helper %s did not answer with JSON", program);
    take_answer(arena, json, found);
    json_decref(json);
    if (answer.data)
        explicit_bzero(answer.data, answer.len);
    buf_free(&answer);
    return why;
}
