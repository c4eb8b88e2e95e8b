/* What a run step asks for, out of its step file and the settings, checked: no later code reads JSON. */
#ifndef DFGEN_SANDBOX_PLAN_H
#define DFGEN_SANDBOX_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct step;

enum network { NETWORK_DEFAULT, NETWORK_NONE, NETWORK_HOST };
enum mount_type { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };
enum sharing { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED };

struct plan_mount {
    enum mount_type type;
    enum sharing sharing;   /* caches */
    const char *target;     /* absolute; NULL for a secret that is only a variable */
    const char *source;     /* path in the stage; "/" when it was left out */
    int64_t n;              /* which stage input; -1: an empty folder */
    const char *id;         /* caches, secrets, ssh */
    const char *env;        /* secrets: the variable, or NULL */
    bool readonly, required;
    bool is_keyed;          /* secrets: what is in it is part of the key */
    mode_t mode;
    uint32_t uid, gid;
    bool has_owner;         /* some of these were given */
    int64_t size;           /* tmpfs; 0: the kernel's default */
    size_t order;           /* its place in the step file */
};

struct plan_file {
    const char *name, *data;
    size_t len;
};

struct plan_limit {
    int resource;
    uint64_t soft, hard;
};

struct cgroup_limit;

struct plan {
    const char **argv, **env;   /* NULL at the end */
    const char **entrypoint;    /* plan_of_config: the beginning of argv that other words follow */
    const char **proxy;
    const char *cwd, *user, *hostname;
    const char *entered;        /* the working directory as it is written, not clean */
    const char *foreign;        /* the platform, when it is another processor's than this machine's; NULL: it is not */
    enum network network;
    bool is_insecure;
    const char **hosts;         /* lines "IP\tNAME"; NULL at the end */
    int64_t shm_size;
    struct plan_limit *limits;
    size_t limit_count;
    struct cgroup_limit *group_limits;  /* of the settings: no part of what the step is */
    size_t group_limit_count;
    const char *dns;                    /* a name server for when there is none; NULL */
    int64_t timeout;                    /* seconds; 0: none */
    struct plan_mount *mounts;  /* as written */
    size_t mount_count;
    struct plan_file *files;
    size_t file_count;
};

/* Ends the process when the step file is not as the architecture says, or asks for what the settings do not allow. */
void plan_load(struct plan *plan, const struct step *step);

/*
 * What runs when nothing else is said, of a step that is no RUN: as the image config beside its file (config.json) has
 * it. argv may be empty.
 */
void plan_of_config(struct plan *plan, const struct step *step);

#endif
