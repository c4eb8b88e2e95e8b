/*
 * Owns the grammar of annotations: docker's --annotation, the keywords of --output and the keys of dfgen.ini, and
 * whether there is what they annotate. Called by the tables of options and of keywords. Must not know where
 * annotations are written.
 */
#include "gen/opts.h"

#include "gen/opts_annotation.h"

#include <string.h>

#include "gen/opts_value.h"
#include "gen/platform.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/span.h"

static const char *const types[] = {
    [ANNOTATE_MANIFEST] = "manifest",
    [ANNOTATE_MANIFEST_DESCRIPTOR] = "manifest-descriptor",
    [ANNOTATE_INDEX] = "index",
    [ANNOTATE_INDEX_DESCRIPTOR] = "index-descriptor",
};

static bool is_of_index(const struct opt_annotation *annotation)
{
    return annotation->type == ANNOTATE_INDEX || annotation->type == ANNOTATE_INDEX_DESCRIPTOR;
}

/* "manifest", "manifest[linux/amd64]". An index is that of all platforms, whichever is named. */
static const char *read_type(struct arena *arena, const char *text, struct opt_annotation *annotation)
{
    size_t len = strcspn(text, "["), type = 0, count = sizeof types / sizeof *types;
    while (type < count && (strlen(types[type]) != len || strncmp(types[type], text, len)))
        type++;
    if (type == count)
        return arena_printf(arena, "\"%s\" cannot be annotated: manifest, index, manifest-descriptor and "
                            "index-descriptor can", text);
    annotation->type = (enum opt_annotated)type;
    annotation->platform = NULL;
    if (!text[len])
        return NULL;
    const char *inside = text + len + 1, *end = strchr(inside, ']');
    struct platform platform;
    if (!end || end[1] || end == inside)
        return arena_printf(arena, "%s: a platform stands in brackets: %s[linux/amd64]", text, types[type]);
    const char *error = platform_parse(arena, (struct span){inside, (size_t)(end - inside)}, &platform);
    if (!error && !is_of_index(annotation))
        annotation->platform = platform_text(arena, &platform);
    return error;
}

/* Names of the descriptors in a layout are dfgen's own to write. */
static const char *add(struct arena *arena, opt_annotations *list, const struct opt_annotation *annotation)
{
    bool is_descriptor =
        annotation->type == ANNOTATE_MANIFEST_DESCRIPTOR || annotation->type == ANNOTATE_INDEX_DESCRIPTOR;
    if (!*annotation->key)
        return "an annotation needs a key: KEY=VALUE";
    if (is_descriptor && (!strcmp(annotation->key, "org.opencontainers.image.ref.name") ||
                          !strcmp(annotation->key, "io.containerd.image.name")))
        return arena_printf(arena, "%s of a descriptor is the image's name, which -t gives", annotation->key);
    vec_push(list, *annotation);
    return NULL;
}

const char *opts_set_annotation(struct opts *opts, const char *base, const char *text)
{
    (void)base;
    struct opt_pair pair = opts_value_pair(opts->arena, text);
    if (!*pair.name || !pair.value)
        return "an annotation is KEY=VALUE";
    const char *colon = strchr(pair.name, ':');
    struct opt_annotation annotation = {.key = colon ? colon + 1 : pair.name, .value = pair.value};
    if (!colon)
        return add(opts->arena, &opts->annotations, &annotation);
    const char *error = NULL;
    for (const char *type = pair.name; type <= colon && !error;) {
        size_t len = strcspn(type, ",:");
        error = read_type(opts->arena, arena_strndup(opts->arena, type, len), &annotation);
        if (!error)
            error = add(opts->arena, &opts->annotations, &annotation);
        type += len + 1;
    }
    return error;
}

/* TYPE[[PLATFORM]].KEY: neither types nor platforms have dots. */
static const char *add_dotted(struct arena *arena, opt_annotations *list, const char *text, const char *value)
{
    const char *dot = strchr(text, '.');
    if (!dot || !dot[1])
        return "an annotation needs a key: annotation.KEY=VALUE, or annotation-TYPE.KEY=VALUE";
    struct opt_annotation annotation = {.key = arena_strdup(arena, dot + 1), .value = arena_strdup(arena, value)};
    const char *error = read_type(arena, arena_strndup(arena, text, (size_t)(dot - text)), &annotation);
    return error ? error : add(arena, list, &annotation);
}

const char *opts_set_typed_annotation(struct opts *opts, const char *base, const char *text)
{
    (void)base;
    struct opt_pair pair = opts_value_pair(opts->arena, text);
    return add_dotted(opts->arena, &opts->annotations, pair.name, pair.value ? pair.value : "");
}

const char *opts_annotation_keyword(struct opts *opts, struct opt_output *output, const char *name, const char *value)
{
    const char *rest = name + strlen("annotation");
    const char *text = *rest == '-' ? rest + 1 : arena_printf(opts->arena, "manifest%s", rest);
    return add_dotted(opts->arena, &output->annotations, text, value);
}

/* --- what is there to be annotated --- */

/* Wrong platforms are said elsewhere. */
static bool is_built(const struct opts *opts, const char *wanted)
{
    struct platform platform = platform_host();
    if (!opts->platforms.count)
        return !strcmp(platform_text(opts->arena, &platform), wanted);
    for (size_t i = 0; i < opts->platforms.count; i++)
        if (platform_parse(opts->arena, span_of(opts->platforms.items[i]), &platform) ||
            !strcmp(platform_text(opts->arena, &platform), wanted))
            return true;
    return false;
}

static void check(const struct opts *opts, const char *option, const opt_annotations *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct opt_annotation *annotation = &list->items[i];
        const char *type = types[annotation->type];
        if (is_of_index(annotation) && opts->platforms.count < 2)
            die_usage("%s: %s:%s: an image of one platform has no index: annotate its manifest, or build for several "
                      "(--platform)", option, type, annotation->key);
        if (annotation->platform && !is_built(opts, annotation->platform))
            warn("%s: %s[%s]:%s annotates nothing: there is no image for that platform (--platform)", option, type,
                 annotation->platform, annotation->key);
    }
}

void opts_annotation_finish(const struct opts *opts)
{
    check(opts, "--annotation", &opts->annotations);
    for (size_t i = 0; i < opts->outputs.count; i++)
        check(opts, "--output", &opts->outputs.items[i].annotations);
}
