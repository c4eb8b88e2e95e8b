/*
 * What the sources of COPY, ADD and a bind mount name in a tree: wildcards, symlinks, folders, --exclude, --parents
 * (reference/dockerfile.md §7.1, §8.1, §8.4, §8.5). Pure: works on a struct tree, so gen (which lists what a step may
 * read) and dfgen-copy (which copies it) come to the same answer.
 */
#ifndef DFGEN_SOURCES_H
#define DFGEN_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct entry;
struct pattern_list;
struct tree;
struct tree_node;

struct source_spec {
    const char *path;                       /* as written, after expansion */
    bool parents;                           /* --parents */
    const struct pattern_list *exclude;     /* may be NULL */
};

/* One file or folder that a source came to. */
struct source_match {
    const char *name;       /* the last component as written (after wildcard expansion): what a copied file is called */
    const char *real;       /* clean path in the tree, symlinks resolved */
    const char *relative;   /* --parents: where it goes below the destination; else NULL */
    bool is_dir;            /* a folder: its contents are meant */
};

struct source_matches {
    struct source_match *items;
    size_t count;
};

/*
 * Calls on the way: before looking at a folder of the tree, need(data, clean path, deep) makes sure that the tree holds
 * it (gen walks the context then; deep: with all below). NULL when the tree is whole. Returns -1 with *error a text of
 * the arena ("\"/x\": not found", "syntax error in pattern") and errno: ENOENT for what is named and not there, EINVAL
 * for a malformed pattern, else why need failed. context_need (context.h) is such a function.
 */
typedef int (*sources_need)(void *data, const char *path, bool deep);
int sources_expand(const struct tree *tree, struct arena *arena, const struct source_spec *spec, sources_need need,
                   void *data,
                   struct source_matches *matches, const char **error);

/*
 * Everything that a match brings, in byte order, parents before children: calls visit(data, clean path in the tree,
 * path relative to the match: "" for the match itself) for each entry that --exclude lets through. The strings are good
 * during the call.
 */
void sources_walk(const struct tree *tree, struct arena *arena, const struct source_spec *spec,
                  const struct source_match *match,
                  void (*visit)(void *data, const char *path, const char *relative), void *data);
/* The same, with what a look-up of the path finds. */
typedef void (*sources_visit)(void *data, const struct tree_node *node, const struct entry *entry,
                              const char *relative);
void sources_walk_entries(const struct tree *tree, const struct source_spec *spec, const struct source_match *match,
                          sources_visit visit, void *data);

/*
 * Every entry that expanding and walking comes by: what is copied, the folders above, the symlinks on the way. A tree
 * of these alone gives the same answers. Some are named more than once, the root never. When a source is missing, what
 * led to it has been named. Returns as sources_expand.
 */
struct sources_touch {
    sources_need need;
    void *need_data;
    void (*touch)(void *data, const struct entry *entry);
    void *touch_data;
};
int sources_touched(const struct tree *tree, struct arena *arena, const struct source_spec *spec,
                    const struct sources_touch *touch,
                    const char **error);

#endif
