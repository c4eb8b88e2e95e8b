/*
 * A RUN's command, run: from layers and a plan to an exit status and an upper folder. Include runtime/sandbox/single.h
 * first.
 */
#ifndef DFGEN_SANDBOX_SANDBOX_H
#define DFGEN_SANDBOX_SANDBOX_H

#include <stdbool.h>

struct copied;
struct jobserver;
struct output;
struct plan;
struct rlimit;
struct scratch;
struct stamp;
struct step;
struct store_tmp;
struct terminal;
struct tree;

struct sandbox {
    const struct step *step;
    const struct plan *plan;
    const struct stamp *layers;
    const struct tree *tree;        /* of the layers */
    struct store_tmp *tmp;          /* tmp/…/layer/fs becomes the upper folder */
    const char *above;              /* rootfs.h; NULL: none */
    struct output *output;          /* of the command; NULL: terminal has it */
    struct terminal *terminal;
    const struct jobserver *jobserver; /* that the command may use; NULL: none */
    const struct rlimit *files;     /* RLIMIT_NOFILE for the command */
};

struct sandbox_end {
    bool was_started;
    int status;         /* as of waitpid; when it was not started the exit code 125, 126 or 127 */
    char reason[1024];  /* then: why */
    bool is_late;       /* it was killed when its time was over */
    bool ran_out;       /* the kernel killed some of it for want of memory */
    struct single_view owners;  /* of what it has left; to be closed when it was committed */
    struct copied *copied;      /* copied.h; the same */
    struct scratch *scratch;    /* scratch.h; to be dropped before tmp is */
    int signal;         /* this process was asked to end by it: everything has been killed. 0: no */
};

/* The mount namespace must be this process's own. Returns when no process or mount of the payload is left. */
void sandbox_run(const struct sandbox *sandbox, struct sandbox_end *end);

/* A signal to end that has come since sandbox_run; 0: none. */
int sandbox_pending_signal(void);

#endif
