/* The process that becomes a RUN's command: from the inside of its new namespaces to exec. */
#ifndef DFGEN_SANDBOX_PAYLOAD_H
#define DFGEN_SANDBOX_PAYLOAD_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

struct cgroup;
struct plan;
struct identity;
struct jobserver;
struct notify;
struct terminal;

struct payload {
    const struct plan *plan;
    const struct identity *identity;
    const char *const *env;         /* whole; NULL at the end */
    const char *path;               /* its PATH */
    int root;                       /* the mounted root, in the helper's mount namespace */
    int output;                     /* becomes stdout and stderr */
    const struct terminal *terminal; /* instead; NULL: none */
    int report;
    const struct jobserver *jobserver; /* NULL: none */
    bool has_own_network;
    int go;                         /* to be read from before anything else, -1: nothing to wait for */
    bool has_cgroup;                /* /sys/fs/cgroup is cgroup v2 */
    const struct cgroup *cgroup;    /* to be in */
    uint64_t caps;
    const struct sock_filter *filter;
    size_t filter_count;            /* 0: none */
    struct rlimit files;            /* RLIMIT_NOFILE as the helper found it */
    const struct notify *notify;    /* single id: the payload's ids and owners are answered; else NULL */
    int answerer;                   /* then: a socket to who answers */
};

/*
 * The working directory is the root, PID is 1 of the inner namespace. Does not return: it execs, or reports and ends.
 */
_Noreturn void payload_run(const struct payload *payload);

#endif
