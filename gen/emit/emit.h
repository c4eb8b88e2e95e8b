/* What every build file says, whatever its syntax. */
#ifndef DFGEN_EMIT_H
#define DFGEN_EMIT_H

#include <stdbool.h>

struct emit_options {
    const char *build_file;     /* "build.ninja", "Makefile" */
    const char *dfgen;          /* absolute path of this program */
    const char *helpers;        /* absolute path of the folder with dfgen-run and the others */
    const char *launcher;       /* put before the command of RUN edges; NULL: none */
    const char *prefix;         /* before rules and variables, when another build includes the file; "" */
    const char *state;          /* ".dfgen": where options.json is and further files go */
};

/* The first line of every file: what does not begin so is somebody else's. */
extern const char emit_mark[];

/* True when the file is not there or was written by dfgen. */
bool emit_may_write(const char *build_file);

#endif
