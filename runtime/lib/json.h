/*
 * JSON over jansson: strict reading with limits, canonical writing, and bytes that are no UTF-8.
 * A caller that wants json_t includes <jansson.h>.
 */
#ifndef DFGEN_JSON_H
#define DFGEN_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/lib/span.h"

struct json_t;
struct buf;
struct arena;

enum { JSON_LIMIT = 64 * 1024 * 1024, JSON_DEPTH = 32 };

/* Parse text whole (an object or array), nested JSON_DEPTH deep at most. NULL, and *error (malloc'd, may be NULL) says what is wrong and where. */
struct json_t *json_parse(struct span text, char **error);

/* Read and parse a file of at most limit bytes. NULL as above; the message then says the reason without the path. */
struct json_t *json_read_at(int dir, const char *path, size_t limit, char **error);

/* Canonical: sorted keys, no white space, one newline at the end. */
void json_write(const struct json_t *value, struct buf *out);
/*
 * An object with members that are canonical text already, sorted by key; none of them is in the object. For what is long
 * and the same in many files.
 */
struct json_member {
    const char *key;
    struct span text;
};
void json_write_with(const struct json_t *object, const struct json_member *members, size_t count, struct buf *out);

/*
 * Bytes as a JSON string and back. Dockerfiles and file names may hold bytes that are no UTF-8; each such byte B is carried as the
 * character U+10FF00+B (and so are the bytes of such a character itself), so that nothing is lost. For dfgen's own files.
 */
struct json_t *json_bytes(struct span text);
/* The same as text, quotes included. */
void json_bytes_add(struct buf *out, struct span text);
struct span json_bytes_value(struct arena *arena, const struct json_t *value);

/* Text for others to read (image configs): every byte that is no UTF-8 becomes U+FFFD, as Go does it. */
struct json_t *json_text(struct span text);

/* Members, with a fallback when missing or of another type. */
const char *json_get_string(const struct json_t *object, const char *key, const char *fallback);
int64_t json_get_int(const struct json_t *object, const char *key, int64_t fallback);
bool json_get_bool(const struct json_t *object, const char *key, bool fallback);

#endif
