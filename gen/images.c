/*
 * Owns the order in which images are looked up: folders of images, what dfgen vendor made, the store, registries; and
 * remembers what was found. Called by stage while it resolves FROM and copies. Knows no file format (layout does) and
 * no instruction.
 */
#include "gen/images.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/images_internal.h"

#include "gen/built.h"
#include "gen/layout.h"
#include "gen/lock.h"
#include "gen/opts.h"
#include "gen/opts_registry.h"
#include "gen/platform.h"
#include "gen/policy.h"
#include "gen/ref.h"
#include "gen/remote.h"
#include "runtime/lib/arena.h"

struct images *images_new(struct arena *arena, const struct opts *opts)
{
    struct images *images = arena_alloc(arena, sizeof *images);
    images->arena = arena;
    images->opts = opts;
    images->remote = remote_new(arena, opts->store, opts_registry_json(opts), opts->credentials);
    return images;
}

void images_free(struct images *images)
{
    for (size_t i = 0; i < images->opened.count; i++)
        if (images->opened.items[i].layout)
            layout_close(images->opened.items[i].layout);
    vec_free(&images->opened);
    vec_free(&images->answers);
    vec_free(&images->asked);
    remote_free(images->remote);
    vec_free(&images->elsewhere);
    built_free(images->built);
}

void images_use(struct images *images, const struct opts *opts)
{
    images->opts = opts;
}

void images_add_built(struct images *images, const char *name, const struct platform *platform, const struct image *image)
{
    built_add(&images->built, images->arena, name, platform_text(images->arena, platform), image);
}

struct layout *images_layout(struct images *images, const char *path, const char **error)
{
    for (size_t i = 0; i < images->opened.count; i++) {
        if (!strcmp(images->opened.items[i].path, path)) {
            *error = images->opened.items[i].error;
            return images->opened.items[i].layout;
        }
    }
    struct opened opened = {.path = path};
    opened.layout = layout_open(images->arena, path, &opened.error);
    vec_push(&images->opened, opened);
    *error = opened.error;
    return opened.layout;
}

const struct answer *images_recall(const struct images *images, const char *question)
{
    for (size_t i = 0; i < images->answers.count; i++)
        if (!strcmp(images->answers.items[i].question, question))
            return &images->answers.items[i];
    return NULL;
}

void images_remember(struct images *images, const char *question, const struct image *image, const char *error)
{
    vec_push(&images->answers, (struct answer){question, image, error});
}

/* --- by reference --- */

const struct image *images_in_store(struct images *images, const char *reference, const struct platform *wanted,
                                    const char **error)
{
    struct ref ref;
    const char *index = arena_printf(images->arena, "%s/index.json", images->opts->store);
    if (access(index, F_OK) < 0 || !ref_parse(images->arena, span_of(reference), &ref))
        return NULL;
    struct layout *layout = images_layout(images, images->opts->store, error);
    struct layout_query query = {.reference = ref.digest ? NULL : reference, .digest = ref.digest};
    return layout ? layout_find(layout, &query, wanted, true, error) : NULL;
}

/* What dfgen vendor made is a layout that has each image under its full name. */
static const struct image *find_in_vendor(struct images *images, const char *reference, const struct platform *wanted,
                                          const char **error)
{
    struct layout *layout = images_layout(images, images->opts->vendor, error);
    struct ref ref;
    struct layout_query query = {.reference = reference};
    if (ref_parse(images->arena, span_of(reference), &ref) && ref.digest)
        query = (struct layout_query){.digest = ref.digest};
    return layout ? layout_find(layout, &query, wanted, false, error) : NULL;
}

/*
 * The reference by the digest that dfgen.lock has for the name in the Dockerfile; NULL: it is not locked, or says its
 * digest itself.
 */
static const char *locked_reference(struct images *images, const char *name, const char *reference,
                                    const struct platform *wanted)
{
    const struct lock *lock = images->opts->lock;
    struct ref ref;
    if (!lock || lock->is_recording || !ref_parse(images->arena, span_of(reference), &ref) || ref.digest)
        return NULL;
    const char *digest = lock_find(lock, LOCK_IMAGE, name, platform_text(images->arena, wanted));
    return digest ? arena_printf(images->arena, "%s/%s@%s", ref.host, ref.path, digest) : NULL;
}

/* Locked, it is had by its digest, whatever the tag means by now; unless the store has it under the tag. */
static const struct image *find_locked(struct images *images, const char *reference, const char *locked,
                                       const struct platform *wanted, const char **error)
{
    const char *why = NULL;
    const struct image *tagged = images_in_store(images, reference, wanted, error);
    if (*error || (tagged && !strcmp(tagged->digest, strchr(locked, '@') + 1)))
        return tagged;
    const struct image *image = images_in_registry(images, locked, wanted, &why);
    /* That they differ is the better message when the locked one cannot be had. */
    *error = image || tagged ? NULL : why;
    return image ? image : tagged;
}

const struct image *images_find(struct images *images, const char *reference, const struct platform *wanted,
                                const char **error)
{
    const char *question = arena_printf(images->arena, "ref %s %s", platform_text(images->arena, wanted), reference);
    const struct answer *known = images_recall(images, question);
    if (known) {
        *error = known->error;
        return known->image;
    }
    const struct image *image = NULL;
    const char *asked = reference;
    *error = policy_image(images->opts->policy, images->arena, asked, &reference);
    for (size_t i = 0; i < images->opts->image_folders.count && !image && !*error; i++)
        image = images_in_folder(images, images->opts->image_folders.items[i], reference, wanted, error);
    if (!image && !*error && images->opts->vendor)
        image = find_in_vendor(images, reference, wanted, error);
    const char *locked = locked_reference(images, asked, reference, wanted);
    if (!image && !*error)
        image = locked ? find_locked(images, reference, locked, wanted, error)
                       : images_in_registry(images, reference, wanted, error);
    images_remember(images, question, image, *error);
    return image;
}
