/* Images that this graph makes, for others that stand on them: what contexts "target:NAME" mean. */
#ifndef DFGEN_BUILT_H
#define DFGEN_BUILT_H

struct arena;
struct built;
struct image;

/* list: NULL for an empty one; the texts and the image must stay. */
void built_add(struct built **list, struct arena *arena, const char *name, const char *platform, const struct image *image);
void built_free(struct built *list);

/* An image for a platform. NULL: *error says which there are. */
const struct image *built_find(const struct built *list, struct arena *arena, const char *name, const char *platform,
                               const char **error);

#endif
