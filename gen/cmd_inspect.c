/*
 * Owns the commands inspect and images: what an image is, and which the store has. Must not know a layout's form, nor
 * Dockerfiles.
 */
#include "gen/cmd.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gen/attached.h"
#include "gen/images.h"
#include "gen/layout.h"
#include "gen/opts.h"
#include "gen/platform.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"

static struct platform wanted_platform(const struct opts *opts)
{
    struct platform platform = platform_host();
    const char *error = opts->platforms.count ? platform_parse(opts->arena, span_of(opts->platforms.items[0]),
                                                               &platform) : NULL;
    if (error)
        die_usage("--platform: %s", error);
    return platform;
}

/* A path that is there; else a stage that was built here; NULL: neither. */
static const char *find_path(const struct opts *opts, const char *what)
{
    const char *given = opts_path(opts, opts->start_dir, what), *built = arena_printf(opts->arena, ".dfgen/images/%s",
                                                                                      what);
    return access(given, F_OK) == 0 ? given : access(built, F_OK) == 0 ? built : NULL;
}

static const struct image *image_at(const struct opts *opts, const char *path, struct layout **layout)
{
    const struct platform platform = wanted_platform(opts);
    const struct layout_query query = {.accept_only = true};
    const char *error;
    *layout = layout_open(opts->arena, path, &error);
    const struct image *image = *layout ? layout_find(*layout, &query, &platform, false, &error) : NULL;
    if (!image)
        die_usage("inspect: %s", error ? error : arena_printf(opts->arena, "%s has no image, or several", path));
    return image;
}

static const struct image *image_called(struct opts *opts, struct images *images, const char *what)
{
    const struct platform platform = wanted_platform(opts);
    struct ref ref;
    const char *error;
    if (!ref_parse(opts->arena, span_of(what), &ref))
        die_usage("inspect: %s is no file, no stage that was built here, and no image name: %s", what,
                  ref_error(opts->arena, span_of(what)));
    const struct image *image = images_find(images, ref_text(opts->arena, &ref), &platform, &error);
    if (!image)
        die_usage("inspect: %s", error);
    return image;
}

/* layout NULL: the image was found by name. */
static json_t *describe(struct arena *arena, const char *what, const struct image *image, struct layout *layout)
{
    const char *error = NULL;
    json_t *layers = json_array();
    for (size_t i = 0; i < image->layer_count; i++)
        json_array_append_new(layers, json_pack("{s:s,s:s,s:s,s:I}", "digest", image->layers[i].digest, "diff_id",
                                                image->layers[i].diff_id, "mediaType", image->layers[i].media_type, "size",
                                                (json_int_t)image->layers[i].size));
    json_t *json = json_pack("{s:o,s:s,s:O,s:o}", "name", json_bytes(span_of(what)), "digest", image->digest, "config",
                             image->config, "layers", layers);
    json_t *documents = layout ? attached_list(arena, layout, image->digest, &error) : NULL;
    if (error)
        die_usage("inspect: %s", error);
    if (documents)
        json_object_set_new(json, "documents", documents);
    return json;
}

int cmd_inspect(int argc, char **argv)
{
    struct arena arena = {0};
    const char **words;
    struct opts *opts = opts_read(&arena, argc, argv, &words);
    struct images *images = images_new(&arena, opts);
    if (!*words)
        die_usage("inspect: which image? dfgen inspect STAGE, FILE, FOLDER or NAME");
    for (; *words; words++) {
        struct layout *layout = NULL;
        const char *path = find_path(opts, *words);
        const struct image *image = path ? image_at(opts, path, &layout) : image_called(opts, images, *words);
        json_t *json = describe(&arena, *words, image, layout);
        char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
        puts(text ? text : "");
        free(text);
        json_decref(json);
        if (layout)
            layout_close(layout);
    }
    images_free(images);
    opts_free(opts);
    arena_free(&arena);
    return EXIT_DONE;
}

/* --- images --- */

static void print_entry(struct arena *arena, const json_t *entry)
{
    const json_t *object = json_object_get(entry, "platform");
    struct platform platform = platform_of_json(arena, object);
    printf("%s %s %s\n", json_get_string(json_object_get(entry, "annotations"), "io.containerd.image.name", "?"),
           object ? platform_text(arena, &platform) : "-", json_get_string(entry, "digest", "?"));
}

int cmd_images(int argc, char **argv)
{
    struct arena arena = {0};
    const char **words;
    struct opts *opts = opts_read(&arena, argc, argv, &words);
    char *why = NULL;
    if (*words)
        die_usage("images: it lists all that dfgen load put into the store; %s is one word too many", *words);
    const char *path = arena_printf(&arena, "%s/index.json", opts->store);
    json_t *index = access(path, F_OK) < 0 ? json_object() : json_read_at(AT_FDCWD, path, JSON_LIMIT, &why);
    if (!index)
        die_usage("%s: %s", path, why);
    const json_t *list = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(list); i++)
        print_entry(&arena, json_array_get(list, i));
    json_decref(index);
    opts_free(opts);
    arena_free(&arena);
    return EXIT_DONE;
}
