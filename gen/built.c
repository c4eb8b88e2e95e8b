/*
 * Owns the list of images that are planned already. Called by images. Must not know how they are made: an image is
 * planned after those that it stands on, so whatever may be found is there.
 */
#include "gen/built.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/vec.h"

struct built_image {
    const char *name, *platform;
    const struct image *image;
};

struct built {
    VEC(struct built_image) images;
};

void built_add(struct built **list, struct arena *arena, const char *name, const char *platform, const struct image *image)
{
    if (!*list)
        *list = arena_alloc(arena, sizeof **list);
    vec_push(&(*list)->images, (struct built_image){name, platform, image});
}

void built_free(struct built *list)
{
    if (list)
        vec_free(&list->images);
}

const struct image *built_find(const struct built *list, struct arena *arena, const char *name, const char *platform,
                               const char **error)
{
    const char *other = NULL;
    for (size_t i = 0; list && i < list->images.count; i++) {
        const struct built_image *built = &list->images.items[i];
        if (strcmp(built->name, name))
            continue;
        if (!strcmp(built->platform, platform))
            return built->image;
        other = built->platform;
    }
    if (other)
        *error = arena_printf(arena, "image %s is made for %s, not for %s", name, other, platform);
    else
        *error = arena_printf(arena, "target:%s: there is no [image \"%s\"] in dfgen.ini", name, name);
    return NULL;
}
