/*
 * Owns starting a child process and waiting for it. Called by commands of dfgen and by helpers that have other programs
 * do something. Must not know what the child does, nor print anything.
 */
#include "runtime/lib/child.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t child_start(child_work work, const void *data)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(work(data));
    return child;
}

int child_wait(pid_t child)
{
    int status;
    /* waitpid(-1) would take any other child. */
    if (child < 0)
        return -1;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int child_run(child_work work, const void *data)
{
    return child_wait(child_start(work, data));
}

int child_exec(const void *data)
{
    const char *const *words = data;
    execvp(words[0], (char **)(uintptr_t)words);
    return errno == ENOENT ? 127 : 126;
}
