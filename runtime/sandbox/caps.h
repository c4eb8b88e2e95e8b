/* Capabilities and ids of the payload. */
#ifndef DFGEN_SANDBOX_CAPS_H
#define DFGEN_SANDBOX_CAPS_H

#include <stdbool.h>
#include <stdint.h>

struct identity; /* runtime/sandbox/user.h */

/* The container default set. */
uint64_t caps_default(void);

/*
 * Become the identity with only these capabilities (and those the process has), none inheritable or ambient. Needs all
 * that it is to give up. -1 with errno; *what names the call.
 */
int caps_become(const struct identity *identity, uint64_t kept, const char **what);

/*
 * The same where there is one id only: who is to be root keeps these capabilities, anybody else has none and gets none
 * by exec.
 */
int caps_become_single(const struct identity *identity, uint64_t kept, const char **what);

/* All capabilities the process has now. */
uint64_t caps_held(void);

#endif
