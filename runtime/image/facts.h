/* What --iidfile and --metadata-file say of a finished image layout. */
#ifndef DFGEN_IMAGE_FACTS_H
#define DFGEN_IMAGE_FACTS_H

struct arena;
struct buf;
struct json_t;

/*
 * The image id: the digest of the config, or of the index of an image for several platforms. No line end, as docker
 * writes it. NULL if all went well, else why not, malloc'd.
 */
char *facts_id(int layout, struct arena *arena, const struct json_t *index, struct buf *text);

/* Digests, descriptor and names as JSON, with docker's keys. */
char *facts_metadata(int layout, struct arena *arena, const struct json_t *index, struct buf *text);

#endif
