/* Image references: "[host[:port]/]path[:tag][@digest]" (reference/dockerfile.md §4), normalised as docker does it. */
#ifndef DFGEN_REF_H
#define DFGEN_REF_H

#include <stdbool.h>

#include "runtime/lib/span.h"

struct arena;

struct ref {
    const char *host;       /* "docker.io" when none is written */
    const char *path;       /* "library/busybox" */
    const char *tag;        /* "latest" when neither tag nor digest is written; NULL with a digest alone */
    const char *digest;     /* "sha256:HEX"; NULL: none */
};

/* False: it is no reference (ref_error says why). */
bool ref_parse(struct arena *arena, struct span text, struct ref *ref);
/* Why text is none: "invalid reference format", with what is wrong. */
const char *ref_error(struct arena *arena, struct span text);
/* "docker.io/library/busybox:latest" */
const char *ref_text(struct arena *arena, const struct ref *ref);
/* As people write it: "busybox", "busybox:1.36", "registry.example/x" */
const char *ref_familiar(struct arena *arena, const struct ref *ref);

#endif
