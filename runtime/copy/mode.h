/* --chmod: octal, or symbolic as BSD's chmod has it (reference/dockerfile.md §8.4), with a umask of 0. */
#ifndef DFGEN_COPY_MODE_H
#define DFGEN_COPY_MODE_H

#include <stdbool.h>
#include <sys/types.h>

/* False when the text is neither: an octal number of 0 to 07777, or clauses. */
bool mode_is_valid(const char *text);
/* What a valid change makes of a mode. */
mode_t mode_apply(const char *change, mode_t mode, bool is_dir);
/* The mode of folders that are made on the way: change may be NULL. */
mode_t mode_of_made(const char *change);

#endif
