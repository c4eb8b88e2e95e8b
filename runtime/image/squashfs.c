/*
 * Owns the call of sqfstar, which makes a squashfs out of the tar that a root is written as: owners, devices and
 * xattrs come from there, so that no right is needed to make them. Called by dfgen-export. Must not know layers.
 */
#include "runtime/image/squashfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/image/rootfs.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/tar/write.h"

static int put(void *data, const void *bytes, size_t len)
{
    return fd_write_all(*(const int *)data, bytes, len);
}

/*
 * The time of the whole and of the root folder, which the tar does not name, come from SOURCE_DATE_EPOCH. It is the
 * newest file's, since the tool lowers later ones to it.
 */
_Noreturn static void run_tool(int in, const char *time, const char *path)
{
    const char *words[] = {"sqfstar",    "-quiet", "-no-progress", "-reproducible", "-exit-on-error", "-root-mode",
                           "755", "-root-uid",    "0",       "-root-gid",     "0",              path,             NULL};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (setenv("SOURCE_DATE_EPOCH", time, 1) < 0 || null < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(null,
                                                                                                   STDOUT_FILENO) < 0)
        _exit(126);
    execvp(words[0], (char **)words);
    _exit(errno == ENOENT ? 127 : 126);
}

static char *explain(int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return xstrdup("a squashfs needs the program sqfstar of squashfs-tools 4.5 or newer (Debian: squashfs-tools)");
    if (WIFEXITED(status))
        return xasprintf("sqfstar failed with exit code %d", WEXITSTATUS(status));
    return xasprintf("sqfstar ended by signal %d", WTERMSIG(status));
}

char *squashfs_write(const struct rootfs *rootfs, const char *path)
{
    int ends[2], status;
    char time[24];
    int64_t seconds;
    char *error = rootfs_newest(rootfs, &seconds);
    if (error)
        return error;
    /* The format has 32 bits without a sign. */
    seconds = seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : seconds;
    snprintf(time, sizeof time, "%" PRId64, seconds);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return xstrdup(strerror(errno));
    pid_t child = fork();
    if (child == 0)
        run_tool(ends[0], time, path);
    close(ends[0]);
    error = child < 0 ? xstrdup(strerror(errno)) : NULL;
    /* A tool that ended early shows as EPIPE, and its exit code says why. */
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    if (!error)
        error = rootfs_write_tar(rootfs, &(struct tar_sink){put, &ends[1]});
    signal(SIGPIPE, old);
    close(ends[1]);
    if (child < 0)
        return error;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        free(error);
        error = explain(status);
    }
    return error;
}
