/* A source file in memory: its bytes, its name for messages, and its lines. */
#ifndef DFGEN_SOURCE_H
#define DFGEN_SOURCE_H

#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;

struct source {
    const char *name;   /* as the user wrote it, for messages */
    struct span text;   /* without a leading byte order mark */
    size_t *lines;      /* offset of each line's first byte */
    size_t line_count;
};

enum { SOURCE_LIMIT = 4 * 1024 * 1024 }; /* bytes of a Dockerfile (reference/sandbox.md S50) */

/*
 * Read a file ("-" is standard input) whole; the arena owns everything. -1 with errno when it cannot be read (EISDIR for a
 * directory, EFBIG above SOURCE_LIMIT).
 */
int source_read(struct source *source, struct arena *arena, const char *path, const char *name);

/* The same of a regular file: EINVAL for a FIFO and the like, which a context may hold, and which would be waited for. */
int source_read_file(struct source *source, struct arena *arena, const char *path);
/* The same from memory. */
void source_from_text(struct source *source, struct arena *arena, struct span text, const char *name);
/* Line number line (1-based) without its end; empty when there is none such. */
struct span source_line(const struct source *source, int line);

#endif
