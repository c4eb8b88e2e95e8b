/* Package URLs (package-url/purl-spec). */
#ifndef DFGEN_SBOM_PURL_H
#define DFGEN_SBOM_PURL_H

struct arena;
struct distro;
struct package;

/* No string of the package may be NULL. */
const char *purl_make(struct arena *arena, const struct package *package, const struct distro *distro);

#endif
