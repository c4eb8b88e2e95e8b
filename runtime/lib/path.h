/* Names below a root: the one resolver for real folders, and the arithmetic of path text. */
#ifndef DFGEN_PATH_H
#define DFGEN_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;

/*
 * Open a name with root as "/": symlinks and ".." are resolved inside it, magic links refused. openat2 with
 * RESOLVE_IN_ROOT (EAGAIN of a race is tried again). flags as for open; O_CLOEXEC is added. -1 with errno.
 */
int path_open_in(int root, const char *name, int flags);

/* Like Go's path.Clean on "/"+path, without the leading slash: "" is the root; "a/../../b" is "b". */
char *path_clean(struct arena *arena, struct span path);

/* Like Go's path.Clean: relative stays relative, "." for nothing, rooted stays rooted. */
char *path_clean_go(struct arena *arena, struct span path);

/* "a" and "b" as "a/b"; "b" when a is "" or ".". b is appended as it is, unless it is absolute: then it is the result. */
char *path_join(struct arena *arena, const char *a, const char *b);

/* The last component, "" for "" and for what ends in "/". */
const char *path_base(const char *path);

/* path relative to folder from (both absolute and clean): "../x". */
char *path_relative(struct arena *arena, const char *from, const char *path);

/* True when path is dir or below it (both in the form of path_clean). */
bool path_is_below(const char *path, const char *dir);

#endif
