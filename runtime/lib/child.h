/* Child processes: work that another process does, and what its end says. */
#ifndef DFGEN_CHILD_H
#define DFGEN_CHILD_H

#include <sys/types.h>

/* What a child does; it ends with the exit code that this returns. Or it becomes a program, or ends by itself. */
typedef int (*child_work)(const void *data);

/*
 * A child that does the work. What was printed so far is written out first, or it would be printed twice. -1 with errno.
 */
pid_t child_start(child_work work, const void *data);

/*
 * Wait until it ends: its exit code, 128+n when signal n has ended it. -1 with errno; that of child_start is kept when it
 * has failed (child is -1).
 */
int child_wait(pid_t child);

/* Both. */
int child_run(child_work work, const void *data);

/*
 * Work: be the program (found in $PATH) of these words, an array of const char * with NULL at its end. Comes back with
 * 127 when there is none, 126 when it cannot be run.
 */
int child_exec(const void *words);

#endif
