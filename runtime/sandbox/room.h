/*
 * A sandbox while it is being furnished: what the parts of the sandbox share. Include runtime/lib/store.h and
 * runtime/sandbox/user.h first.
 */
#ifndef DFGEN_SANDBOX_ROOM_H
#define DFGEN_SANDBOX_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/lib/vec.h"

struct agents;
struct cgroup;
struct copied;
struct owners;
struct plan;
struct scratch;
struct step;
struct targets;
struct uplink;
struct tree;

struct room {
    const struct step *step;
    const struct plan *plan;
    struct store_tmp *tmp;
    struct store *store;
    int root;                   /* O_PATH, of the mounted root */
    int hidden;                 /* a tmpfs that the payload never sees whole: files to be shown somewhere */
    struct targets *targets;
    struct identity identity;
    VEC(int) points;            /* roots of what is mounted in tmp/…; detached before tmp is removed */
    VEC(int) caches;            /* folders of cache mounts, locked */
    VEC(const char *) env;      /* variables that mounts add */
    struct agents *agents;
    struct owners *owners;      /* single id: remembered instead of on the disk; else NULL */
    int noted;                  /* then: the file that they come back by */
    struct cgroup *cgroup;
    struct uplink *uplink;      /* NULL: none is wanted */
    bool has_host_network;
    int way;                    /* LAYERS_ (layers.h): how roots are put together */
    bool way_is_wish;           /* then in no other way */
    const char *why_not;        /* in the best way; NULL: nothing hindered it */
    struct scratch *scratch;    /* upper folders go below tmp/…/layer, which is a scratch folder; NULL: no */
    struct copied *copied;      /* the root is a copy of its layers; NULL: no */
    unsigned serial;            /* for names in tmp and hidden */
};

/*
 * A file with this content, and mode and owner, in the hidden tmpfs: an O_PATH descriptor. Ends the process when that
 * fails.
 */
int room_hide_file(struct room *room, const void *data, size_t len, mode_t mode, const uint32_t owner[2]);

#endif
