/*
 * The older forms of rpm's database, as far as it takes to get at the packages' headers. take gets each value that may be one.
 * NULL, or what is wrong with the file; values may have been taken then.
 */
#ifndef DFGEN_SBOM_RPMDB_H
#define DFGEN_SBOM_RPMDB_H

#include "runtime/lib/span.h"

/* Packages.db, SUSE's. */
const char *ndb_read(int fd, void (*take)(void *data, struct span value), void *data);
/* Packages, a hash of Berkeley DB: what rpm had until 4.15. */
const char *bdb_read(int fd, void (*take)(void *data, struct span value), void *data);

#endif
