/* A person at the sandbox: the streams of dfgen-shell, over a terminal of the sandbox's own or over pipes. */
#ifndef DFGEN_SANDBOX_TERMINAL_H
#define DFGEN_SANDBOX_TERMINAL_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

struct terminal {
    bool is_tty;            /* the caller's stdin and stdout are a terminal: the payload gets one as well */
    int link[2];            /* then: over it the payload hands its terminal out; [1] is the payload's end */
    int pipes[3][2];        /* else: its stdin, stdout, stderr */
    int master;
    pthread_t thread;
    bool has_thread, is_raw;
    struct termios saved;   /* of the caller's terminal */
};

/* Before the payload is cloned. -1 with errno. */
int terminal_prepare(struct terminal *terminal);

/*
 * In the payload's process, inside its root, after setsid: make the streams its own; owner is who it will be
 * ((uid_t)-1: it is). -1 with errno; *what then names the call.
 */
int terminal_connect(const struct terminal *terminal, uid_t owner, const char **what);

/* In a process between the two: let go of the streams, so that their ends are seen. */
void terminal_leave(const struct terminal *terminal);

/* In the helper, when the payload has been cloned: carry bytes to and fro until terminal_finish. -1 with errno. */
int terminal_start(struct terminal *terminal);

/* When the payload is gone: what it said last is passed on, and the caller's terminal is as it was. */
void terminal_finish(struct terminal *terminal);

#endif
