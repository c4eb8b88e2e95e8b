/*
 * Where FROM, COPY --from and mounts find images: named contexts, folders of archives, the store. Reads indexes, manifests and
 * configs, checks their digests, and never touches a layer. Nothing here knows instructions.
 */
#ifndef DFGEN_IMAGES_H
#define DFGEN_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/lib/span.h"

struct arena;
struct json_t;
struct opts;
struct planned;
struct platform;

/* A layer of a base image: where its blob is, and what it is. */
struct image_layer {
    const char *digest;     /* "sha256:HEX" of the blob */
    const char *diff_id;    /* "sha256:HEX" of the tar */
    const char *media_type;
    int64_t size;           /* of the blob */
    const char *blob;       /* file that holds it, relative to the build folder; NULL: it is in the store */
    const char *repository; /* the registry's that has the blob: "docker.io/library/busybox"; NULL: none is known */
    int64_t offset;         /* where in that file, and how long: an archive's member; -1: the whole file */
};

struct image {
    const char *name;               /* for messages */
    const char *digest;             /* of the manifest, "sha256:HEX" (of the config for a docker-archive) */
    struct json_t *config;          /* the image config, whole, as it stands in the blob */
    struct image_layer *layers;     /* lowest first */
    size_t layer_count;
    const char **inputs;            /* files (relative to the build folder) whose change means that gen must look again */
    size_t input_count;
    bool has_no_manifest;           /* digest is the config's: it is of a docker-archive */
    const struct planned *built;    /* made by this graph, not found: the planner's; it has no layers above then. NULL: found */
};

struct add_source;
struct images;
struct images *images_new(struct arena *arena, const struct opts *opts);
void images_free(struct images *images);

/* Whose named contexts count from now on; what was looked up stays known. */
void images_use(struct images *images, const struct opts *opts);
/* An image that this graph makes: what contexts "target:NAME" mean. */
void images_add_built(struct images *images, const char *name, const struct platform *platform, const struct image *image);

enum context_kind {
    CONTEXT_NONE,       /* no such named context */
    CONTEXT_FOLDER,     /* a folder: *folder, relative to the build folder */
    CONTEXT_IMAGE,      /* an image: *image (NULL with *error when it cannot be read or is scratch) */
    CONTEXT_SCRATCH,    /* docker-image://scratch */
    CONTEXT_REMOTE,     /* it lies elsewhere: *remote */
    CONTEXT_BAD,        /* there is one, but it cannot be used: *error says why */
};

struct named_context {
    enum context_kind kind;
    const char *folder;
    const struct image *image;
    struct add_source *remote;
    const char *error;
};

/*
 * The named context (--build-context, [contexts] of dfgen.ini) for a name as it stands in the Dockerfile, normalised here (§5.2): "NAME::os/arch" first.
 * wanted chooses from an index of several platforms. The same question twice gives the same answer at no cost.
 */
struct named_context images_context(struct images *images, const char *name, const struct platform *wanted);

/*
 * An image by its normalised reference ("docker.io/library/busybox:latest"): named contexts are not looked at. NULL: *error says where it
 * was looked for and what to do.
 */
const struct image *images_find(struct images *images, const char *reference, const struct platform *wanted,
                                const char **error);

/*
 * What a reference means, as a descriptor: from the store's record when there is one (and no --pull was given), else a registry is asked, once in
 * a run. The manifest or index is a blob of the store then. NULL, or what went wrong. Include gen/manifest.h before.
 */
struct descriptor;
const char *images_resolve(struct images *images, const char *reference, struct descriptor *found);

/* All layers of an image into the store. NULL, or what went wrong. */
const char *images_get_layers(struct images *images, const struct image *image);

#endif
