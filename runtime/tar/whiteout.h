/*
 * How a deletion looks: in a layer's tar (".wh.NAME", ".wh..wh..opq"), and in overlayfs form (character device 0:0, an xattr on a folder).
 */
#ifndef DFGEN_TAR_WHITEOUT_H
#define DFGEN_TAR_WHITEOUT_H

#include <stdbool.h>

enum whiteout {
    WHITEOUT_NONE,      /* an ordinary name */
    WHITEOUT_NAME,      /* that name is gone: *target */
    WHITEOUT_OPAQUE,    /* all that lower layers have in this folder is gone */
    WHITEOUT_BAD,       /* S23: ".wh." of nothing, "." or ".." */
};

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE_NAME ".wh..wh..opq"

/* What the last component of a name in a layer's tar means. */
enum whiteout whiteout_parse(const char *base, const char **target);

/* True for what AUFS kept at the top of its layers (".wh..wh.plnk/…"), which every reader of layers skips. */
bool whiteout_is_aufs(const char *path);

int whiteout_make_at(int dir, const char *name);
/* Mark an open folder. with_trusted: real root, whose overlays read trusted xattrs. */
int whiteout_make_opaque(int folder, bool with_trusted);

enum xattr_fate {
    XATTR_KEPT,     /* file capabilities, the user's own */
    XATTR_DROPPED,  /* means something on the machine it came from alone */
    XATTR_REFUSED,  /* S24: would make overlayfs show other files */
};

/* What becomes of an xattr that an archive names. */
enum xattr_fate whiteout_xattr_fate(const char *name);

#endif
