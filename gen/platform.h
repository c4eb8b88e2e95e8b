/* Platforms: "linux/arm/v7" as text, as ARGs see it, and whether an image's serves. */
#ifndef DFGEN_PLATFORM_H
#define DFGEN_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;
struct json_t;

/* Normalised: "linux", "amd64", "" (never NULL). */
struct platform {
    const char *os;
    const char *architecture;
    const char *variant;
};

/* The machine that this runs on. */
struct platform platform_host(void);

/*
 * os[/arch[/variant]], os or arch alone, with aliases (reference/dockerfile.md §4). What is left out is the host's.
 * NULL, or what is wrong (the arena's).
 */
const char *platform_parse(struct arena *arena, struct span text, struct platform *platform);

/* "linux/arm/v7" */
const char *platform_text(struct arena *arena, const struct platform *platform);

/* The platform that an image config or an index entry names ("os", "architecture", "variant"), normalised. */
struct platform platform_of_json(struct arena *arena, const struct json_t *object);

/*
 * How well an index entry's "platform" serves who wants a platform: 0 not at all, else the higher the better. Older
 * variants of an architecture serve newer ones.
 */
int platform_rank(const struct platform *wanted, const struct json_t *object);

#endif
