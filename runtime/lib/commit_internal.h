/*
 * What commit's files share: an upper folder (or a whole root) as an array. Include arena.h, digest.h, vec.h and
 * xattrs.h first.
 */
#ifndef DFGEN_COMMIT_INTERNAL_H
#define DFGEN_COMMIT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct commit_view;
struct commit_whole;
struct tree;

struct found {
    const char *path;
    struct stat st;
    struct xattrs xattrs;
    size_t parent;          /* index; the root is its own */
    struct digest digest;   /* files */
    const char *target;     /* symlinks */
    const char *lower_file; /* of a whole root: the first name of the file that lay there, */
    size_t lower_layer;     /* and in which layer */
    const char *first;      /* first name of a hard-linked file that is kept; NULL for that name itself */
    bool hides_lower;       /* folders: nothing below shows through */
    bool has_lower;         /* the root below has something of this name */
    bool lower_is_dir;
    bool maybe_same;        /* nothing differs but perhaps the content */
    struct digest lower_digest;
    bool is_missing;        /* a whiteout that is not there yet: of a whole root, something is gone */
    bool is_kept;
    bool lost_names;        /* folders: something was removed from it, so its time is to be restored */
};

struct commit {
    int upper;
    const struct tree *lower;
    const struct commit_view *view;
    const struct commit_whole *whole;
    struct arena arena;
    VEC(struct found) found;
    VEC(size_t) linked;     /* files with more than one name, by inode and path */
    VEC(size_t) hashed;     /* files whose content is to be read */
    int64_t bytes;          /* of those */
    char *where;
};

/* Note which path it was, for the one who asked; -1. */
int commit_fail(struct commit *commit, const char *path);

/* Digests of the files, or only of those of which it decides whether they are changed. Fills linked. */
int commit_hash(struct commit *commit, bool reads_all);

/* Of numbers i and j in linked. */
bool commit_same_inode(const struct commit *commit, size_t i, size_t j);

#endif
