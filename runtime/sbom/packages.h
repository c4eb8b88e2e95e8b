/*
 * The packages that a root file system has, as the databases and metadata files of package managers in it say, and what Go programs say of
 * themselves. Looked up in the layers' listings: nothing is mounted, and of files only those databases and programs are read.
 */
#ifndef DFGEN_SBOM_PACKAGES_H
#define DFGEN_SBOM_PACKAGES_H

#include <stddef.h>

#include "runtime/lib/vec.h"

struct arena;
struct tree;

/* Strings are the arena's and hold any byte but NUL; "": not known. */
struct package {
    const char *type;       /* of its package URL: "deb", "apk", "rpm", "npm", "pypi", "golang" */
    const char *name, *version, *epoch, *arch, *license;
    const char *source;     /* what it was built from, if that has another name; maybe with a version, "NAME (VERSION)" */
    const char *from;       /* the file that says so, below the root */
    const char *purl;       /* its package URL */
};

/* ID and VERSION_ID of os-release, "" if there is none. */
struct distro {
    const char *id, *version;
};

struct packages {
    struct arena *arena;
    struct distro distro;
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
