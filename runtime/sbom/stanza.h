/* "Key: value" lines in blocks with empty lines between them: databases of dpkg and apk, metadata of Python packages. */
#ifndef DFGEN_SBOM_STANZA_H
#define DFGEN_SBOM_STANZA_H

#include <stdbool.h>

#include "runtime/lib/span.h"

struct packages;

struct stanza_keys {
    const char *type;               /* package.type */
    const char *name, *version, *arch, *license, *source;   /* NULL: there is no such key */
    const char *status;             /* if it is there, its last word must be "installed" */
    bool is_single;                 /* one block; text follows */
};

void stanza_read(struct packages *packages, const struct stanza_keys *keys, const char *path, struct span text);

#endif
