/* A set of digests. What they name (a blob, a layer, both) does not matter: no two things have the same one. */
#ifndef DFGEN_GC_DIGESTS_H
#define DFGEN_GC_DIGESTS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/digest.h"

struct digest_set {
    struct digest *slots;
    bool *taken;
    size_t count, room;
};

/* True when it was not there. */
bool digest_set_add(struct digest_set *set, const struct digest *digest);
bool digest_set_has(const struct digest_set *set, const struct digest *digest);
void digest_set_free(struct digest_set *set);

/* Call see with each "sha256:HEX" and "tree:HEX" of a text, in whatever format it is. */
void digests_in(const char *text, size_t len, void (*see)(void *data, const struct digest *digest), void *data);

#endif
