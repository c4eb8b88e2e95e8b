/*
 * What the user asked for: the command line over dfgen.ini over defaults. Options are rows of a table in opts.c, which --help reads too. Paths that
 * reach the build graph are made relative to the build folder here, once; nothing after this looks at the working directory.
 */
#ifndef DFGEN_OPTS_H
#define DFGEN_OPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/vec.h"

struct arena;

struct opt_pair {
    const char *name;
    const char *value;  /* NULL: no "=" was given (build args: resolved from the environment already) */
};

/* One -o/--output. */
struct opt_output {
    const char *type;           /* "oci", "docker", "tar", "local" */
    const char *dest;           /* relative to the build folder (or absolute) */
    bool tar;                   /* oci, docker: an archive (the default) or a folder */
    const char *compression;    /* NULL: gzip */
    int level;                  /* -1: default */
    bool docker_types;          /* oci-mediatypes=false, or type=docker */
    VEC(const char *) names;    /* name=, comma separated */
    VEC(struct opt_pair) annotations;
};

struct opt_secret {
    const char *id;
    const char *file;   /* relative to the build folder or absolute; NULL: env */
    const char *env;
};

struct opts {
    struct arena *arena;
    /* inputs */
    const char *context;            /* folder, relative to the build folder */
    const char *context_name;       /* as the user wrote it, for messages */
    const char *file;               /* Dockerfile, openable from the build folder ("-": standard input) */
    const char *file_name;          /* as the user wrote it, for messages */
    const char *ini_file;           /* dfgen.ini that was read, NULL: none */
    /* what */
    const char *target;             /* NULL: the last stage */
    VEC(struct opt_pair) build_args;    /* in order; a later one of a name wins; those of the environment resolved, unset ones dropped */
    VEC(struct opt_pair) contexts;      /* named contexts; folder and layout paths relative to the build folder */
    VEC(struct opt_pair) labels;
    VEC(struct opt_pair) annotations;
    VEC(struct opt_secret) secrets;
    VEC(struct opt_pair) ssh;           /* id -> socket path, or NULL for $SSH_AUTH_SOCK */
    VEC(const char *) platforms;        /* as written; empty: this machine's */
    VEC(const char *) tags;
    VEC(struct opt_output) outputs;
    VEC(const char *) allow;            /* "network.host", "security.insecure" */
    /* how */
    bool no_cache;
    VEC(const char *) no_cache_filter;  /* stage names */
    const char *network;                /* "default", "none", "host"; NULL: not given */
    VEC(const char *) add_hosts;        /* "HOST:IP" as given */
    long long shm_size;                 /* bytes, 0: default */
    VEC(const char *) ulimits;          /* "name=soft[:hard]" */
    const char *iidfile, *metadata_file; /* relative to the build folder */
    const char *compression;            /* of layers, from the outputs; "gzip" */
    int compression_level;              /* -1: default */
    const char *source_date_epoch;      /* $SOURCE_DATE_EPOCH or the build arg's text, NULL: none */
    const char *timestamps;             /* "epoch" or "keep" */
    bool quiet, debug, check;
    /* where */
    const char *build_dir;      /* as the user wrote it; the process has changed into it by then */
    const char *build_file;     /* "build.ninja" */
    const char *prefix;         /* before rule, target and variable names; "" */
    const char *store;          /* absolute */
    VEC(const char *) image_folders;    /* [images] path, --images: folders of archives and layouts, relative to the build folder */
    const char *launcher;       /* put before the command of RUN edges; NULL */
    int argc;                   /* the command line as given, and where: for options.json */
    char **argv;
    const char *start_dir;      /* absolute: where the command line was given */
};

/*
 * Read the command line (after the command word) and dfgen.ini, make and enter the build folder. Ends the process with exit 2 on wrong usage and with exit 0 after
 * --help. command is "" for plain generation.
 */
struct opts *opts_read(struct arena *arena, int argc, char **argv);
void opts_free(struct opts *opts);
void opts_help(void);

#endif
