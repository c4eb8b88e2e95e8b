/* Where this program and its helpers are. */
#ifndef DFGEN_PROGRAMS_H
#define DFGEN_PROGRAMS_H

struct arena;

struct programs {
    const char *dfgen;      /* absolute path of this program */
    const char *helpers;    /* the folder of dfgen-run and the others */
};

/* Beside each other, as installed or built, else where configure said. Ends the process when they are not there. */
struct programs programs_find(struct arena *arena);

#endif
