/*
 * The network of a RUN that is neither the host's nor none: a namespace of its own, and a program that passes packets
 * on.
 */
#ifndef DFGEN_SANDBOX_UPLINK_H
#define DFGEN_SANDBOX_UPLINK_H

#include <stdbool.h>
#include <sys/types.h>

struct uplink {
    const struct uplink_kind *kind; /* NULL: the host's network */
    pid_t pid;
    int said;                       /* what the program says */
};

/*
 * Choose what this machine has. *why gets a static text when that is the host's network. is_root: no user namespace is
 * around.
 */
void uplink_choose(struct uplink *uplink, bool is_root, const char **why);

/* The name server that the program offers; NULL: none. */
const char *uplink_server(const struct uplink *uplink);

/*
 * Connect the network namespace of a process, which lies at the path netns, and wait until it has a route. -1 with
 * *why, malloc'd.
 */
int uplink_start(struct uplink *uplink, pid_t inside, const char *netns, char **why);

void uplink_stop(struct uplink *uplink);

#endif
