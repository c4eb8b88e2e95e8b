/* The supervisor of a single-id sandbox: threads that answer the calls which the filter sends. */
#ifndef DFGEN_SANDBOX_NOTIFY_H
#define DFGEN_SANDBOX_NOTIFY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct fake;
struct owners;
struct supervisor;
struct identity;

/* Load the filter into this process. The descriptor that calls are received by; -1 with errno. */
int notify_load(const struct fake *fake);

/* Pass a descriptor to the process at the other end of a socket, and take it there. -1 with errno. */
int notify_send(int socket, int fd);
int notify_receive(int socket);

struct notify {
    const struct fake *fake;
    struct owners *owners;
    const struct identity *identity;
    int upper;          /* the upper folder */
    int state;          /* a file: what is noted is left there */
};

/*
 * Answer until the process ends. It must have been made for this: its root becomes the payload's (pid's, as this
 * process sees it). proc: a procfs of this process's PID namespace. -1 with errno.
 */
int notify_start(const struct notify *notify, int listener, int proc, pid_t payload);

#endif
