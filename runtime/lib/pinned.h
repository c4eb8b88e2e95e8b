/*
 * What an ADD of a URL or git reference brings once its checksum is known: the key under which the store remembers
 * it. gen asks for it (--offline), dfgen-fetch sets it.
 */
#ifndef DFGEN_PINNED_H
#define DFGEN_PINNED_H

#include <stdbool.h>

#include "runtime/lib/digest.h"
#include "runtime/lib/span.h"

struct store;

struct pinned {
    struct span url;
    struct span checksum;       /* "sha256:HEX"; git: a whole commit */
    const char *name;           /* http: of the file */
    struct span ref;            /* git: what must be that commit, the commit itself for dfgen.lock */
    const char *subdir;         /* git: clean, "" for all */
    bool is_git, keeps_git_dir, has_submodules;
};

/* Whole enough to say what will come. */
bool pinned_is_whole(const struct pinned *pinned);

void pinned_key(const struct pinned *pinned, char key[DIGEST_HEX + 1]);

/* The layer that is remembered for it, in this store's id mode: "tree:HEX" and a NUL. False: none, or it is gone. */
bool pinned_find(const struct store *store, const struct pinned *pinned, char id[80]);

#endif
