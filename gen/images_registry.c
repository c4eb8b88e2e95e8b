/*
 * Owns images of registries: what a tag was found to mean, asking again, and getting the documents that lead to a
 * platform's image. Called by images. Must not know HTTP, nor named contexts.
 */
#include "gen/images.h"

#include <stdlib.h>
#include <string.h>

#include "gen/images_internal.h"

#include "gen/manifest.h"

#include "gen/layout.h"
#include "gen/opts.h"
#include "gen/platform.h"
#include "gen/record.h"
#include "gen/ref.h"
#include "gen/remote.h"
#include "runtime/lib/arena.h"

/* Where a layout's missing blobs come from. */
struct origin_of {
    struct images *images;
    const char *repository;
    struct platform wanted;
};

static bool was_asked(const struct images *images, const char *reference, const char **error)
{
    for (size_t i = 0; i < images->asked.count; i++) {
        if (strcmp(images->asked.items[i].reference, reference))
            continue;
        *error = images->asked.items[i].error;
        return true;
    }
    return false;
}

/* What is missing, and the command that gets it: for another platform than this machine's, it has to be said. */
static const char *offline(struct images *images, const char *reference, const struct platform *wanted)
{
    const struct platform host = platform_host();
    const char *platform = platform_text(images->arena, wanted);
    bool is_host = !strcmp(platform, platform_text(images->arena, &host));
    return arena_printf(images->arena, "--offline: %s%s%s is not in the store %s: dfgen pull %s%s%s%s gets it",
                        reference, is_host ? "" : " for ", is_host ? "" : platform, images->opts->store,
                        is_host ? "" : "--platform ", is_host ? "" : platform, is_host ? "" : " ", reference);
}

/* Ask the registry; what it says is recorded, for the tag and for the digest. */
static const char *ask(struct images *images, const struct ref *ref, const char *reference,
                       const struct platform *wanted)
{
    struct arena *arena = images->arena;
    const char *store = images->opts->store, *error;
    const char *repository = arena_printf(arena, "%s/%s", ref->host, ref->path);
    struct descriptor found;
    if (was_asked(images, reference, &error))
        return error;
    if (images->opts->offline)
        return offline(images, reference, wanted);
    error = remote_manifest(images->remote, repository, ref->digest ? ref->digest : ref->tag, NULL, &found);
    if (!error)
        error = record_write(arena, store, reference, &found);
    if (!error)
        error = record_write(arena, store, arena_printf(arena, "%s@%s", repository, found.digest), &found);
    vec_push(&images->asked, (struct asked){reference, error});
    return error;
}

/* A digest means the same for ever. */
static bool must_ask(const struct images *images, const struct ref *ref, const char *reference)
{
    const char *error;
    return images->opts->pull && !images->opts->offline && !ref->digest && !was_asked(images, reference, &error);
}

static const char *resolve(struct images *images, const char *reference, const struct platform *wanted,
                           struct descriptor *found)
{
    struct ref ref;
    if (!ref_parse(images->arena, span_of(reference), &ref))
        return ref_error(images->arena, span_of(reference));
    if (!must_ask(images, &ref, reference) && record_read(images->arena, images->opts->store, reference, found))
        return NULL;
    const char *error = ask(images, &ref, reference, wanted);
    if (!error && !record_read(images->arena, images->opts->store, reference, found))
        error = arena_printf(images->arena, "%s: the store %s has lost what it meant", reference, images->opts->store);
    return error;
}

const char *images_resolve(struct images *images, const char *reference, struct descriptor *found)
{
    const struct platform host = platform_host();
    return resolve(images, reference, &host, found);
}

/* A blob that the store lacks: a manifest by its digest, or a config. */
static const char *get_missing(void *data, const struct descriptor *descriptor)
{
    const struct origin_of *origin = data;
    struct descriptor found;
    if (origin->images->opts->offline)
        return offline(origin->images,
                       arena_printf(origin->images->arena, "%s@%s", origin->repository, descriptor->digest),
                       &origin->wanted);
    bool is_document = descriptor->kind == DESCRIPTOR_INDEX || descriptor->kind == DESCRIPTOR_MANIFEST;
    if (is_document)
        return remote_manifest(origin->images->remote, origin->repository, descriptor->digest, descriptor, &found);
    return remote_blobs(origin->images->remote, origin->repository, descriptor, 1, LAYOUT_CONFIG_LIMIT);
}

/* The image that a descriptor from a registry leads to. */
static const struct image *find_by_record(struct images *images, const struct ref *ref, const char *reference,
                                          const struct descriptor *top, const struct platform *wanted, const char **error)
{
    struct arena *arena = images->arena;
    const char *store = images->opts->store;
    struct layout *layout = layout_of_store(arena, store, top, record_path(arena, store, reference), error);
    if (!layout)
        return NULL;
    struct origin_of *origin = arena_alloc(arena, sizeof *origin);
    *origin = (struct origin_of){images, arena_printf(arena, "%s/%s", ref->host, ref->path), *wanted};
    layout_set_getter(layout, get_missing, origin);
    vec_push(&images->opened, (struct opened){.path = "", .layout = layout});
    struct layout_query query = {0};
    const struct image *found = layout_find(layout, &query, wanted, true, error);
    if (!found)
        return NULL;
    struct image *image = arena_alloc(arena, sizeof *image);
    *image = *found;
    image->name = reference;
    for (size_t i = 0; i < image->layer_count; i++)
        image->layers[i].repository = origin->repository;
    return image;
}

const char *images_get_layers(struct images *images, const struct image *image)
{
    struct descriptor *blobs = arena_array(images->arena, image->layer_count + 1, sizeof *blobs);
    const char *repository = NULL;
    for (size_t i = 0; i < image->layer_count; i++) {
        const struct image_layer *layer = &image->layers[i];
        blobs[i] = (struct descriptor){.media_type = layer->media_type, .digest = layer->digest, .size = layer->size};
        repository = layer->repository;
    }
    return repository ? remote_blobs(images->remote, repository, blobs, image->layer_count, INT64_MAX) : NULL;
}

const struct image *images_in_registry(struct images *images, const char *reference, const struct platform *wanted,
                                             const char **error)
{
    struct ref ref;
    struct descriptor top;
    const struct image *image = NULL;
    if (!ref_parse(images->arena, span_of(reference), &ref)) {
        *error = ref_error(images->arena, span_of(reference));
        return NULL;
    }
    bool has_record = !must_ask(images, &ref, reference) && record_read(images->arena, images->opts->store, reference, &top);
    if (!has_record && !must_ask(images, &ref, reference))
        image = images_in_store(images, reference, wanted, error);
    if (image || *error)
        return image;
    *error = has_record ? NULL : resolve(images, reference, wanted, &top);
    return *error ? NULL : find_by_record(images, &ref, reference, &top, wanted, error);
}
