/*
 * Owns the programs that connect a network namespace to the outside without any right on the host: their options, so that nothing of the
 * host's own loopback is reached through them, and their lives. Called by the sandbox. Must not know what a RUN does with its network.
 */
#include "runtime/sandbox/uplink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

enum { MAX_WORDS = 20, TABLE_LIMIT = 1024 * 1024, WAIT_TRIES = 2500 };

/* Best first. A word "@" is the path of the namespace. */
static const struct uplink_kind {
    const char *program;
    bool works_as_root;     /* pasta makes a user namespace of its own, out of which real root's network namespaces cannot be entered */
    const char *server;
    const char *words[MAX_WORDS];
} kinds[] = {
    /* By default a listener on the host's loopback answers inside, by the gateway's address and by 127.0.0.1. */
    {"pasta", false, NULL,
     {"pasta", "-f", "-e", "-q", "--config-net", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none", "--netns", "@"}},
    {"slirp4netns", true, "10.0.2.3",
     {"slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--netns-type=path", "@", "tap0"}},
};

static char *find_program(const char *name)
{
    const char *path = getenv("PATH");
    char *copy = xasprintf("%s:/usr/bin:/bin", path ? path : ""), *found = NULL, *save = NULL;
    for (char *dir = strtok_r(copy, ":", &save); dir && !found; dir = strtok_r(NULL, ":", &save)) {
        char *file = xasprintf("%s/%s", dir, name);
        if (*dir == '/' && access(file, X_OK) == 0)
            found = file;
        else
            free(file);
    }
    free(copy);
    return found;
}

static bool can_open_tun(void)
{
    autoclose int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    return fd >= 0;
}

/* A route that does not lead to the loopback: a line of either table with another device. */
static bool has_route(const char *process)
{
    static const char *const tables[] = {"route", "ipv6_route"};
    bool found = false;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !found; i++) {
        struct buf text = {0};
        char *path = xasprintf("/proc/%s/net/%s", process, tables[i]), *save = NULL;
        if (file_read_at(AT_FDCWD, path, &text, TABLE_LIMIT) == 0 && text.len)
            for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                /* The device stands first, or last; version 6 has link-local routes before there is a way out. */
                const char *device = i ? strrchr(line, ' ') : line;
                bool is_way_out = i ? !strncmp(line, "00000000000000000000000000000000 00 ", 36) : strstr(line, "\t00000000\t") != NULL;
                found |= is_way_out && device && strncmp(device, "Iface", 5) && strcmp(device, " lo");
            }
        free(path);
        buf_free(&text);
    }
    return found;
}

void uplink_choose(struct uplink *uplink, bool is_root, const char **why)
{
    const char *wish = getenv("DFGEN_UPLINK");
    bool is_any = !wish || !*wish || !strcmp(wish, "auto"), is_known = is_any || !strcmp(wish, "none");
    *uplink = (struct uplink){.said = -1};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !is_known; i++)
        is_known = !strcmp(wish, kinds[i].program);
    if (!is_known)
        die_usage("DFGEN_UPLINK is \"%s\"; it can be auto, none, pasta or slirp4netns", wish);
    *why = !is_any ? "DFGEN_UPLINK asks for what is not to be had" : is_root ? "slirp4netns is not installed" : "neither pasta (package passt) nor slirp4netns is installed";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !uplink->kind; i++) {
        bool is_asked = is_any || !strcmp(wish, kinds[i].program);
        char *program = is_asked && (kinds[i].works_as_root || !is_root) ? find_program(kinds[i].program) : NULL;
        if (program)
            uplink->kind = &kinds[i];
        free(program);
    }
    if (!is_any && !strcmp(wish, "none"))
        *why = "DFGEN_UPLINK says so";
    if (!uplink->kind)
        return;
    *why = !can_open_tun() ? "/dev/net/tun cannot be opened" : !has_route("self") ? "this machine has no network" : NULL;
    if (*why)
        uplink->kind = NULL;
}

const char *uplink_server(const struct uplink *uplink)
{
    return uplink->kind ? uplink->kind->server : NULL;
}

_Noreturn static void run_program(const struct uplink *uplink, char *program, const char *netns)
{
    char *words[MAX_WORDS + 1] = {NULL};
    sigset_t none;
    sigemptyset(&none);
    for (int i = 0; i < MAX_WORDS && uplink->kind->words[i]; i++)
        words[i] = xstrdup(strcmp(uplink->kind->words[i], "@") ? uplink->kind->words[i] : netns);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(uplink->said, STDOUT_FILENO) < 0 || dup2(uplink->said, STDERR_FILENO) < 0)
        _exit(127);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(program, words);
    _exit(127);
}

/* The last line that it said; pasta without a syslog says that of each line. */
static char *last_words(const struct uplink *uplink)
{
    char text[4096], *save = NULL;
    const char *last = "it does not work here";
    ssize_t len = pread(uplink->said, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (!strstr(line, "to syslog"))
            last = line;
    return xasprintf("%s: %s", uplink->kind->program, last);
}

static bool has_ended(struct uplink *uplink)
{
    if (waitpid(uplink->pid, NULL, WNOHANG) != uplink->pid)
        return false;
    uplink->pid = 0;
    return true;
}

int uplink_start(struct uplink *uplink, pid_t inside, const char *netns, char **why)
{
    const struct timespec moment = {.tv_nsec = 2000000};
    char *program = find_program(uplink->kind->program);
    char process[24];
    bool is_up = false;
    snprintf(process, sizeof process, "%ld", (long)inside);
    uplink->said = memfd_create("uplink", MFD_CLOEXEC);
    pid_t parent = getpid();
    uplink->pid = program && uplink->said >= 0 ? fork() : -1;
    if (uplink->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (getppid() != parent)
            _exit(127);
        run_program(uplink, program, netns);
    }
    for (int i = 0; i < WAIT_TRIES && uplink->pid > 0 && !is_up && !has_ended(uplink); i++) {
        is_up = has_route(process);
        if (!is_up)
            nanosleep(&moment, NULL);
    }
    free(program);
    if (is_up)
        return 0;
    *why = last_words(uplink);
    uplink_stop(uplink);
    return -1;
}

void uplink_stop(struct uplink *uplink)
{
    if (uplink->pid > 0) {
        kill(uplink->pid, SIGKILL);
        while (waitpid(uplink->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    uplink->pid = 0;
    fd_close_scope(&uplink->said);
    uplink->said = -1;
}
