/*
 * Archives that ADD unpacks (reference/dockerfile.md §8.6): each becomes a layer of its own in the store, and so a tree
 * to copy from.
 */
#ifndef DFGEN_COPY_ARCHIVE_H
#define DFGEN_COPY_ARCHIVE_H

struct entry;
struct store;
struct tree;

/*
 * The tree of what fd holds. NULL when it is no archive; or on failure: then *error says why, malloc'd. file is what
 * the plan knows of it.
 */
struct tree *archive_open(struct store *store, int fd, const struct entry *file, char **error);

#endif
