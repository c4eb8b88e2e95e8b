/*
 * --chown and the owner of folders that WORKDIR makes: names looked up in the root being built (reference/dockerfile.md
 * §8.4).
 */
#ifndef DFGEN_COPY_OWNER_H
#define DFGEN_COPY_OWNER_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct tree;

struct owner {
    uint32_t uid, gid;
};

/*
 * "U[:G]" as numbers. root NULL: there is no root to look names up in (--link, an empty stage). -1 with *error a text
 * of the arena. A name that is not found is 0, as the reference has it.
 */
int owner_find(const struct tree *root, struct arena *arena, const char *text, struct owner *owner, const char **error);

#endif
