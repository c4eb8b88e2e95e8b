/* What is waited between tries of a request: longer each time, and never the same for all who were sent away at once. */
#ifndef DFGEN_REGISTRY_RETRY_H
#define DFGEN_REGISTRY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* Zero it to begin. */
struct retry {
    int tries;
};

/* Another try? Waits before it answers yes. asked_ms: what the server asked for (Retry-After); when too long: no. */
bool retry_wait(struct retry *retry, int64_t asked_ms);

#endif
