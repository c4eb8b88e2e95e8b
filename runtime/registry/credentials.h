/*
 * User and password for a registry, from the files and helper programs of podman and docker (containers-auth.json(5)).
 */
#ifndef DFGEN_REGISTRY_CREDENTIALS_H
#define DFGEN_REGISTRY_CREDENTIALS_H

#include <stddef.h>

struct arena;

struct credentials {
    const char *user, *password;    /* NULL: none */
    const char *identity_token;     /* to be exchanged for others; NULL: none */
    const char *registry_token;     /* used as it is; NULL: none */
};

/*
 * For a repository ("docker.io/library/busybox"). authfile: --authfile, NULL: the usual ones. helpers: programs that are
 * asked besides those the files name. NULL, or what is wrong (the arena's); nothing found is nothing wrong.
 */
const char *credentials_find(struct arena *arena, const char *authfile, const char *const *helpers, size_t helper_count,
                             const char *repository, struct credentials *credentials);

#endif
