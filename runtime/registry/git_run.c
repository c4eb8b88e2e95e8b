/*
 * Owns the surroundings that git runs in, and what it says when it fails. Called by git.c. Must not know what git is
 * asked for.
 */
#include "runtime/registry/git_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/span.h"
#include "runtime/lib/url.h"
#include "runtime/lib/vec.h"

enum { OUT_LIMIT = 64 * 1024 * 1024, MESSAGE_LIMIT = 2000, NO_GIT = 127 };

/* Whatever the repository or its attributes say, these hold; submodules inherit them. */
static const char *const config[] = {
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.symlinks=true",
    "core.fileMode=true",
    "core.sharedRepository=umask",
    "core.logAllRefUpdates=false",
    "core.askPass=",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "init.defaultBranch=main",
    "protocol.file.allow=never",
    "protocol.ext.allow=never",
    "http.followRedirects=initial",
    "fetch.recurseSubmodules=no",
    "advice.detachedHead=false",
};

/* No text of a Dockerfile is in here. */
static const char *const fixed[] = {
    "LC_ALL=C",
    "HOME=/dev/null",
    "XDG_CONFIG_HOME=/dev/null",
    "GIT_CONFIG_NOSYSTEM=1",
    "GIT_CONFIG_GLOBAL=/dev/null",
    "GIT_TERMINAL_PROMPT=0",
    "GIT_ATTR_NOSYSTEM=1",
    "GIT_HTTP_LOW_SPEED_LIMIT=1",
    "GIT_HTTP_LOW_SPEED_TIME=60",
    "GIT_SSH_VARIANT=ssh",
    ("GIT_SSH_COMMAND=ssh -F none -o BatchMode=yes -o ConnectTimeout=30 -o "
     "UserKnownHostsFile=\"$DFGEN_HOME/.ssh/known_hosts\""),
};

static const char *const passed[] = {
    "PATH", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
    "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef VEC(char *) string_list;

static void free_list(string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    vec_free(list);
}

static void add_variable(string_list *list, const char *name, const char *value)
{
    if (value)
        vec_push(list, xasprintf("%s=%s", name, value));
}

static string_list make_environment(const struct git_run *run)
{
    string_list list = {0};
    for (size_t i = 0; i < COUNT(fixed); i++)
        vec_push(&list, xstrdup(fixed[i]));
    for (size_t i = 0; i < COUNT(passed); i++)
        add_variable(&list, passed[i], getenv(passed[i]));
    const char *home = getenv("HOME");
    add_variable(&list, "DFGEN_HOME", home ? home : "");
    add_variable(&list, "GIT_ALLOW_PROTOCOL", run->protocols);
    add_variable(&list, "SSH_AUTH_SOCK", run->agent);
    vec_push(&list, NULL);
    return list;
}

static string_list make_words(const char *const *words)
{
    string_list list = {0};
    vec_push(&list, xstrdup("git"));
    for (size_t i = 0; i < COUNT(config); i++) {
        vec_push(&list, xstrdup("-c"));
        vec_push(&list, xstrdup(config[i]));
    }
    for (; *words; words++)
        vec_push(&list, xstrdup(*words));
    vec_push(&list, NULL);
    return list;
}

_Noreturn static void become_git(const struct git_run *run, char **words, char **environment, const int out[2])
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(out[0], STDOUT_FILENO) >= 0 &&
        dup2(out[1], STDERR_FILENO) >= 0 && fchdir(run->dir) == 0)
        execvpe("git", words, environment);
    _exit(NO_GIT);
}

/* Both pipes to their ends; of what is too much the rest is dropped. */
static void read_pipes(const int pipes[2], struct buf *texts[2], const size_t limits[2])
{
    struct pollfd polls[2] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLIN, 0}};
    char piece[16384];
    while (polls[0].fd >= 0 || polls[1].fd >= 0) {
        if (poll(polls, 2, -1) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < 2; i++) {
            if (polls[i].fd < 0 || !polls[i].revents)
                continue;
            ssize_t len = read(polls[i].fd, piece, sizeof piece);
            if (len == 0 || (len < 0 && errno != EINTR && errno != EAGAIN))
                polls[i].fd = -1;
            if (len > 0 && texts[i]->len + (size_t)len <= limits[i])
                buf_add(texts[i], piece, (size_t)len);
        }
    }
}

/* What git says, as one line that can be shown: a server may have written it. */
static char *message(const struct buf *said, int status)
{
    struct buf line = {0}, out = {0};
    struct span text = {buf_text(said), said->len};
    while (text.len && text.text[text.len - 1] <= ' ')
        text.len--;
    url_add_public(&line, text);
    buf_puts(&out, "git: ");
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == '\n')
            buf_puts(&out, "; ");
        else
            buf_putc(&out, line.data[i] >= ' ' && line.data[i] < 0x7f ? line.data[i] : '?');
    }
    if (!line.len && WIFSIGNALED(status))
        buf_printf(&out, "ended by signal %d", WTERMSIG(status));
    else if (!line.len)
        buf_printf(&out, "exit code %d", WEXITSTATUS(status));
    buf_free(&line);
    return buf_take(&out);
}

char *git_run(const struct git_run *run, const char *const *words, struct buf *out)
{
    int output[2], errors[2], status = 0;
    if (pipe2(output, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0)
        die("cannot make a pipe:");
    string_list arguments = make_words(words), environment = make_environment(run);
    pid_t child = fork();
    if (child < 0)
        die("cannot start git:");
    if (child == 0)
        become_git(run, arguments.items, environment.items, (int[2]){output[1], errors[1]});
    close(output[1]);
    close(errors[1]);
    free_list(&arguments);
    free_list(&environment);
    struct buf unused = {0}, said = {0};
    read_pipes((int[2]){output[0], errors[0]}, (struct buf *[2]){out ? out : &unused, &said},
               (const size_t[2]){out ? OUT_LIMIT : 0, MESSAGE_LIMIT});
    close(output[0]);
    close(errors[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    char *error = NULL;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_GIT && !said.len)
        error = xstrdup("the program git is not there, and is needed for git sources (Debian: git)");
    else if (!WIFEXITED(status) || WEXITSTATUS(status))
        error = message(&said, status);
    buf_free(&unused);
    buf_free(&said);
    return error;
}
