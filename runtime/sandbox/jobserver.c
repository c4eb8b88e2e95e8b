/*
 * Owns the reading of MAKEFLAGS. Called by dfgen-run and by the payload. Must not know what runs.
 */
#include "runtime/sandbox/jobserver.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/span.h"

/* make before 4.2 says fds. */
static const char *const auth_words[] = {"--jobserver-auth=", "--jobserver-fds="};

static const char *flags_of_make(void)
{
    const char *flags = getenv("MAKEFLAGS");
    return flags ? flags : "";
}

/* The value behind a word that begins so; the last one counts. */
static struct span find_word(const char *flags, const char *beginning)
{
    struct span found = {NULL, 0};
    for (const char *at = flags; *at;) {
        size_t len = strcspn(at, " "), head = strlen(beginning);
        if (len > head && !strncmp(at, beginning, head))
            found = (struct span){at + head, len - head};
        at += len + strspn(at + len, " ");
    }
    return found;
}

static bool is_pipe(int fd)
{
    struct stat st;
    return fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* "fifo:PATH" or "READ,WRITE". make closes the descriptors for a program that is not marked, and says them all the same. */
static void open_pipes(struct jobserver *jobserver, const char *auth)
{
    int fds[2];
    char rest;
    if (!strncmp(auth, "fifo:", 5)) {
        int fd = open(auth + 5, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && is_pipe(fd))
            jobserver->read = jobserver->write = fd;
        else if (fd >= 0)
            close(fd);
    } else if (sscanf(auth, "%d,%d%c", &fds[0], &fds[1], &rest) == 2 && is_pipe(fds[0]) && is_pipe(fds[1])) {
        jobserver->read = fds[0];
        jobserver->write = fds[1];
    }
}

void jobserver_find(struct jobserver *jobserver)
{
    const char *flags = flags_of_make();
    struct span auth = {NULL, 0}, jobs = find_word(flags, "-j");
    *jobserver = (struct jobserver){.read = -1, .write = -1};
    for (size_t i = 0; i < sizeof auth_words / sizeof *auth_words && !auth.text; i++)
        auth = find_word(flags, auth_words[i]);
    if (auth.text) {
        char *text = xstrndup(auth.text, auth.len);
        open_pipes(jobserver, text);
        free(text);
    }
    if (jobserver->read >= 0)
        jobserver->flags = xasprintf("MAKEFLAGS= -j%.*s --jobserver-auth=%d,%d", SPAN(jobs), JOBSERVER_READ, JOBSERVER_WRITE);
}

/* Letters without a dash are the first word. */
bool jobserver_is_dry(void)
{
    const char *flags = flags_of_make();
    size_t len = strcspn(flags, " ");
    if (*flags == '-' || memchr(flags, '=', len))
        return false;
    return strcspn(flags, "nqt") < len;
}

int jobserver_connect(const struct jobserver *jobserver)
{
    /* Out of the way first: one may have the other's number. */
    autoclose int in = fcntl(jobserver->read, F_DUPFD_CLOEXEC, 10), out = fcntl(jobserver->write, F_DUPFD_CLOEXEC, 10);
    return in < 0 || out < 0 || dup2(in, JOBSERVER_READ) < 0 || dup2(out, JOBSERVER_WRITE) < 0 ? -1 : 0;
}
