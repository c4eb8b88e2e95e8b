/* What the files step*.c share. Nobody else includes it; <jansson.h> and step.h go first. */
#ifndef DFGEN_STEP_INTERNAL_H
#define DFGEN_STEP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;
struct buf;
struct step;
struct step_input;

/* Parse the lines of a step file's "in". NULL, or what is wrong (the arena's text). */
const char *step_parse_inputs(struct arena *arena, const json_t *lines, struct step_input **inputs, size_t *count);

/*
 * A file that many steps have in common: of the nearest folder above the step file that has it, .dfgen the last one to
 * look into.
 */
const char *step_common_file(const struct step *step, const char *file);

/* What is said of the step: label, where, text. */
void step_load_place(struct step *step);

#endif
