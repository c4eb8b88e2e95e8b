/* Helpers that are told on standard input what to do, as a JSON object (runtime/lib/request.h is their side). */
#ifndef DFGEN_TELL_H
#define DFGEN_TELL_H

#include <sys/types.h>

struct arena;
struct json_t;

/*
 * Start the helper (dfgen-save, say) with that request; out is its standard output (-1: ours). For child_wait. Ends the process when it
 * cannot be started. One that does not read to the end is no failure here: its exit code says more.
 */
pid_t tell_helper(struct arena *arena, const char *name, const struct json_t *request, int out);

#endif
