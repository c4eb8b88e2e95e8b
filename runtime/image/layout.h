/*
 * OCI image layouts as folders: oci-layout, index.json, blobs/sha256/HEX. Blobs are linked, never rewritten. The store is such a folder too.
 */
#ifndef DFGEN_IMAGE_LAYOUT_H
#define DFGEN_IMAGE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/vec.h"

struct arena;
struct json_t;

#define LAYOUT_INDEX_TYPE "application/vnd.oci.image.index.v1+json"

/* Digests ("sha256:HEX"), in the order they were met; the arena's or others' text. */
struct digests {
    VEC(const char *) list;
};

void digests_add(struct digests *digests, const char *digest);  /* unless it is there */
bool digests_have(const struct digests *digests, const char *digest);

/* Make the folder with what every layout has but the index. Descriptor or -1 with errno. */
int layout_make(const char *path);

/* True when the folder is empty or not there. -1 with errno when it cannot be told. */
int layout_is_empty(const char *path);
/* True when the folder calls itself an image layout. */
bool layout_is_one(const char *path);

/* Put a blob of one layout into another: linked, or copied when it lies on another file system. Fine when it is there. -1 with errno. */
int layout_take(int layout, int from, const char *digest);

/* NULL, and *error (malloc'd) says why. */
struct json_t *layout_read_index(int layout, char **error);

/* Takes the image's name out of a descriptor's annotations: what a layout alone has. */
void layout_drop_names(struct json_t *descriptor);

/*
 * Add all digests that the descriptors in an index lead to: manifests, configs, layers, nested indexes. NULL if all went well, else what is
 * wrong, malloc'd. lenient: what is missing or damaged leads nowhere.
 */
char *layout_reach(int layout, struct arena *arena, const struct json_t *index, bool lenient, struct digests *digests);

/* Remove blobs: all but keep (only NULL), or those of only that are not in keep. -1 with errno. */
int layout_prune(int layout, const struct digests *keep, const struct digests *only);

#endif
