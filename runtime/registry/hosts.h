/*
 * Where repositories are to be had: the registry itself and its mirrors, as dfgen.ini and registries.conf say, and how
 * each is spoken to. Read once by each process; not changed afterwards.
 */
#ifndef DFGEN_REGISTRY_HOSTS_H
#define DFGEN_REGISTRY_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/vec.h"
#include "runtime/registry/client.h"

struct arena;
struct json_t;

/* One place for a repository. */
struct place {
    const char *host;           /* "registry-1.docker.io", "127.0.0.1:5000" */
    const char *repository;     /* its name there: "library/busybox" */
    const char *key;            /* what credentials are looked up for: "docker.io/library/busybox" */
    bool is_mirror;
    bool is_insecure;           /* any certificate will do, and so does http */
    bool is_local;              /* this machine: http will do */
    struct client_tls tls;
};

/* A mirror of a prefix. */
struct mirror {
    const char *location;       /* HOST[/PATH] */
    bool is_insecure;
    bool for_digests, for_tags;
};

/* What is said of all repositories that begin with prefix. */
struct host_rule {
    const char *prefix;         /* "docker.io", "docker.io/library", "*.example.com" */
    const char *location;       /* what is put in its place; NULL: the same */
    const char *source;         /* the file that says so */
    bool is_insecure, is_blocked, mirrors_by_digest;
    const char *ca, *cert, *key;    /* files; NULL: those of certs.d */
    VEC(struct mirror) mirrors;
};

struct hosts {
    struct arena *arena;
    VEC(struct host_rule) rules;    /* dfgen.ini's before those of registries.conf: the first of a length wins */
    size_t own_count;               /* dfgen.ini's */
    const char *cert_dir;           /* --cert-dir; NULL: none */
    bool is_unchecked;              /* --tls-verify=false */
    VEC(const char *) helpers;      /* credential-helpers of registries.conf */
};

/* settings: "registry" of settings.json, may be NULL. NULL, or what is wrong (the arena's). */
const char *hosts_read(struct hosts *hosts, struct arena *arena, const struct json_t *settings);
void hosts_free(struct hosts *hosts);

/*
 * The places of a repository ("docker.io/library/busybox"), in the order to try them: mirrors first, the registry last.
 * for_push: the registry alone. NULL, or why there is none (blocked), the arena's.
 */
struct places {
    VEC(struct place) items;
};
const char *hosts_places(struct hosts *hosts, const char *repository, bool by_digest, bool for_push, struct places *places);

#endif
