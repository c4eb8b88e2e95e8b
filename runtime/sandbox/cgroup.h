/* The control group of a RUN: limits that were asked for, and which devices can be opened. */
#ifndef DFGEN_SANDBOX_CGROUP_H
#define DFGEN_SANDBOX_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

struct cgroup;

/* A limit as the settings have it: "memory", "1048576". */
struct cgroup_limit {
    const char *name, *value;
};

/* True when the name is one that cgroup_new knows. */
bool cgroup_knows(const char *name);

/*
 * Make groups for these limits, with a device program when guard is set: *is_guarded tells whether that worked; it is
 * no failure when it did not. NULL when a limit cannot be set: *why says so, malloc'd. Groups that killed builds have
 * left are removed.
 */
struct cgroup *cgroup_new(const struct cgroup_limit *limits, size_t count, bool guard, bool *is_guarded, char **why);

/* Move the calling process in. -1 with errno. */
int cgroup_enter(const struct cgroup *group);

/* Whether the kernel has killed one of its processes for want of memory. */
bool cgroup_ran_out(const struct cgroup *group);

/* Remove it; its processes are gone. */
void cgroup_free(struct cgroup *group);

#endif
