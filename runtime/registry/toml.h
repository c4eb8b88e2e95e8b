/*
 * The part of TOML that registries.conf is written in: tables, arrays of tables, and keys with strings, booleans, integers and
 * lists of strings. Anything else is refused, never guessed.
 */
#ifndef DFGEN_REGISTRY_TOML_H
#define DFGEN_REGISTRY_TOML_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;

struct toml_value {
    enum { TOML_STRING, TOML_BOOLEAN, TOML_INTEGER, TOML_LIST } kind;
    const char *string;         /* of an integer: its digits */
    bool boolean;
    const char **list;
    size_t count;
};

/* What is found, in order. Both return NULL, or what is wrong with it (the arena's). */
struct toml_reader {
    /* "[name]", or "[[name]]": another item of that array. */
    const char *(*table)(void *data, const char *name, bool is_item);
    const char *(*value)(void *data, const char *key, const struct toml_value *value);
    void *data;
};

/* NULL, or what is wrong, *line being where. */
const char *toml_read(struct arena *arena, struct span text, const struct toml_reader *reader, int *line);

#endif
