/*
 * Sources of ADD that lie elsewhere (reference/dockerfile.md §8.6): telling URLs and git references from paths, and
 * what each of them asks for. Pure: text in, text out. stage uses it for COPY too, where such sources are errors.
 */
#ifndef DFGEN_ADD_H
#define DFGEN_ADD_H

#include <stdbool.h>

#include "runtime/lib/span.h"

struct arena;

enum add_kind { ADD_PATH, ADD_HTTP, ADD_GIT };

struct add_source {
    enum add_kind kind;
    struct span url;            /* with user and password, if given; git: without query and fragment */
    struct span public_text;    /* the source as written, without user and password: for all that is shown */
    struct span checksum;       /* http: "sha256:HEX"; git: 7 to 64 hex digits of a commit or tag; empty: none */
    const char *name;           /* http: what the file is called */
    struct span ref;            /* git: branch, tag, full ref or commit; empty: HEAD */
    const char *subdir;         /* git: clean, relative; "": all */
    bool has_keep_git_dir, keeps_git_dir;
    bool skips_submodules;
    const char *locked_as;      /* its name in dfgen.lock, which gave the checksum; NULL: it did not */
};

/* What an expanded source is. NULL, or what is wrong with it (then kind is right nevertheless; the arena's). */
const char *add_classify(struct arena *arena, struct span text, struct add_source *source);

/* --checksum for an http or git source. NULL, or what is wrong. */
const char *add_set_checksum(struct arena *arena, struct add_source *source, struct span checksum);

/* --keep-git-dir: only says something of git sources. NULL, or what is wrong. */
const char *add_set_keep_git_dir(struct add_source *source, bool keeps);

#endif
