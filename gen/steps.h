/* The steps of a build folder, by the names that people give them. */
#ifndef DFGEN_STEPS_H
#define DFGEN_STEPS_H

struct arena;

/*
 * The step file (relative to the working directory, a build folder) of a step: "production/3" or "production 3/7" as messages have it,
 * "Dockerfile:12", "production" (its last step), the step file itself; NULL: the RUN that failed last. Ends the process when there is none,
 * or more than one.
 */
const char *steps_find(struct arena *arena, const char *name);

/* The step file that stands for the root of a stage's image; NULL: there is no such stage. */
const char *steps_find_image(struct arena *arena, const char *stage);

#endif
