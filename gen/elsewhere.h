/*
 * Contexts that lie elsewhere (reference/dockerfile.md §5): git repositories and URLs, as the main context or a named
 * one. Text in, what to fetch out, and the step file that fetches it.
 */
#ifndef DFGEN_ELSEWHERE_H
#define DFGEN_ELSEWHERE_H

#include <stdbool.h>

#include "runtime/lib/span.h"

struct add_source;
struct arena;
struct json_t;

#define ELSEWHERE_FILE "context"   /* what the file of a URL is called that is no archive */

/* Git references as ADD knows them, "github.com/..." too, and other http and https URLs. */
bool elsewhere_is_one(struct arena *arena, struct span text);
/* What to fetch. NULL: *error says what is wrong. */
struct add_source *elsewhere_parse(struct arena *arena, struct span text, const char **error);
/* The members of a fetch step, but for "in". */
void elsewhere_set_fetch(struct json_t *json, const struct add_source *remote);
/* The members of a copy step that unpacks the file PATH of its one source: role is "fetch" or "context". */
void elsewhere_set_unpack(struct json_t *json, const char *role, const char *path);

#endif
