/*
 * Owns the way a request takes to a helper's standard input. Called by what hands work to dfgen-save, dfgen-import and dfgen-cache. Must
 * not know what is asked, nor wait for the end.
 */
#include "gen/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <unistd.h>

#include "gen/programs.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"

struct told {
    const char *program;
    int in, out;
};

static int be_told(const void *data)
{
    const struct told *told = data;
    if (dup2(told->in, STDIN_FILENO) >= 0 && (told->out < 0 || dup2(told->out, STDOUT_FILENO) >= 0))
        execl(told->program, told->program, (char *)NULL);
    die("cannot run %s:", told->program);
}

pid_t tell_helper(struct arena *arena, const char *name, const json_t *request, int out)
{
    struct told told = {arena_printf(arena, "%s/%s", programs_find(arena).helpers, name), -1, out};
    struct buf text = {0};
    int ends[2];
    json_write(request, &text);
    if (pipe2(ends, O_CLOEXEC) < 0)
        die("cannot make a pipe:");
    told.in = ends[0];
    pid_t child = child_start(be_told, &told);
    if (child < 0)
        die("cannot start %s:", told.program);
    close(ends[0]);
    /* What it has to say of its end counts more than ours. */
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    if (fd_write_all(ends[1], text.data, text.len) < 0 && errno != EPIPE)
        die("cannot tell %s what to do:", told.program);
    signal(SIGPIPE, old);
    close(ends[1]);
    buf_free(&text);
    return child;
}
