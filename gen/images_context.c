/*
 * Owns named contexts (--build-context, [contexts] of dfgen.ini): what a name stands for, scheme by scheme. Called by
 * stage for each name of an image. Must not know file formats, nor registries.
 */
#include "gen/images.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gen/images_internal.h"

#include "gen/manifest.h"

#include "gen/built.h"
#include "gen/elsewhere.h"
#include "gen/imported.h"
#include "gen/layout.h"
#include "gen/opts.h"
#include "gen/platform.h"
#include "gen/policy.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"

/* PATH[:TAG][@DIGEST] or PATH:NAME, PATH being the longest beginning that is there. */
struct layout_place {
    const char *path;
    const char *name;           /* what stands behind it, whole; NULL: nothing */
    struct layout_query query;
};

/* The place of the colon before which there is a file; NULL: none. */
static char *find_colon(char *text)
{
    struct stat st;
    for (char *colon = strrchr(text, ':'), *cut; colon; colon = cut) {
        *colon = 0;
        bool is_there = stat(text, &st) == 0;
        cut = strrchr(text, ':');
        *colon = ':';
        if (is_there)
            return colon;
    }
    return NULL;
}

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
        char *colon = stat(path, &st) < 0 ? find_colon(path) : NULL;
        if (colon) {
            *colon = 0;
            tag = colon + 1;
        }
    }
    *place = (struct layout_place){
        .path = path,
        .name = tag,
        .query = {.digest = digest, .tag = digest ? NULL : tag ? tag : "latest", .accept_only = !tag && !digest},
    };
    return stat(path, &st) < 0 ? arena_printf(arena, "%s: %s", path, strerror(errno)) : NULL;
}

/* By its tag, or by its name as skopeo has it: docker-archive:FILE:busybox:1. */
static const struct image *find_at(struct images *images, struct layout *layout, const struct layout_place *place,
                                   const struct platform *wanted, const char **error)
{
    const struct image *image = layout_find(layout, &place->query, wanted, false, error);
    struct ref ref;
    if (image || *error || !place->name || place->query.digest || !ref_parse(images->arena, span_of(place->name), &ref))
        return image;
    struct layout_query query = {.reference = ref_text(images->arena, &ref)};
    return layout_find(layout, &query, wanted, false, error);
}

static const struct image *image_at(struct images *images, const char *text, const struct platform *wanted, const char **error)
{
    struct layout_place place;
    *error = split_place(images, text, &place);
    struct layout *layout = *error ? NULL : images_layout(images, place.path, error);
    const struct image *image = layout ? find_at(images, layout, &place, wanted, error) : NULL;
    if (!image && !*error)
        *error = arena_printf(images->arena, "%s has no image %s", place.path,
                              place.query.digest ? place.query.digest : place.query.tag);
    return image;
}

static const struct image *remembered_image_at(struct images *images, const char *text, const struct platform *wanted,
                                               const char **error)
{
    const char *question = arena_printf(images->arena, "at %s %s", platform_text(images->arena, wanted), text);
    const struct answer *known = images_recall(images, question);
    if (known) {
        *error = known->error;
        return known->image;
    }
    const struct image *image = image_at(images, text, wanted, error);
    images_remember(images, question, image, *error);
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

static const struct image *find_imported(struct images *images, const char *kind, const char *path,
                                         const struct platform *wanted, const char **error)
{
    struct descriptor top;
    const char *store = images->opts->store;
    if (!imported_find(images->arena, store, kind, path, wanted, &top, error))
        return NULL;
    struct layout *layout = layout_of_store(images->arena, store, &top, path, error);
    if (!layout)
        return NULL;
    vec_push(&images->opened, (struct opened){.path = "", .layout = layout});
    return layout_find(layout, &(struct layout_query){0}, wanted, true, error);
}

/* Files of a root and no config: an image is made of them, once for each that is another file. */
static struct named_context from_files(struct images *images, const char *kind, const char *rest,
                                       const struct platform *wanted)
{
    const char *question = arena_printf(images->arena, "%s %s %s", kind, platform_text(images->arena, wanted), rest);
    const struct answer *known = images_recall(images, question);
    struct named_context found = {
        .kind = CONTEXT_IMAGE, .image = known ? known->image : NULL, .error = known ? known->error : NULL};
    if (!known) {
        found.image = find_imported(images, kind, rest, wanted, &found.error);
        images_remember(images, question, found.image, found.error);
    }
    return found.image ? found : bad(found.error);
}

static struct named_context from_tarball(struct images *images, const char *rest, const struct platform *wanted)
{
    return from_files(images, "tarball", rest, wanted);
}

static struct named_context from_squashfs(struct images *images, const char *rest, const struct platform *wanted)
{
    return from_files(images, "squashfs", rest, wanted);
}

/* ninja could not tell when its files are others. */
static struct named_context from_bundle(struct images *images, const char *rest, const struct platform *wanted)
{
    (void)wanted;
    return bad(arena_printf(
        images->arena,
        "a bundle becomes an image by `dfgen load bundle:%s --tag NAME`; its files alone are the folder %s/rootfs",
        rest, rest));
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
    {"oci:", from_layout},
    {"dir:", from_layout},
    {"tarball:", from_tarball},
    {"squashfs:", from_squashfs},
    {"bundle:", from_bundle},
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

/* What a registry, a server or this graph has is held against the source policy where it is looked up. */
static const char *check_policy(struct images *images, const char *name, const char *value,
                                const struct named_context *found)
{
    const char *text =
        found->kind == CONTEXT_FOLDER ? arena_printf(images->arena, "local://%s", name)
        : found->kind == CONTEXT_IMAGE && found->image && strncmp(value, "docker-image:", 13) && !found->image->built
            ? arena_printf(images->arena, "oci-layout://%s@%s", name, found->image->digest)
            : NULL;
    return text ? policy_check(images->opts->policy, images->arena, text) : NULL;
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
    if (!value)
        return (struct named_context){.kind = CONTEXT_NONE};
    struct named_context found = from_value(images, value, wanted);
    const char *error = check_policy(images, name, value, &found);
    return error ? bad(error) : found;
}
