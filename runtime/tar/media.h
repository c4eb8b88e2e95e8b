/* Media types of layers: what OCI and Docker call them, and how they are compressed. */
#ifndef DFGEN_TAR_MEDIA_H
#define DFGEN_TAR_MEDIA_H

#include <stdbool.h>

/* runtime/tar/source.h goes before this header. */
enum compression;

/* False when no layer is called so. */
bool media_layer_compression(const char *media_type, enum compression *compression);

/* By the names of outputs: "none", "gzip", "zstd". False: it is none of these. */
bool media_compression(const char *name, enum compression *compression);

/* What a layer so compressed is called; NULL when it has no name (bzip2, xz). */
const char *media_layer_type(enum compression compression, bool docker);

#endif
