/*
 * A layer's tar becomes a folder in overlayfs form and a listing. Includes nothing of stores or steps: dfgen-base (and whatever else gets a
 * layer as a tar) gives the folder and puts the result away.
 */
#ifndef DFGEN_TAR_UNPACK_H
#define DFGEN_TAR_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct tar_reader;

struct unpack {
    int fs;             /* an empty folder that nobody else uses; becomes the layer's root */
    bool is_root;       /* real root: owners and devices can be made, overlays read trusted xattrs */
    bool can_chown;     /* owners can be made, as far as the user namespace has them */
    bool is_archive;    /* an archive of ADD, no layer: names that begin with ".wh." mean nothing special */
    int64_t packed;     /* bytes of the archive as it came: a bomb unpacks to far more */
};

/*
 * Unpack to the end of the archive and write the listing. What cannot be on disk (owners without the right to make them, device nodes in a
 * user namespace, which become empty files) stands in the listing all the same. NULL if all went well, else what was wrong, malloc'd.
 */
char *unpack_layer(const struct unpack *unpack, struct tar_reader *tar, struct buf *listing);

#endif
