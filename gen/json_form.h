/* The JSON form of arguments (reference/dockerfile.md §1.5), read as Go's encoding/json reads it. */
#ifndef DFGEN_JSON_FORM_H
#define DFGEN_JSON_FORM_H

#include <stddef.h>

#include "runtime/lib/span.h"
#include "runtime/lib/vec.h"

struct arena;

enum json_form {
    JSON_FORM_NONE,    /* no valid JSON array: the other form */
    JSON_FORM_STRINGS,
    JSON_FORM_MIXED,   /* a valid array, but not of strings alone */
    JSON_FORM_NUL,     /* a string holds \u0000 */
};

struct json_item {
    struct span value; /* decoded; the arena's, or a piece of the text */
    size_t at;         /* where it began in the text */
};

typedef VEC(struct json_item) json_items;

/* Read the whole text as an array; the items are appended. */
enum json_form json_form_read(struct arena *arena, struct span text, json_items *items);

#endif
