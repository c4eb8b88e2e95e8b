/*
 * A folder of files to copy from, seen under its ignore patterns: walked by gen (which writes the list of the files
 * that a step may read) and read again by the helpers. N.list holds one line an entry, sorted by path as in list.h:
 *
 *     dfgen-files 1
 *     TYPE \t MODE \t PATH [\t TARGET]       TYPE as in list.h (d f l c b p); TARGET for symlinks
 *     ? \t - \t PATH                         named without wildcards and not there when gen looked: another edge makes it
 *     i \t - \t PATTERN                      ignore patterns, in order, for
 *                                            a '?' that turns out to be a folder
 */
#ifndef DFGEN_CONTEXT_H
#define DFGEN_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct buf;
struct entry;
struct pattern_list;
struct store;
struct tree;

/* --- gen's side: walking --- */

struct context;
struct context_list;

/*
 * A context folder. patterns may be NULL. hidden: further clean paths that do not exist (the build folder's .dfgen,
 * build.ninja), NULL-terminated, may be NULL. Nothing is read until asked. NULL with errno when the folder cannot be
 * opened.
 */
struct context *context_open(const char *folder, const struct pattern_list *patterns, const char *const *hidden);
void context_close(struct context *context);
/* Descriptor of the folder. */
int context_dir(const struct context *context);

/*
 * The tree of what is at and below a clean path ("" for all), walked now under the patterns; owners are 0:0, files have
 * no digest. Only what is asked for is read; asking again costs nothing. The tree grows with each call and is the
 * context's. -1 with errno (EACCES with *path the one that cannot be read).
 */
int context_walk(struct context *context, const char *path, const char **failed);
struct tree *context_tree(struct context *context);
/*
 * A sources_need (sources.h): deep as context_walk; else the folder's own entries, if there is such a folder. data is
 * the context. -1 with errno.
 */
int context_need(void *context, const char *path, bool deep);
/* The clean path that could not be read last, "" when none: for what a failed context_need was about. */
const char *context_failed(const struct context *context);
/* Clean paths of the folders that were read: when one of them changes, gen must look again. */
const char *const *context_folders(const struct context *context, size_t *count);

/* --- writing N.list --- */

/* Entries in any order, each any number of times; sources_touched gives them. */
struct context_list *context_list_begin(void);
void context_list_add(struct context_list *list, const struct entry *entry);
/* A path (clean) that is named and not there: the '?' line. Then the list ends with the patterns. */
void context_list_add_missing(struct context_list *list, const char *path, const struct pattern_list *patterns);
/* Append the text and free the list. */
void context_list_finish(struct context_list *list, struct buf *text);

/* --- the helpers' side --- */

/*
 * The tree that N.list describes, of one layer whose files lie in folder: modes and sizes as they are now, digests of
 * the files from the index in the store or by reading them (in parallel). '?' entries are looked up now. -1 with errno
 * and loaded->failed the path: ENOENT, EACCES, or ESTALE when an entry is of another type than listed.
 */
struct context_loaded {
    const char *failed;     /* the arena's */
    bool found_more;        /* a '?' is a folder or a symlink: there is more to it than the list has */
};
struct tree *context_load(struct store *store, const char *folder, const char *list, struct arena *arena,
                          struct context_loaded *loaded);

#endif
