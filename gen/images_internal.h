/*
 * What the files of images share: what was opened, asked and answered in this run. For images*.c alone. Include
 * gen/images.h before.
 */
#ifndef DFGEN_IMAGES_INTERNAL_H
#define DFGEN_IMAGES_INTERNAL_H

#include "runtime/lib/vec.h"

struct add_source;
struct built;
struct layout;
struct ref;
struct remote;

/* A layout is opened once, whatever asks for it. */
struct opened {
    const char *path;
    struct layout *layout;  /* NULL: error */
    const char *error;
};

/* An answer given, so that it is the same one when asked again. */
struct answer {
    const char *question;
    const struct image *image;
    const char *error;
};

/* A reference that a registry was asked for in this run. */
struct asked {
    const char *reference;
    const char *error;      /* NULL: the store has a record of the answer */
};


/* A context that lies elsewhere: fetched once, whatever asks for it. */
struct elsewhere {
    const char *value;
    struct add_source *remote;
};

struct images {
    struct arena *arena;
    const struct opts *opts;    /* of the image under way */
    struct remote *remote;
    VEC(struct asked) asked;
    VEC(struct opened) opened;
    VEC(struct answer) answers;
    struct built *built;        /* images of this graph */
    VEC(struct elsewhere) elsewhere;
};

/* The layout at a path, opened once. NULL with *error. */
struct layout *images_layout(struct images *images, const char *path, const char **error);

/* An answer given before to a question; NULL: none. */
const struct answer *images_recall(const struct images *images, const char *question);
void images_remember(struct images *images, const char *question, const struct image *image, const char *error);

/* Places where an image may be, by its normalised reference. NULL without *error: it is not there. */
const struct image *images_in_folder(struct images *images, const char *folder, const char *reference,
                                     const struct platform *wanted, const char **error);
const struct image *images_in_store(struct images *images, const char *reference, const struct platform *wanted,
                                    const char **error);
/*
 * What the store remembers of a registry, or has under that name, else what a registry says. NULL: always with *error.
 */
const struct image *images_in_registry(struct images *images, const char *reference, const struct platform *wanted,
                                       const char **error);

#endif
