/*
 * Owns the long form of image names, as Docker writes it. Called by dfgen-image. gen has checked the grammar before.
 */
#include "runtime/image/name.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/lib/arena.h"

const char *image_name_full(struct arena *arena, const char *tag)
{
    const char *slash = strchr(tag, '/');
    size_t len = slash ? (size_t)(slash - tag) : 0;
    /* A first part with a dot or a port, or "localhost", is a registry's host. */
    bool has_host = slash && (memchr(tag, '.', len) || memchr(tag, ':', len) || (len == 9 && !memcmp(tag, "localhost", 9)));
    const char *last = strrchr(tag, '/');
    const char *colon = strchr(last ? last : tag, ':');
    return arena_printf(arena, "%s%s%s%s", has_host ? "" : "docker.io/", has_host || slash ? "" : "library/", tag,
                        colon ? "" : ":latest");
}

const char *image_name_tag(const char *full)
{
    const char *last = strrchr(full, '/');
    const char *colon = strchr(last ? last : full, ':');
    return colon ? colon + 1 : "latest";
}
