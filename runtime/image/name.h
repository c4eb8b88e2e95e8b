/* Names of images as archives and layouts carry them. */
#ifndef DFGEN_IMAGE_NAME_H
#define DFGEN_IMAGE_NAME_H

struct arena;

/* "x" as "docker.io/library/x:latest". */
const char *image_name_full(struct arena *arena, const char *tag);
/* The part behind the colon of a full name, "latest" say. */
const char *image_name_tag(const char *full);

#endif
