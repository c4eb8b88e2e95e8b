/* What step.c, step_say.c and step_stamp.c share. Nobody else includes it; <jansson.h> and step.h go first. */
#ifndef DFGEN_STEP_INTERNAL_H
#define DFGEN_STEP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;
struct buf;
struct step_input;

/* Parse the lines of a step file's "in". NULL, or what is wrong (the arena's text). */
const char *step_parse_inputs(struct arena *arena, const json_t *lines, struct step_input **inputs, size_t *count);

#endif
