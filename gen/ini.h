/* dfgen.ini, read with inih: sections and keys are rows of a table in opts.c. */
#ifndef DFGEN_INI_H
#define DFGEN_INI_H

#include <stdbool.h>

struct opts;

/*
 * Read a dfgen.ini into opts; folder is its folder, absolute. A missing file is fine (returns false); anything wrong in it ends the process with exit 2 and
 * FILE:LINE.
 */
bool ini_read(struct opts *opts, const char *path, const char *folder);

#endif
