/*
 * What the user asked for: the command line over dfgen.ini over defaults. Options are rows of a table in opts.c, which --help reads too. Paths that
 * reach the build graph are made relative to the build folder here, once; nothing after this looks at the working directory.
 */
#ifndef DFGEN_OPTS_H
#define DFGEN_OPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "gen/seq.h"
#include "runtime/lib/vec.h"

struct arena;
struct lock;
struct policy;

typedef VEC(const char *) opt_list;

struct opt_pair {
    const char *name;
    const char *value;  /* NULL: no "=" was given (build args: resolved from the environment already) */
};

/* What an annotation is written to. */
enum opt_annotated {
    ANNOTATE_MANIFEST,
    ANNOTATE_MANIFEST_DESCRIPTOR,   /* in the index of several platforms, or in the layout */
    ANNOTATE_INDEX,
    ANNOTATE_INDEX_DESCRIPTOR,      /* in the layout */
};

struct opt_annotation {
    enum opt_annotated type;
    const char *platform;           /* normalised; NULL: of all */
    const char *key, *value;
};

typedef VEC(struct opt_annotation) opt_annotations;

/* One -o/--output. */
struct opt_output {
    const char *type; /* "oci", "docker", "tar", "local", "bundle", "squashfs", "registry"; "image": none; "load": into
                         docker */
    const char *dest;           /* relative to the build folder (or absolute) */
    bool tar;                   /* oci, docker: an archive (the default) or a folder */
    const char *compression;    /* "gzip", "zstd", "none" */
    int level;                  /* -1: default */
    bool force;                 /* force-compression: layers of the base, too */
    bool push;                  /* type=image: push=true, which makes it type=registry */
    bool by_digest;             /* push-by-digest: without a tag */
    bool docker_types;          /* oci-mediatypes=false */
    bool is_stdout;             /* dest=-: dfgen build copies dest there */
    bool own;                   /* dest is a folder of dfgen's own */
    opt_list names;    /* name=, comma separated */
    opt_list files;    /* file=: paths in the root that other rules may depend on (local) */
    opt_annotations annotations;
};

struct opt_secret {
    const char *id;
    const char *file;   /* relative to the build folder or absolute; NULL: env */
    const char *env;
};

/* One [registry "PREFIX"] section. */
struct opt_registry {
    const char *prefix;
    SEQ(const char *) mirrors;
    bool is_insecure, is_blocked;
    const char *ca, *cert, *key;    /* relative to the build folder or absolute; NULL: not given */
};

struct opts {
    struct arena *arena;
    /* inputs */
    const char *context;            /* folder, relative to the build folder */
    const char *context_name;       /* as the user wrote it, for messages */
    const char *context_source;     /* NULL: a folder; else "-", an archive (relative to the build folder), a URL or git repository */
    bool is_context_remote;         /* context_source is a URL or a repository */
    const char *file_inside;        /* of such a context: the Dockerfile's path in it; NULL: the usual names */
    const char *file;               /* Dockerfile, openable from the build folder ("-": standard input) */
    const char *file_name;          /* as the user wrote it, for messages */
    const char *ini_file;           /* dfgen.ini that was read, NULL: none */
    /* what */
    const char *target;             /* NULL: the last stage */
    VEC(struct opt_pair) build_args;    /* in order; a later one of a name wins; those of the environment resolved, unset ones dropped */
    VEC(struct opt_pair) contexts;      /* named contexts; folder and layout paths relative to the build folder */
    VEC(struct opt_pair) labels;
    opt_annotations annotations;
    VEC(struct opt_secret) secrets;
    opt_list keyed_secrets;             /* of [secret "ID"] key = content; "": all */
    VEC(struct opt_pair) ssh;           /* id -> socket path, or NULL for $SSH_AUTH_SOCK */
    opt_list platforms;        /* as written; empty: this machine's */
    opt_list tags;
    VEC(struct opt_output) outputs;
    opt_list allow;            /* "network.host", "security.insecure" */
    /* how */
    bool no_cache;
    opt_list no_cache_filter;  /* stage names */
    const char *network;                /* "default", "none", "host"; NULL: not given */
    opt_list add_hosts;        /* "HOST:IP" as given */
    long long shm_size;                 /* bytes, 0: default */
    VEC(struct opt_pair) limits;        /* of control groups, as settings.json has them */
    const char *dns;                    /* [run] dns */
    long long timeout;                  /* of each RUN, seconds; 0: none */
    opt_list ulimits;          /* "name=soft[:hard]" */
    const char *iidfile, *metadata_file; /* relative to the build folder */
    const char *compression;            /* of layers, from the outputs; "gzip" */
    int compression_level;              /* -1: default */
    const char *source_date_epoch;      /* $SOURCE_DATE_EPOCH or the build arg's text, NULL: none */
    const char *timestamps;             /* "epoch", "clamp" or "keep" */
    bool quiet, debug, check;
    bool locked, offline;
    bool sbom_spdx, sbom_cyclonedx;     /* documents that list the image's packages */
    const char *provenance;             /* "min" or "max": a document that says what the image is made from; NULL: none */
    const char *provenance_builder;     /* the URI that it has for who built; NULL: dfgen's own */
    bool load;                          /* into docker or podman, with the target */
    const char *vendor;                 /* what dfgen vendor made, relative to the build folder; NULL: none */
    struct lock *lock;                  /* dfgen.lock, read when the command needs it; NULL: it does not */
    const char *policy_file;            /* the source policy, relative to the build folder; NULL: none */
    const char *policy_name;            /* as the user wrote it */
    struct policy *policy;              /* read with the lock; NULL: none */
    /* registries */
    bool pull;                          /* ask them for all tags anew */
    bool no_tls_verify;
    const char *credentials;            /* "USER:PASSWORD" of --creds, of this process alone; NULL: none */
    const char *authfile, *cert_dir;    /* relative to the build folder or absolute; NULL: the usual places */
    VEC(struct opt_registry) registries;
    /* where */
    const char *build_dir;      /* as the user wrote it; the process has changed into it by then */
    bool is_again;              /* the build file is made again: nobody wrote anything */
    const char *build_file;     /* "build.ninja"; NULL until the generator is known */
    const char *generator;      /* "ninja", "make" */
    const char *context_option; /* --context; NULL: the last word, or "." */
    const char *stamp;          /* dfgen build: written when all went well, as the user named it; NULL: none */
    const char *depfile;        /* what it depends on goes here; NULL: nowhere */
    const char *prefix;         /* before rule, target and variable names; "" */
    const char *state;          /* ".dfgen", or ".dfgen/@PREFIX": what gen and the helpers note of this graph */
    const char *own;            /* the same of this image alone: state, or state/IMAGE */
    const char *folder;         /* where the folders of its stages lie: own, or own/PLATFORM when there are several */
    const char *platform;       /* "linux-arm64": one of several; NULL: there is but one */
    bool is_first;              /* of several */
    const char *image;          /* of dfgen.ini's [image "NAME"]: its name; NULL: the one that the command line names */
    VEC(struct opts *) images;  /* one for each [image "NAME"], in the order of the file; none: this is the one */
    struct ini_images *sections; /* opts_images.c's: what dfgen.ini says of them */
    const char *store;          /* absolute */
    opt_list image_folders;    /* [images] path, --images: folders of archives and layouts, relative to the build folder */
    const char *launcher;       /* put before the command of RUN edges; NULL */
    int argc;                   /* the command line as given (options only), and where: for options.json */
    char **argv;
    const char *start_dir;      /* absolute, symlinks resolved: where the command line was given */
    const char *build_real;     /* absolute, symlinks resolved: the build folder */
    const char *nonce;          /* of --no-cache and --no-cache-filter, drawn once for each time that a person gives them; NULL without them */
    VEC(struct opt_pair) environment;   /* what was taken from the environment, for options.json */
};

/*
 * Read the command line (argv[0] is skipped) and dfgen.ini, make and enter the build folder. Ends the process with exit 2 on wrong usage, and with exit 0
 * after --help and --version. positional: what may follow the options: "context" (at most one) or "targets" (left in *rest, NULL-terminated).
 */
struct opts *opts_read(struct arena *arena, int argc, char **argv, const char ***rest);
/* The same for a build folder that is there, wherever it was when the words were given. */
struct opts *opts_read_again(struct arena *arena, int argc, char **argv, const char *build_dir);
void opts_free(struct opts *opts);

/* A path as the user wrote it (relative to base, absolute) as one relative to the build folder. Symlinks are resolved but for the last component. */
const char *opts_path(const struct opts *opts, const char *base, const char *path);

/* Is it the name of a file or folder of dfgen's own in the state folder? Then nothing else of a build can be called so. */
bool opts_is_reserved(const char *name);
/* The path of a file that is noted for the whole graph: "options.json". */
const char *opts_state(const struct opts *opts, const char *name);
/* The path of a file that is noted for all steps of the image: "settings.json". */
const char *opts_own(const struct opts *opts, const char *name);
/* Where the files of a main context stand that is no folder: made by dfgen itself, not by an edge. */
const char *opts_context_stamp(const struct opts *opts);

/* Set one thing that dfgen.ini says: "section.key". NULL, or what is wrong with it. base: the folder of the file, absolute. */
const char *opts_set_ini(struct opts *opts, const char *base, const char *section, const char *key, const char *value);

#endif
