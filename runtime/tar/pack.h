/*
 * A layer in the store becomes the tar that images hold: what the listing says, in its order, with the files from the layer's folder.
 */
#ifndef DFGEN_TAR_PACK_H
#define DFGEN_TAR_PACK_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct entry;
struct list;
struct tar_entry;
struct tar_sink;

struct pack {
    int fs;                 /* the layer's folder */
    int times;              /* enum times, runtime/lib/times.h */
    int64_t epoch;          /* seconds */
};

/* The whole tar. NULL if all went well, else what was wrong, malloc'd. */
char *pack_layer(const struct pack *pack, const struct list *list, const struct tar_sink *sink);

/*
 * The parts of it, for exports. What a listing's entry is in a tar; strings are the arena's or the entry's. Not for whiteouts.
 * with_user: user.* xattrs too, not only file capabilities.
 */
void pack_entry(struct arena *arena, const struct entry *from, bool with_user, struct tar_entry *entry);
/* Open a layer's file for reading; a file that its own owner may not read is opened too. -1 with errno. */
int pack_open(int fs, const char *path);
/* Its time as pack says. -1 with errno. */
int pack_time(const struct pack *pack, const char *path, int64_t *seconds);

#endif
