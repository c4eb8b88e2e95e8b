/*
 * What a reference meant when a registry was asked last: a file of the store for each, refs/HEX (HEX: sha256 of the normalised reference).
 * It names a manifest or index, whose blobs come when they are needed. Include gen/manifest.h first.
 */
#ifndef DFGEN_RECORD_H
#define DFGEN_RECORD_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* The file's path. */
const char *record_path(struct arena *arena, const char *store, const char *reference);
/* False: there is none, or it is damaged, which is the same. */
bool record_read(struct arena *arena, const char *store, const char *reference, struct descriptor *descriptor);
/* All references of the store that have one, sorted. */
const char **record_list(struct arena *arena, const char *store, size_t *count);
/* NULL, or what is wrong. */
const char *record_write(struct arena *arena, const char *store, const char *reference, const struct descriptor *descriptor);
/* The store's index has that name from now on: what was brought last counts. */
void record_drop(struct arena *arena, const char *store, const char *reference);

#endif
