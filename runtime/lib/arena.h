/* Memory that is freed all at once. Zero it to begin: struct arena a = {0}; */
#ifndef DFGEN_ARENA_H
#define DFGEN_ARENA_H

#include <stddef.h>

#include "runtime/lib/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
};

/* Zeroed memory, aligned for any type. Ends the process when there is none. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A copy that the arena owns, followed by a NUL that does not count. */
struct span arena_span(struct arena *arena, struct span text);
void arena_free(struct arena *arena);

#endif
