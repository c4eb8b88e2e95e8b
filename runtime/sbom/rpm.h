/* What rpm's database says of installed packages. */
#ifndef DFGEN_SBOM_RPM_H
#define DFGEN_SBOM_RPM_H

#include <stdbool.h>

struct packages;

/* Is this path, in a folder of rpm's, a database, or what belongs to one? */
bool rpm_is_database(const char *path);
void rpm_read(struct packages *packages, const char *path, int fd);

#endif
