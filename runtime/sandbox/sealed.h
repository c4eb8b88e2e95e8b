/*
 * This program from a copy that nobody can write to: what the payload's process is, before it execs, could be opened by
 * it otherwise.
 */
#ifndef DFGEN_SANDBOX_SEALED_H
#define DFGEN_SANDBOX_SEALED_H

#include <stdbool.h>

/* True in a process that sealed_exec has started. */
bool sealed_is_running(void);

/* Start this program again, from a sealed copy in memory. Returns only with an error: -1 and errno. */
int sealed_exec(char **argv);

#endif
