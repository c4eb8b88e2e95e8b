/* -o/--output: what is written besides the image layout (reference/dockerfile.md §15). */
#ifndef DFGEN_OPTS_OUTPUT_H
#define DFGEN_OPTS_OUTPUT_H

#include <stdbool.h>

struct opt_output;
struct opts;

/* type=TYPE,dest=PATH,… or a bare PATH. NULL, or what is wrong. */
const char *opts_set_output(struct opts *opts, const char *base, const char *text);

/*
 * What outputs mean together, once all is read: how layers are packed, and where dest=- goes. Ends the process when
 * they cannot be had.
 */
void opts_output_finish(struct opts *opts);

/* The output that says what the image layout is like: the first of an image. NULL: none does. */
const struct opt_output *opts_output_main(const struct opts *opts);
/* Does it want another image than the layout, by its compression, names, annotations or media types? */
bool opts_output_is_other(const struct opts *opts, const struct opt_output *output);

/* The output of dest=-; NULL: none. */
const struct opt_output *opts_output_stdout(const struct opts *opts);

#endif
