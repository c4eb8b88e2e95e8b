/* One job done by as many threads as the machine has cores. */
#ifndef DFGEN_PARALLEL_H
#define DFGEN_PARALLEL_H

#include <stddef.h>

/*
 * Call work(data) in at most `most` threads at the same time (one at least: the caller's) and wait for all. work takes
 * pieces of the job until there are none.
 */
void parallel_run(size_t most, void *(*work)(void *data), void *data);

#endif
