/*
 * What the files of layout share: the open layout, and reading its files. For layout*.c alone. Include gen/images.h and
 * gen/layout.h before.
 */
#ifndef DFGEN_LAYOUT_INTERNAL_H
#define DFGEN_LAYOUT_INTERNAL_H

#include "gen/archive.h"
#include "runtime/lib/vec.h"

struct buf;

enum { INDEX_LIMIT = 4 * 1024 * 1024, CONFIG_LIMIT = LAYOUT_CONFIG_LIMIT };

struct layout {
    struct arena *arena;
    const char *path;
    int fd;                     /* the folder, or the archive */
    bool is_archive;
    struct archive archive;
    bool is_dir;                /* a folder as skopeo's dir: makes it, whose blobs have no folder of their own */
    const char *top;            /* of such: the hex digest of manifest.json */
    struct json_t *index;              /* index.json; NULL: a docker-archive */
    struct json_t *manifest;           /* manifest.json of a docker-archive */
    VEC(struct json_t *) documents;    /* all that was parsed, for layout_close */
    const char *input;          /* what says which images there are; NULL: index.json or the archive */
    layout_getter get;          /* NULL: what is missing is missing */
    void *get_data;
};

/* Where a file of the layout lies: offset -1 is a file of its own. */
struct place_in {
    const char *file;
    int64_t offset, size;
};

/* A file of the layout into memory. False with *error, here and below. */
bool layout_read_file(struct layout *layout, const char *name, size_t limit, struct buf *out, const char **error);
/* Text that is JSON, kept until the layout is closed. NULL with *error. */
struct json_t *layout_parse(struct layout *layout, const char *name, const struct buf *text, const char **error);
/* Where the layer of that name lies; its size must be what is known of it already. */
bool layout_place_layer(struct layout *layout, const char *name, struct image_layer *layer, const char **error);
/* diff_ids of a config, as many as there are layers. */
bool layout_take_diff_ids(struct layout *layout, struct image *image, const char **error);
/* The file whose change means that the image may be another one. */
void layout_add_input(struct layout *layout, struct image *image, const char *name);
/* An image's name in full; NULL: it is none. */
const char *layout_normalise(struct layout *layout, const char *name);

/* --- layout_docker.c --- */

const struct image *layout_find_in_docker(struct layout *layout, const struct layout_query *query, const char **error);

#endif
