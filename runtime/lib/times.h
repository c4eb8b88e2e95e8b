/* What becomes of the times of files in what leaves: --timestamps. */
#ifndef DFGEN_TIMES_H
#define DFGEN_TIMES_H

#include <stdbool.h>
#include <stdint.h>

/* All the epoch; the own, but none later than the epoch; the own. */
enum times { TIMES_EPOCH, TIMES_CLAMP, TIMES_KEEP };
extern const char *const times_names[];    /* "epoch", "clamp", "keep" */

bool times_parse(const char *text, enum times *times);
int64_t times_of(enum times times, int64_t own, int64_t epoch);

#endif
