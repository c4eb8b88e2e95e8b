/*
 * The packages that a root file system has, as the databases and metadata files of package managers in it say. Looked up in the layers' listings:
 * nothing is mounted, and of files only those databases are read.
 */
#ifndef DFGEN_SBOM_PACKAGES_H
#define DFGEN_SBOM_PACKAGES_H

#include <stddef.h>

#include "runtime/lib/vec.h"

struct arena;
struct tree;

/* Strings are the arena's and hold any byte but NUL; "": not known. */
struct package {
    const char *type;       /* of its package URL: "deb", "apk", "npm", "pypi" */
    const char *name, *version, *arch, *license;
    const char *from;       /* the file that says so, below the root */
    const char *purl;       /* its package URL */
};

struct packages {
    struct arena *arena;
    const char *distro;             /* ID of os-release, "" if there is none */
    VEC(struct package) list;       /* sorted, each once */
    VEC(const char *) notes;        /* what was found and could not be read, sorted */
};

void packages_find(struct packages *packages, const struct tree *tree);
void packages_free(struct packages *packages);

/* --- for the files that read one kind --- */

/* name and from must be there; the rest may be NULL. */
void packages_add(struct packages *packages, const struct package *package);
void packages_note(struct packages *packages, const char *from, const char *what);

#endif
