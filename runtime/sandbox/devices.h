/* Which devices a RUN of real root may open. */
#ifndef DFGEN_SANDBOX_DEVICES_H
#define DFGEN_SANDBOX_DEVICES_H

/* Processes of this control group (version 2) can make any node and open those of the list. -1 with errno. */
int devices_guard(int group);

#endif
