/*
 * The keeper: PID 1 of the outer PID namespace. It starts the payload's process, waits for it, and takes everything
 * along when it ends.
 */
#ifndef DFGEN_SANDBOX_KEEPER_H
#define DFGEN_SANDBOX_KEEPER_H

#include <sys/types.h>

struct payload;

struct keeper {
    pid_t pid;
    int pidfd;
};

/* Start keeper and payload. The caller closes its own ends of output and report afterwards. -1 with errno. */
int keeper_start(struct keeper *keeper, const struct payload *payload);

/* Kill it and all it keeps. */
void keeper_kill(const struct keeper *keeper);

/* Wait until it is gone, and with it every process and mount of the payload. */
void keeper_wait(struct keeper *keeper);

#endif
