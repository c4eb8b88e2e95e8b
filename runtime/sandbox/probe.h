/* What RUN's sandbox finds on this machine, tried and not guessed. */
#ifndef DFGEN_SANDBOX_PROBE_H
#define DFGEN_SANDBOX_PROBE_H

#include "runtime/lib/store.h"

/*
 * Print a line each: how roots are put together and why, the limits that can be set, how device nodes are guarded.
 * Ends the process on failure.
 */
void probe_print(const char *store, enum id_mode mode);

#endif
