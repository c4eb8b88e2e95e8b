/*
 * What a layer's tar has brought so far, by path. A name may come again, a folder may become a file and a folder again, and names of one
 * file share it: this says what there is in the end.
 */
#ifndef DFGEN_TAR_NODES_H
#define DFGEN_TAR_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct arena;
struct entry;
struct nodes;

/* A file, whatever its names. What entry says, but for the path. The arena's of nodes. */
struct inode {
    struct entry *entry;
    struct timespec mtime;
    bool is_unnamed;        /* a folder that came about because something lies in it */
};

struct node {
    const char *path;
    struct inode *inode;    /* NULL: nothing there (any more) */
    uint64_t born;          /* when it got this inode */
    uint64_t emptied;       /* when all below it went away for the last time; 0: never */
    bool hides_lower;       /* something else than a folder was here: what lower layers have is out of sight */
};

struct nodes *nodes_new(void);
void nodes_free(struct nodes *nodes);
struct arena *nodes_arena(struct nodes *nodes);

/* The node of a path if something is there now, else NULL. */
struct node *nodes_find(const struct nodes *nodes, const char *path);

/* Put a file at a path; what was there is forgotten (a folder put over a folder keeps what is below). */
struct node *nodes_put(struct nodes *nodes, const char *path, struct inode *inode);

/*
 * A path with the symlinks in all components but the last followed inside this layer, to out (TAR_NAME_MAX bytes). Names that are not there
 * are taken as they stand. NULL, or why not, a static text.
 */
const char *nodes_resolve(const struct nodes *nodes, const char *path, char *out);

/* All that is there, in byte order of the path; the arena's. */
struct node **nodes_sorted(struct nodes *nodes, size_t *count);

#endif
