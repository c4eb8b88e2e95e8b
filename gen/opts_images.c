/*
 * Owns the [image] sections of dfgen.ini: which images there are, and what each has that others have not. Called by ini
 * and opts. Must not know what a key means: opts_table does.
 */
#include "gen/opts.h"

#include "gen/opts_images.h"

#include <stdlib.h>
#include <string.h>

#include "gen/opts_table.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"

struct ini_key {
    const char *key, *value;
};

struct ini_image {
    const char *name;   /* NULL: [image], for all */
    int line;
    VEC(struct ini_key) keys;
};

struct ini_images {
    const char *folder;
    VEC(struct ini_image) list;
    size_t last;        /* the section that the last key was of */
};

enum {
    NAME_LIMIT = 40,    /* what inih keeps of a section's header is 50 bytes */
};

bool opts_images_is_section(const char *section)
{
    return !strncmp(section, "image", 5) && (!section[5] || strchr(" \t\"", section[5]));
}

/* The name between the quotes; NULL: there is none, or it is malformed. */
static const char *name_of(struct arena *arena, const char *section)
{
    const char *start = strchr(section, '"'), *end = start ? strchr(start + 1, '"') : NULL;
    if (!end || end[1 + strspn(end + 1, " \t")])
        return NULL;
    return arena_strndup(arena, start + 1, (size_t)(end - start - 1));
}

static const char *check_name(struct arena *arena, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";
    if (!name)
        return "an image's section is [image \"NAME\"]";
    if (!*name || strchr("_.-", *name) || name[strspn(name, allowed)])
        return arena_printf(arena, "image \"%s\": a name is made of a-z, 0-9, _, - and ., and begins with a letter or digit",
                            name);
    if (strlen(name) > NAME_LIMIT)
        return arena_printf(arena, "image \"%s\": a name has at most %d characters", name, NAME_LIMIT);
    if (opts_is_reserved(name))
        return arena_printf(arena, "image \"%s\": dfgen has a file or folder of that name: choose another", name);
    return NULL;
}

static struct ini_image *find(struct ini_images *images, const char *name)
{
    for (size_t i = 0; i < images->list.count; i++) {
        const char *own = images->list.items[i].name;
        if (own == name || (own && name && !strcmp(own, name)))
            return &images->list.items[i];
    }
    return NULL;
}

const char *opts_images_note(struct opts *opts, const char *header, int line)
{
    if (!opts_images_is_section(header))
        return NULL;
    struct arena *arena = opts->arena;
    if (!opts->sections)
        opts->sections = arena_alloc(arena, sizeof *opts->sections);
    const char *name = header[5] ? name_of(arena, header) : NULL;
    const char *error = header[5] ? check_name(arena, name) : NULL;
    struct ini_image *known = error ? NULL : find(opts->sections, name);
    if (known)
        error = name ? arena_printf(arena, "image \"%s\" is there already, in line %d", name, known->line)
                     : arena_printf(arena, "section [image] is there already, in line %d", known->line);
    if (!error)
        vec_push(&opts->sections->list, (struct ini_image){.name = name, .line = line});
    return error;
}

/* Keys that stand once in a section; the others make a list. */
static bool is_single(const char *key)
{
    static const char *const lists[] = {"tag", "secret", "ssh", "output", "add-host", "ulimit", "allow", "platform"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!strcmp(lists[i], key))
            return false;
    return true;
}

const char *opts_images_key(struct opts *opts, const char *base, const char *section, const char *key,
                            const char *value)
{
    struct ini_images *images = opts->sections;
    const char *name = section[5] ? name_of(opts->arena, section) : NULL;
    if (strcmp(base, opts->start_dir))
        return "images belong into the dfgen.ini of a project, not into a user's";
    if (!opts_knows_image_key(key))
        return arena_printf(opts->arena, "unknown key %s in [%s]", key, section);
    struct ini_image *image = &images->list.items[images->last];
    if (image->name != name && (!name || !image->name || strcmp(image->name, name)))
        image = find(images, name);
    images->last = (size_t)(image - images->list.items);
    images->folder = opts->start_dir;
    for (size_t i = 0; i < image->keys.count && is_single(key); i++)
        if (!strcmp(image->keys.items[i].key, key))
            return arena_printf(opts->arena, "%s stands twice in this section", key);
    vec_push(&image->keys, (struct ini_key){arena_strdup(opts->arena, key), arena_strdup(opts->arena, value)});
    return NULL;
}

#define COPY_LIST(field)                                          \
    do {                                                          \
        memset(&copy->field, 0, sizeof copy->field);              \
        for (size_t i = 0; i < opts->field.count; i++)            \
            vec_push(&copy->field, opts->field.items[i]);         \
    } while (0)

struct opts *opts_copy(const struct opts *opts)
{
    struct opts *copy = arena_alloc(opts->arena, sizeof *copy);
    *copy = *opts;
    COPY_LIST(build_args);
    COPY_LIST(contexts);
    COPY_LIST(labels);
    COPY_LIST(annotations);
    COPY_LIST(secrets);
    COPY_LIST(keyed_secrets);
    COPY_LIST(ssh);
    COPY_LIST(platforms);
    COPY_LIST(tags);
    COPY_LIST(outputs);
    for (size_t k = 0; k < copy->outputs.count; k++) {
        COPY_LIST(outputs.items[k].names);
        COPY_LIST(outputs.items[k].files);
        COPY_LIST(outputs.items[k].annotations);
    }
    COPY_LIST(allow);
    COPY_LIST(no_cache_filter);
    COPY_LIST(add_hosts);
    COPY_LIST(ulimits);
    COPY_LIST(limits);
    COPY_LIST(registries);
    COPY_LIST(image_folders);
    COPY_LIST(environment);
    memset(&copy->images, 0, sizeof copy->images);
    return copy;
}

static void set_keys(struct opts *opts, const struct ini_images *images, const struct ini_image *image)
{
    for (size_t i = 0; i < image->keys.count; i++) {
        const struct ini_key *key = &image->keys.items[i];
        const char *error = opts_set_image_key(opts, images->folder, key->key, key->value);
        if (!error)
            continue;
        if (image->name)
            die_usage("dfgen.ini: [image \"%s\"]: %s: %s", image->name, key->key, error);
        die_usage("dfgen.ini: [image]: %s: %s", key->key, error);
    }
}

void opts_images_make(struct opts *opts)
{
    struct ini_images *images = opts->sections;
    struct ini_image *shared = images ? find(images, NULL) : NULL;
    for (size_t i = 0; images && i < images->list.count; i++) {
        struct ini_image *image = &images->list.items[i];
        if (!image->name)
            continue;
        struct opts *copy = opts_copy(opts);
        copy->image = image->name;
        if (shared)
            set_keys(copy, images, shared);
        set_keys(copy, images, image);
        vec_push(&opts->images, copy);
    }
    for (size_t i = 0; images && i < images->list.count; i++)
        vec_free(&images->list.items[i].keys);
    if (images)
        vec_free(&images->list);
    opts->sections = NULL;
}
