/* The syscall filter of a RUN, as a program for seccomp(2). */
#ifndef DFGEN_SANDBOX_FILTER_H
#define DFGEN_SANDBOX_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

enum { FILTER_ROOM = 1024 };

/*
 * Write the program for a payload with these capabilities; the number of instructions. 0: this build has no filter
 * (configured without libseccomp), or none for this machine's architecture.
 */
size_t filter_build(uint64_t caps, struct sock_filter program[FILTER_ROOM]);

#endif
