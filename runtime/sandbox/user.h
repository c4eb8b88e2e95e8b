/* Who the payload runs as: USER against the image's own passwd and group. */
#ifndef DFGEN_SANDBOX_USER_H
#define DFGEN_SANDBOX_USER_H

#include <stddef.h>
#include <stdint.h>

struct step;

struct identity {
    uint32_t uid, gid;
    const uint32_t *groups; /* the primary one first */
    size_t group_count;
    const char *home;
};

/*
 * root: O_PATH descriptor of the root. Strings are the step's arena's. Ends the process when there is no such user or
 * group.
 */
void user_resolve(const struct step *step, int root, const char *user, struct identity *identity);

#endif
