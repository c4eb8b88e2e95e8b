/*
 * The extended attributes of a file on disk, as a listing has them: overlayfs's own and labels of the machine are left out, and file
 * capabilities have the one form that does not depend on a user namespace.
 */
#ifndef DFGEN_XATTRS_H
#define DFGEN_XATTRS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct entry_xattr; /* runtime/lib/list.h */

struct xattrs {
    const struct entry_xattr *items;    /* sorted by name; the arena's */
    size_t count;
    bool is_opaque;                     /* overlayfs's mark on a folder that hides what lies below */
};

/* Of DIR/NAME itself, never of what a symlink points to. -1 with errno. */
int xattrs_read_at(int dir, const char *name, struct arena *arena, struct xattrs *xattrs);

/* Take the mark away from a folder. */
int xattrs_clear_opaque_at(int dir, const char *name);
/* Put it there: real root's, or the one of user namespaces. */
int xattrs_set_opaque_at(int dir, const char *name);
/* Take away all that overlayfs would read as its own. */
int xattrs_clear_overlay_at(int dir, const char *name);

/*
 * Give a file those of a listing's entry. What a file system or namespace does not take (EOPNOTSUPP, EPERM, EINVAL) is no failure: the
 * listing has it.
 */
struct entry;
int xattrs_set(int fd, const struct entry *entry);

#endif
