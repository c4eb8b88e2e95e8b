/*
 * Owns what is said of a finished image in files for scripts: its id, and docker's metadata keys. Called by
 * dfgen-export. Must not know where the text goes.
 */
#include <jansson.h>

#include "runtime/image/facts.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/image/layout.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"

enum { MANIFEST_LIMIT = 4 * 1024 * 1024 };

/* The first descriptor of an index: all of a layout's are names of one image. */
static const json_t *first_descriptor(const json_t *index)
{
    return json_array_get(json_object_get(index, "manifests"), 0);
}

/* *config NULL: the image has one for each platform. */
static char *find_config(int layout, struct arena *arena, const json_t *descriptor, const char **config)
{
    const char *digest = json_get_string(descriptor, "digest", "");
    char name[96], *why = NULL;
    *config = NULL;
    if (!digest_is_valid_name(digest))
        return xasprintf("the index has no sha256 digest");
    store_blob_name(digest, name);
    json_t *manifest = json_read_at(layout, name, MANIFEST_LIMIT, &why);
    char *error = manifest ? NULL : xasprintf("%s: %s", name, why);
    const char *found = json_get_string(json_object_get(manifest, "config"), "digest", NULL);
    if (found)
        *config = arena_strdup(arena, found);
    free(why);
    json_decref(manifest);
    return error;
}

char *facts_id(int layout, struct arena *arena, const json_t *index, struct buf *text)
{
    const char *config;
    const json_t *descriptor = first_descriptor(index);
    char *error = find_config(layout, arena, descriptor, &config);
    if (!error)
        buf_puts(text, config ? config : json_get_string(descriptor, "digest", ""));
    return error;
}

static void add_names(const json_t *index, struct buf *names)
{
    const json_t *list = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *notes = json_object_get(json_array_get(list, i), "annotations");
        const char *name = json_get_string(notes, "io.containerd.image.name", NULL);
        if (name)
            buf_printf(names, "%s%s", names->len ? "," : "", name);
    }
}

char *facts_metadata(int layout, struct arena *arena, const json_t *index, struct buf *text)
{
    const char *config;
    const json_t *descriptor = first_descriptor(index);
    char *error = find_config(layout, arena, descriptor, &config);
    if (error)
        return error;
    struct buf names = {0};
    json_t *facts = json_object(), *own = json_deep_copy(descriptor);
    add_names(index, &names);
    if (config)
        json_object_set_new(facts, "containerimage.config.digest", json_string(config));
    json_object_set_new(facts, "containerimage.digest", json_string(json_get_string(descriptor, "digest", "")));
    /* The name stands in a member of its own. */
    layout_drop_names(own);
    json_object_set_new(facts, "containerimage.descriptor", own);
    if (names.len)
        json_object_set_new(facts, "image.name", json_string(buf_text(&names)));
    json_write(facts, text);
    json_decref(facts);
    buf_free(&names);
    return NULL;
}
