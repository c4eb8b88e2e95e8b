/*
 * Owns the commands inspect and images: what an image is, and which the store has. Must not know a layout's form, nor
 * Dockerfiles.
 */
#include "gen/manifest.h"

#include "gen/cmd.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/attached.h"
#include "gen/images.h"
#include "gen/layout.h"
#include "gen/opts.h"
#include "gen/platform.h"
#include "gen/record.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
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

/* --- what registries brought --- */

struct pulled {
    struct arena *arena;
    const char *store;
    struct layout *layout;
    struct buf platforms;       /* those that are whole, comma between */
};

static bool has_blob(const struct pulled *pulled, const json_t *value)
{
    const char *digest = json_get_string(value, "digest", "");
    return strlen(digest) > 7 &&
           access(arena_printf(pulled->arena, "%s/blobs/sha256/%s", pulled->store, digest + 7), F_OK) == 0;
}

/* Its platform by the config, when all its parts are there. */
static void add_manifest(struct pulled *pulled, const struct descriptor *descriptor)
{
    const char *why;
    const json_t *manifest = layout_document(pulled->layout, descriptor, &why);
    const json_t *config = json_object_get(manifest, "config"), *layers = json_object_get(manifest, "layers");
    bool is_whole = has_blob(pulled, config);
    for (size_t i = 0; i < json_array_size(layers) && is_whole; i++)
        is_whole = has_blob(pulled, json_array_get(layers, i));
    if (!is_whole)
        return;
    const char *path = arena_printf(pulled->arena, "%s/blobs/sha256/%s", pulled->store,
                                    json_get_string(config, "digest", "") + 7);
    json_t *json = json_read_at(AT_FDCWD, path, LAYOUT_CONFIG_LIMIT, NULL);
    struct platform platform = platform_of_json(pulled->arena, json);
    buf_printf(&pulled->platforms, "%s%s", pulled->platforms.len ? "," : "", platform_text(pulled->arena, &platform));
    json_decref(json);
}

static void add_all(struct pulled *pulled, const struct descriptor *top)
{
    const char *why;
    if (top->kind != DESCRIPTOR_INDEX) {
        add_manifest(pulled, top);
        return;
    }
    const json_t *manifests = json_object_get(layout_document(pulled->layout, top, &why), "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        struct descriptor one;
        if (!descriptor_read(pulled->arena, json_array_get(manifests, i), &one) && !one.is_attestation &&
            one.kind == DESCRIPTOR_MANIFEST && has_blob(pulled, json_array_get(manifests, i)))
            add_manifest(pulled, &one);
    }
}

/* What FROM looked up without needing a layer is no image of the store. */
static void print_record(struct arena *arena, const char *store, const char *reference)
{
    struct descriptor top;
    const char *why;
    if (!record_read(arena, store, reference, &top))
        return;
    struct pulled pulled = {.arena = arena, .store = store};
    pulled.layout = layout_of_store(arena, store, &top, record_path(arena, store, reference), &why);
    if (!pulled.layout)
        return;
    add_all(&pulled, &top);
    if (pulled.platforms.len)
        printf("%s %s %s\n", reference, buf_text(&pulled.platforms), top.digest);
    layout_close(pulled.layout);
    buf_free(&pulled.platforms);
}

/* Each under its tags; under its digest alone when it has none. */
static void print_records(struct arena *arena, const char *store)
{
    size_t count;
    const char **references = record_list(arena, store, &count);
    for (size_t i = 0; i < count; i++) {
        const char *at = strchr(references[i], '@');
        bool is_tagged = false;
        for (size_t k = 0; at && k < count && !is_tagged; k++) {
            size_t len = (size_t)(at - references[i]);
            struct descriptor other;
            is_tagged = !strchr(references[k], '@') && !strncmp(references[k], references[i], len) &&
                        references[k][len] == ':' && record_read(arena, store, references[k], &other) &&
                        !strcmp(other.digest, at + 1);
        }
        if (!is_tagged)
            print_record(arena, store, references[i]);
    }
}

int cmd_images(int argc, char **argv)
{
    struct arena arena = {0};
    const char **words;
    struct opts *opts = opts_read(&arena, argc, argv, &words);
    char *why = NULL;
    if (*words)
        die_usage("images: it lists all that is in the store; %s is one word too many", *words);
    const char *path = arena_printf(&arena, "%s/index.json", opts->store);
    json_t *index = access(path, F_OK) < 0 ? json_object() : json_read_at(AT_FDCWD, path, JSON_LIMIT, &why);
    if (!index)
        die_usage("%s: %s", path, why);
    const json_t *list = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(list); i++)
        print_entry(&arena, json_array_get(list, i));
    print_records(&arena, opts->store);
    json_decref(index);
    opts_free(opts);
    arena_free(&arena);
    return EXIT_DONE;
}
