/*
 * A root file system as layers on top of each other, seen through their listings: look-ups, symlinks, walks, without
 * a mount and without reading a file. The layer's files themselves are opened below its folder's descriptor.
 * A context folder is such a tree too, of one layer that context.h makes.
 * What look-ups find out about folders is remembered in the tree: one thread at a time.
 */
#ifndef DFGEN_TREE_H
#define DFGEN_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct entry;
struct list;

struct tree;

struct tree *tree_new(void);
/* Put a layer on top. The tree owns list and files (a descriptor of the folder with the layer's files, may be -1). */
void tree_add_layer(struct tree *tree, struct list *list, int files);
void tree_free(struct tree *tree);
size_t tree_layer_count(const struct tree *tree);

/* What a look-up found. Strings live as long as the arena and the tree. */
struct tree_node {
    const char *path;       /* clean, relative; "" is the root */
    size_t layer;           /* index of the layer that has it, 0 the lowest */
    /* Followed to the first name for a hard link: entry type 'f' with the data of that name; link_to is that first name, else NULL. */
    const char *link_to;
};

/*
 * The topmost entry of a clean path, whiteouts and opaque folders taken into account. The root always exists (0755 0:0 when no
 * layer lists it), and so does the parent of whatever exists. Symlinks are not followed. False when there is nothing.
 * An opaque folder is found as ENTRY_DIR: in the merged view there is no difference.
 */
bool tree_lookup(const struct tree *tree, struct arena *arena, const char *path, struct tree_node *node, struct entry *entry);

/*
 * Resolve a path as the kernel would inside this root: symlinks of every component are followed, of the last only with follow_last;
 * ".." stops at the root. *out gets the clean real path; what does not exist is kept as text from there on. False on a loop
 * (more than 255 links) or when a component that is no folder has something below it (ENOTDIR; errno tells ELOOP or ENOTDIR).
 */
bool tree_resolve(const struct tree *tree, struct arena *arena, const char *path, bool follow_last, const char **out);
/*
 * The same with a real folder as the root: absolute links stay in it, ".." out of it is EXDEV. path is one below it, *out one of
 * the tree. The last link is followed.
 */
bool tree_resolve_in(const struct tree *tree, struct arena *arena, const char *base, const char *path, const char **out);

/* Names directly in a folder, sorted by bytes, merged over the layers. */
size_t tree_children(const struct tree *tree, struct arena *arena, const char *path, const char *const **names);

/* Open a regular file that a look-up found, for reading; not through symlinks. -1 with errno. */
int tree_open_file(const struct tree *tree, const struct tree_node *node);

/* A layer's listing (the tree's own). */
const struct list *tree_layer_list(const struct tree *tree, size_t layer);

/* Descriptor of a layer's files (the tree's own), for linkat and fstatat below it. */
int tree_layer_files(const struct tree *tree, size_t layer);

/* sha256 over what lies at and below path: type, mode, owner, content, names; for keys. A missing path has a digest of its own. */
struct digest;
void tree_digest(const struct tree *tree, const char *path, struct digest *digest);

#endif
