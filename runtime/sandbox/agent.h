/* ssh agents for a RUN: sockets inside that lead to the user's agent outside. */
#ifndef DFGEN_SANDBOX_AGENT_H
#define DFGEN_SANDBOX_AGENT_H

#include <stdint.h>
#include <sys/types.h>

struct agents;

struct agents *agents_new(void);

/* Listen on a new socket NAME in folder, for the agent at path upstream. -1 with errno. */
int agents_listen(struct agents *agents, int folder, const char *name, const char *upstream);

/* Begin to serve, in a thread that ends with the process. After the payload's processes are started. -1 with errno. */
int agents_serve(struct agents *agents);

#endif
