/*
 * [image "NAME"] sections of dfgen.ini: noted while the file is read, then each becomes options of its own. Include
 * gen/opts.h first.
 */
#ifndef DFGEN_OPTS_IMAGES_H
#define DFGEN_OPTS_IMAGES_H

#include <stdbool.h>

/* "image" (what holds for all of them) or "image "NAME"". */
bool opts_images_is_section(const char *section);

/* A section's header, whichever it is. NULL, or what is wrong with it. */
const char *opts_images_note(struct opts *opts, const char *header, int line);

/* A key of such a section. NULL, or what is wrong with it. */
const char *opts_images_key(struct opts *opts, const char *base, const char *section, const char *key,
                            const char *value);

/*
 * Make opts->images: each begins as opts is now, and then has what its section says. Ends the process when that is
 * wrong. Their contexts, Dockerfiles and the command line's options are still to be set.
 */
void opts_images_make(struct opts *opts);

/* A copy that shares nothing that grows. opts_free frees it. */
struct opts *opts_copy(const struct opts *opts);

#endif
