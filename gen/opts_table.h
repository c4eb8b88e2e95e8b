/*
 * Options and keys of dfgen.ini as rows of tables: names, what they take, what --help says of them. Read by opts, which
 * applies them. Include gen/opts.h first.
 */
#ifndef DFGEN_OPTS_TABLE_H
#define DFGEN_OPTS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

typedef const char *(*setter)(struct opts *opts, const char *base, const char *value);

enum takes { TAKES_NOTHING, TAKES_VALUE, TAKES_OPTIONAL };   /* optional: only behind "=" */

/* An option, or a key of dfgen.ini; both have the same setters. set NULL: known, but not supported yet. */
struct option {
    const char *name;
    char letter;
    enum takes takes;
    setter set;
    const char *metavar;
    const char *help;
};

/* NULL: there is none. */
const struct option *option_find(const char *name, size_t len);
const struct option *option_find_letter(char letter);
/* The first option from number i on that is supported; NULL: there are no more. */
const struct option *option_at(size_t i);
size_t option_number(const struct option *option);
/* Options that say where things are must be known before those that name paths. */
bool option_is_early(const struct option *option);

/* What only makes sense for one image: not with [image] sections. */
bool option_is_of_one(const struct option *option);

/* Is there such a key for an [image] section? */
bool opts_knows_image_key(const char *key);
/* A key of an [image] section. NULL, or what is wrong with it. */
const char *opts_set_image_key(struct opts *opts, const char *base, const char *key, const char *value);

/* What --store says; "~/" is the home folder. */
const char *opts_set_store(struct opts *opts, const char *base, const char *value);

#endif
