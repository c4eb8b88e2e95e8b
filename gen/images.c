/*
 * Owns looking images up: named contexts, folders of images, the store, in that order. Called by stage while it resolves FROM and
 * copies. Knows no file format (layout does) and no instruction.
 */
#include "gen/images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/manifest.h"

#include "gen/elsewhere.h"
#include "gen/built.h"
#include "gen/layout.h"
#include "gen/lock.h"
#include "gen/opts.h"

#include "gen/opts_registry.h"
#include "gen/platform.h"
#include "gen/record.h"
#include "gen/ref.h"
#include "gen/remote.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"

/* A layout is opened once, whatever asks for it. */
struct opened {
    const char *path;
    struct layout *layout;  /* NULL: error */
    const char *error;
};

/* An answer given, so that it is the same one when asked again. */
struct answer {
    const char *question;
    const struct image *image;
    const char *error;
};

/* A reference that a registry was asked for in this run. */
struct asked {
    const char *reference;
    const char *error;      /* NULL: the store has a record of the answer */
};

/* Where a layout's missing blobs come from. */
struct origin_of {
    struct images *images;
    const char *repository;
};

/* A context that lies elsewhere: fetched once, whatever asks for it. */
struct elsewhere {
    const char *value;
    struct add_source *remote;
};

struct images {
    struct arena *arena;
    const struct opts *opts;    /* of the image under way */
    struct remote *remote;
    VEC(struct asked) asked;
    VEC(struct opened) opened;
    VEC(struct answer) answers;
    struct built *built;        /* images of this graph */
    VEC(struct elsewhere) elsewhere;
};

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

static struct layout *open_layout(struct images *images, const char *path, const char **error)
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

static const struct answer *recall(const struct images *images, const char *question)
{
    for (size_t i = 0; i < images->answers.count; i++)
        if (!strcmp(images->answers.items[i].question, question))
            return &images->answers.items[i];
    return NULL;
}

static void remember(struct images *images, const char *question, const struct image *image, const char *error)
{
    vec_push(&images->answers, (struct answer){question, image, error});
}

/* --- named contexts --- */

/* PATH[:TAG][@DIGEST], PATH being the longest beginning that is there. */
struct layout_place {
    const char *path;
    struct layout_query query;
};

static const char *split_place(struct images *images, const char *text, struct layout_place *place)
{
    struct arena *arena = images->arena;
    const char *digest = NULL, *tag = NULL;
    struct stat st;
    char *path = arena_strdup(arena, text);
    if (stat(path, &st) < 0) {
        char *at = strrchr(path, '@');
        if (at) {
            *at = 0;
            digest = at + 1;
        }
        char *colon = stat(path, &st) < 0 ? strrchr(path, ':') : NULL;
        if (colon && !strchr(colon, '/')) {
            *colon = 0;
            tag = colon + 1;
        }
    }
    *place = (struct layout_place){
        .path = path,
        .query = {.digest = digest, .tag = digest ? NULL : tag ? tag : "latest", .accept_only = !tag && !digest},
    };
    return stat(path, &st) < 0 ? arena_printf(arena, "%s: %s", path, strerror(errno)) : NULL;
}

static const struct image *image_at(struct images *images, const char *text, const struct platform *wanted, const char **error)
{
    struct layout_place place;
    *error = split_place(images, text, &place);
    struct layout *layout = *error ? NULL : open_layout(images, place.path, error);
    const struct image *image = layout ? layout_find(layout, &place.query, wanted, false, error) : NULL;
    if (!image && !*error)
        *error = arena_printf(images->arena, "%s has no image %s", place.path,
                              place.query.digest ? place.query.digest : place.query.tag);
    return image;
}

static const struct image *remembered_image_at(struct images *images, const char *text, const struct platform *wanted,
                                               const char **error)
{
    const char *question = arena_printf(images->arena, "at %s %s", platform_text(images->arena, wanted), text);
    const struct answer *known = recall(images, question);
    if (known) {
        *error = known->error;
        return known->image;
    }
    const struct image *image = image_at(images, text, wanted, error);
    remember(images, question, image, *error);
    return image;
}

static struct named_context bad(const char *error)
{
    return (struct named_context){.kind = CONTEXT_BAD, .error = error};
}

static struct named_context from_layout(struct images *images, const char *rest, const struct platform *wanted)
{
    struct named_context found = {.kind = CONTEXT_IMAGE};
    found.image = remembered_image_at(images, rest, wanted, &found.error);
    return found.image ? found : bad(found.error);
}

static struct named_context from_folder(struct images *images, const char *rest, const struct platform *wanted)
{
    (void)images, (void)wanted;
    return (struct named_context){.kind = CONTEXT_FOLDER, .folder = rest};
}

static struct named_context from_reference(struct images *images, const char *rest, const struct platform *wanted)
{
    rest += !strncmp(rest, "//", 2) ? 2 : 0;
    if (!strcmp(rest, "scratch"))
        return (struct named_context){.kind = CONTEXT_SCRATCH};
    struct ref ref;
    if (!ref_parse(images->arena, span_of(rest), &ref))
        return bad(arena_printf(images->arena, "docker-image://%s: invalid reference format", rest));
    struct named_context found = {.kind = CONTEXT_IMAGE};
    found.image = images_find(images, ref_text(images->arena, &ref), wanted, &found.error);
    return found.image ? found : bad(found.error);
}

static struct named_context from_target(struct images *images, const char *rest, const struct platform *wanted)
{
    struct named_context found = {.kind = CONTEXT_IMAGE};
    found.image = built_find(images->built, images->arena, rest, platform_text(images->arena, wanted), &found.error);
    return found.image ? found : bad(found.error);
}

static struct named_context from_elsewhere(struct images *images, const char *value)
{
    const char *error = NULL;
    for (size_t i = 0; i < images->elsewhere.count; i++)
        if (!strcmp(images->elsewhere.items[i].value, value))
            return (struct named_context){.kind = CONTEXT_REMOTE, .remote = images->elsewhere.items[i].remote};
    struct add_source *remote = elsewhere_parse(images->arena, span_of(value), &error);
    if (!remote)
        return bad(error);
    vec_push(&images->elsewhere, (struct elsewhere){value, remote});
    return (struct named_context){.kind = CONTEXT_REMOTE, .remote = remote};
}

/* Schemes of --build-context; opts made paths relative to the build folder. */
static const struct {
    const char *scheme;
    struct named_context (*find)(struct images *images, const char *rest, const struct platform *wanted);
} schemes[] = {
    {"folder:", from_folder},
    {"oci-layout:", from_layout},
    {"oci-archive:", from_layout},
    {"docker-archive:", from_layout},
    {"docker-image:", from_reference},
    {"target:", from_target},
};

static struct named_context from_value(struct images *images, const char *value, const struct platform *wanted)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i].scheme);
        if (!strncmp(value, schemes[i].scheme, len))
            return schemes[i].find(images, value + len, wanted);
    }
    if (elsewhere_is_one(images->arena, span_of(value)))
        return from_elsewhere(images, value);
    return bad(arena_printf(images->arena, "%s is no context: folders, oci-layout:, oci-archive:, docker-archive:, "
                                           "docker-image:, git repositories and URLs are", value));
}

/* "busybox", "docker.io/library/busybox:latest" and "BusyBox" are one name (dockerfile.md §5.2). */
static const char *context_name(struct images *images, const char *name)
{
    struct arena *arena = images->arena;
    char *lower = arena_strdup(arena, name);
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    struct ref ref;
    return ref_parse(arena, span_of(lower), &ref) ? ref_text(arena, &ref) : lower;
}

static const char *find_context(struct images *images, const char *name, const char *platform)
{
    const char *value = NULL, *wanted = context_name(images, name);
    for (size_t i = 0; i < images->opts->contexts.count; i++) {
        const struct opt_pair *pair = &images->opts->contexts.items[i];
        const char *colons = strstr(pair->name, "::");
        if (!colons != !platform || (colons && strcmp(colons + 2, platform)))
            continue;
        size_t len = colons ? (size_t)(colons - pair->name) : strlen(pair->name);
        /* A later one of a name wins. */
        if (!strcmp(context_name(images, arena_strndup(images->arena, pair->name, len)), wanted))
            value = pair->value;
    }
    return value;
}

/* Names given are taken in any case, but those asked for are references: of a registry, where the case counts. */
static bool has_upper(const char *name)
{
    return strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

struct named_context images_context(struct images *images, const char *name, const struct platform *wanted)
{
    struct ref ref;
    if (!strcmp(name, "scratch") || !strcmp(name, "context") ||
        (has_upper(name) && !ref_parse(images->arena, span_of(name), &ref)))
        return (struct named_context){.kind = CONTEXT_NONE};
    const char *value = find_context(images, name, platform_text(images->arena, wanted));
    if (!value)
        value = find_context(images, name, NULL);
    return value ? from_value(images, value, wanted) : (struct named_context){.kind = CONTEXT_NONE};
}

/* --- by reference --- */

static bool is_archive_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && !strcmp(dot, ".tar");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder that may be images, sorted: the answer must not depend on the file system's order. */
static const char **image_files(struct images *images, const char *folder, size_t *count)
{
    VEC(const char *) found = {0};
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *path = path_join(images->arena, folder, entry->d_name);
        struct stat st;
        if (entry->d_name[0] == '.' || stat(path, &st) < 0)
            continue;
        bool is_layout = S_ISDIR(st.st_mode) && access(path_join(images->arena, path, "oci-layout"), F_OK) == 0;
        if (is_layout || (S_ISREG(st.st_mode) && is_archive_name(entry->d_name)))
            vec_push(&found, path);
    }
    if (dir)
        closedir(dir);
    *count = found.count;
    const char **sorted = arena_array(images->arena, found.count + 1, sizeof *sorted);
    if (found.count)
        memcpy(sorted, found.items, found.count * sizeof *sorted);
    qsort(sorted, found.count, sizeof *sorted, compare_names);
    vec_free(&found);
    return sorted;
}

/* A layout in a folder is also known by its file name: FOLDER/busybox has busybox:latest. */
static const struct image *find_by_file_name(struct images *images, struct layout *layout, const char *path,
                                             const char *reference, const struct platform *wanted, const char **error)
{
    struct ref ref, own;
    char *name = arena_strdup(images->arena, path_base(path));
    if (is_archive_name(name))
        *strrchr(name, '.') = 0;
    if (!ref_parse(images->arena, span_of(name), &own) || !ref_parse(images->arena, span_of(reference), &ref) || !ref.tag ||
        !own.path || strcmp(own.path, ref.path) || strcmp(own.host, ref.host))
        return NULL;
    struct layout_query query = {.tag = ref.tag, .accept_only = !strcmp(ref.tag, "latest")};
    return layout_find(layout, &query, wanted, false, error);
}

static const struct image *find_in_folder(struct images *images, const char *folder, const char *reference,
                                          const struct platform *wanted, const char **error)
{
    size_t count;
    const char **files = image_files(images, folder, &count);
    struct layout_query query = {.reference = reference};
    for (size_t i = 0; i < count; i++) {
        const char *why;
        struct layout *layout = open_layout(images, files[i], &why);
        /* A broken archive matters only when it would be the one: its name says so, or nothing does. */
        if (!layout)
            continue;
        const struct image *image = layout_find(layout, &query, wanted, false, &why);
        if (!image && !why)
            image = find_by_file_name(images, layout, files[i], reference, wanted, &why);
        if (image || why) {
            *error = why;
            return image;
        }
    }
    return NULL;
}

static const struct image *find_in_store(struct images *images, const struct ref *ref, const char *reference,
                                         const struct platform *wanted, const char **error)
{
    const char *index = arena_printf(images->arena, "%s/index.json", images->opts->store);
    if (access(index, F_OK) < 0)
        return NULL;
    struct layout *layout = open_layout(images, images->opts->store, error);
    struct layout_query query = {.reference = ref->digest ? NULL : reference, .digest = ref->digest};
    return layout ? layout_find(layout, &query, wanted, true, error) : NULL;
}

/* --- registries --- */

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

static const char *offline(struct images *images, const char *reference)
{
    return arena_printf(images->arena, "--offline: %s is not in the store %s: dfgen pull %s gets it", reference,
                        images->opts->store, reference);
}

/* Ask the registry; what it says is recorded, for the tag and for the digest. */
static const char *ask(struct images *images, const struct ref *ref, const char *reference)
{
    struct arena *arena = images->arena;
    const char *store = images->opts->store, *error;
    const char *repository = arena_printf(arena, "%s/%s", ref->host, ref->path);
    struct descriptor found;
    if (was_asked(images, reference, &error))
        return error;
    if (images->opts->offline)
        return offline(images, reference);
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

const char *images_resolve(struct images *images, const char *reference, struct descriptor *found)
{
    struct ref ref;
    if (!ref_parse(images->arena, span_of(reference), &ref))
        return ref_error(images->arena, span_of(reference));
    if (!must_ask(images, &ref, reference) && record_read(images->arena, images->opts->store, reference, found))
        return NULL;
    const char *error = ask(images, &ref, reference);
    if (!error && !record_read(images->arena, images->opts->store, reference, found))
        error = arena_printf(images->arena, "%s: the store %s has lost what it meant", reference, images->opts->store);
    return error;
}

/* A blob that the store lacks: a manifest by its digest, or a config. */
static const char *get_missing(void *data, const struct descriptor *descriptor)
{
    const struct origin_of *origin = data;
    struct descriptor found;
    if (origin->images->opts->offline)
        return offline(origin->images, arena_printf(origin->images->arena, "%s@%s", origin->repository, descriptor->digest));
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
    *origin = (struct origin_of){images, arena_printf(arena, "%s/%s", ref->host, ref->path)};
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

static const struct image *find_by_reference(struct images *images, const char *reference, const struct platform *wanted,
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
        image = find_in_store(images, &ref, reference, wanted, error);
    if (image || *error)
        return image;
    *error = has_record ? NULL : images_resolve(images, reference, &top);
    return *error ? NULL : find_by_record(images, &ref, reference, &top, wanted, error);
}

/* What dfgen vendor made is a layout that has each image under its full name. */
static const struct image *find_in_vendor(struct images *images, const char *reference, const struct platform *wanted,
                                          const char **error)
{
    struct layout *layout = open_layout(images, images->opts->vendor, error);
    struct ref ref;
    struct layout_query query = {.reference = reference};
    if (ref_parse(images->arena, span_of(reference), &ref) && ref.digest)
        query = (struct layout_query){.digest = ref.digest};
    return layout ? layout_find(layout, &query, wanted, false, error) : NULL;
}

/* The reference by the digest that dfgen.lock has for it; NULL: it is not locked, or says its digest itself. */
static const char *locked_reference(struct images *images, const char *reference, const struct platform *wanted)
{
    const struct lock *lock = images->opts->lock;
    struct ref ref;
    if (!lock || lock->is_recording || !ref_parse(images->arena, span_of(reference), &ref) || ref.digest)
        return NULL;
    const char *digest = lock_find(lock, LOCK_IMAGE, reference, platform_text(images->arena, wanted));
    return digest ? arena_printf(images->arena, "%s/%s@%s", ref.host, ref.path, digest) : NULL;
}

/* Locked, it is had by its digest, whatever the tag means by now; unless the store has it under the tag. */
static const struct image *find_locked(struct images *images, const char *reference, const char *locked,
                                       const struct platform *wanted, const char **error)
{
    struct ref ref;
    const char *why = NULL;
    ref_parse(images->arena, span_of(reference), &ref);
    const struct image *tagged = find_in_store(images, &ref, reference, wanted, error);
    if (*error || (tagged && !strcmp(tagged->digest, strchr(locked, '@') + 1)))
        return tagged;
    const struct image *image = find_by_reference(images, locked, wanted, &why);
    /* That they differ is the better message when the locked one cannot be had. */
    *error = image || tagged ? NULL : why;
    return image ? image : tagged;
}

const struct image *images_find(struct images *images, const char *reference, const struct platform *wanted,
                                const char **error)
{
    const char *question = arena_printf(images->arena, "ref %s %s", platform_text(images->arena, wanted), reference);
    const struct answer *known = recall(images, question);
    if (known) {
        *error = known->error;
        return known->image;
    }
    const struct image *image = NULL;
    *error = NULL;
    for (size_t i = 0; i < images->opts->image_folders.count && !image && !*error; i++)
        image = find_in_folder(images, images->opts->image_folders.items[i], reference, wanted, error);
    if (!image && !*error && images->opts->vendor)
        image = find_in_vendor(images, reference, wanted, error);
    const char *locked = locked_reference(images, reference, wanted);
    if (!image && !*error)
        image = locked ? find_locked(images, reference, locked, wanted, error)
                       : find_by_reference(images, reference, wanted, error);
    remember(images, question, image, *error);
    return image;
}
