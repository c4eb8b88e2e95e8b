/*
 * Owns the two forms of deletions and the xattrs that overlayfs reads as its own. Called by unpack and pack. Must not know tars.
 */
#include "runtime/tar/whiteout.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "runtime/lib/copytree.h"
#include "runtime/lib/span.h"

enum whiteout whiteout_parse(const char *base, const char **target)
{
    size_t len = strlen(WHITEOUT_PREFIX);
    if (strncmp(base, WHITEOUT_PREFIX, len))
        return WHITEOUT_NONE;
    if (!strcmp(base, WHITEOUT_OPAQUE_NAME))
        return WHITEOUT_OPAQUE;
    *target = base + len;
    if (!**target || !strcmp(*target, ".") || !strcmp(*target, ".."))
        return WHITEOUT_BAD;
    return WHITEOUT_NAME;
}

bool whiteout_is_aufs(const char *path)
{
    return !strncmp(path, ".wh..wh.", 8) && strcmp(path, WHITEOUT_OPAQUE_NAME);
}

int whiteout_make_at(int dir, const char *name)
{
    return whiteout_put_at(dir, name);
}

int whiteout_make_opaque(int folder, bool with_trusted)
{
    const char *mark = with_trusted ? "trusted.overlay.opaque" : "user.overlay.opaque";
    char value;
    /* Whiteouts that are files are none in an opaque folder (lib/copytree.h). */
    if (fgetxattr(folder, mark, &value, 1) == 1 && value == 'x') {
        errno = EOPNOTSUPP;
        return -1;
    }
    return fsetxattr(folder, mark, "y", 1, 0);
}

enum xattr_fate whiteout_xattr_fate(const char *name)
{
    /* The first row that fits decides. Rows that end in "." are beginnings. */
    static const struct {
        const char *name;
        enum xattr_fate fate;
    } rows[] = {
        {"security.capability", XATTR_KEPT},
        /* Notes of overlayfs to itself, which carelessly made archives hold; without meaning on another disk. */
        {"user.overlay.impure", XATTR_DROPPED},
        {"user.overlay.nlink", XATTR_DROPPED},
        {"user.overlay.origin", XATTR_DROPPED},
        {"user.overlay.upper", XATTR_DROPPED},
        {"user.overlay.uuid", XATTR_DROPPED},
        {"trusted.overlay.impure", XATTR_DROPPED},
        {"trusted.overlay.nlink", XATTR_DROPPED},
        {"trusted.overlay.origin", XATTR_DROPPED},
        {"trusted.overlay.upper", XATTR_DROPPED},
        {"trusted.overlay.uuid", XATTR_DROPPED},
        {"user.overlay.", XATTR_REFUSED},
        {"trusted.overlay.", XATTR_REFUSED},
        {"user.", XATTR_KEPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = strlen(rows[i].name);
        if (rows[i].name[len - 1] == '.' ? !strncmp(name, rows[i].name, len) : !strcmp(name, rows[i].name))
            return rows[i].fate;
    }
    return XATTR_DROPPED;
}
