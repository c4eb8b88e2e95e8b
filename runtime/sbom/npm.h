/* What node_modules has: one package.json a package. */
#ifndef DFGEN_SBOM_NPM_H
#define DFGEN_SBOM_NPM_H

#include <stdbool.h>

#include "runtime/lib/span.h"

struct packages;

/* Is this path the package.json of a package itself, not one of the files in it? */
bool npm_is_package(const char *path);
void npm_read(struct packages *packages, const char *path, struct span text);

#endif
