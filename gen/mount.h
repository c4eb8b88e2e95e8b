/*
 * The mounts of RUN: --mount=k=v,… (reference/dockerfile.md §9.4). Pure: text and variables in, a struct or an error
 * text out.
 */
#ifndef DFGEN_MOUNT_H
#define DFGEN_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen/seq.h"

struct arena;
struct word_env;

enum mount_type { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };
extern const char *const mount_type_names[];

struct mount {
    enum mount_type type;
    struct span target;         /* as written; empty: not given */
    struct span source;         /* as written; empty: not given */
    struct span from;           /* stage, image or context; empty: not given */
    struct span id;             /* cache, secret, ssh; empty: not given */
    struct span env;            /* secret */
    const char *sharing;        /* cache: "shared", "private", "locked" */
    int64_t size;               /* tmpfs; 0: not given */
    int64_t mode, uid, gid;     /* -1: not given */
    bool is_readonly;
    bool is_required;
};

/*
 * One value of --mount. vars NULL: only what can be said without variables is checked and read ("from"; the rest of the
 * struct does not count). NULL, or what is wrong.
 */
const char *mount_parse(struct arena *arena, struct span text, char escape, const struct word_env *vars,
                        struct mount *mount);

#endif
