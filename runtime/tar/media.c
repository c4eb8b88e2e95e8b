/*
 * Owns the names of layer formats. Called by the helpers that read or write descriptors. A new media type is a row here.
 */
#include "runtime/tar/source.h"

#include "runtime/tar/media.h"

#include <stddef.h>
#include <string.h>

/* The first row of a format in each naming is the one that is written. */
static const struct {
    const char *type;
    enum compression compression;
    bool docker;
} rows[] = {
    {"application/vnd.oci.image.layer.v1.tar", COMPRESSION_NONE, false},
    {"application/vnd.oci.image.layer.v1.tar+gzip", COMPRESSION_GZIP, false},
    {"application/vnd.oci.image.layer.v1.tar+zstd", COMPRESSION_ZSTD, false},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", COMPRESSION_NONE, false},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", COMPRESSION_GZIP, false},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", COMPRESSION_ZSTD, false},
    {"application/vnd.docker.image.rootfs.diff.tar", COMPRESSION_NONE, true},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", COMPRESSION_GZIP, true},
    {"application/vnd.docker.image.rootfs.diff.tar.zstd", COMPRESSION_ZSTD, true},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar", COMPRESSION_NONE, true},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", COMPRESSION_GZIP, true},
};

bool media_layer_compression(const char *media_type, enum compression *compression)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].type, media_type))
            continue;
        *compression = rows[i].compression;
        return true;
    }
    return false;
}

bool media_compression(const char *name, enum compression *compression)
{
    static const enum compression known[] = {COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, compression_names[known[i]]))
            continue;
        *compression = known[i];
        return true;
    }
    return false;
}

const char *media_layer_type(enum compression compression, bool docker)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].compression == compression && rows[i].docker == docker)
            return rows[i].type;
    }
    return NULL;
}
