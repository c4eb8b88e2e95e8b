/*
 * Owns finding images that are handed on whole. Called by the commands push and save. Must not know where they go.
 */
#include <stdbool.h>

#include "gen/sent.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#include "gen/manifest.h"

#include "gen/opts.h"
#include "gen/record.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"

enum { INDEX_LIMIT = 4 * 1024 * 1024 };

/* Which entry of a layout: by its full name, by its tag, or its only one. */
struct wanted {
    const char *name, *tag;     /* NULL: any */
};

static const char *name_of(const json_t *entry)
{
    return json_get_string(json_object_get(entry, "annotations"), "io.containerd.image.name", NULL);
}

/* About an image: no image itself. */
static bool is_document(const json_t *entry)
{
    return json_object_get(entry, "artifactType");
}

static bool is_wanted(const json_t *entry, const struct wanted *wanted)
{
    const char *name = name_of(entry);
    const char *tag = json_get_string(json_object_get(entry, "annotations"), "org.opencontainers.image.ref.name", "");
    bool is_named = !wanted->name || (name && !strcmp(name, wanted->name));
    return is_named && (!wanted->tag || !strcmp(tag, wanted->tag)) && !is_document(entry);
}

/* Those of a layout of several images may be of another: they stay. */
static void take_referrers(const json_t *entries, struct sent *sent)
{
    sent->referrers = json_array();
    for (size_t i = 0; i < json_array_size(entries); i++)
        if (is_document(json_array_get(entries, i)))
            json_array_append(sent->referrers, json_array_get(entries, i));
}

/* One image, under all its names. */
static bool find_in_layout(const struct opts *opts, const char *folder, const struct wanted *wanted, struct sent *sent)
{
    json_t *index = json_read_at(AT_FDCWD, arena_printf(opts->arena, "%s/index.json", folder), INDEX_LIMIT, NULL);
    const json_t *entries = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_t *entry = json_array_get(entries, i);
        const char *own = name_of(entry), *first = json_get_string(sent->descriptor, "digest", NULL);
        if (!is_wanted(entry, wanted))
            continue;
        if (first && strcmp(json_get_string(entry, "digest", ""), first))
            die_usage("%s has several images%s: FOLDER:TAG names one; dfgen load takes them all, and then each has a "
                      "name", folder, wanted->tag ? " of that tag" : "");
        if (!sent->descriptor)
            sent->descriptor = json_incref(entry);
        if (own)
            seq_push(opts->arena, &sent->names, arena_strdup(opts->arena, own));
    }
    if (sent->descriptor && !wanted->name && !wanted->tag)
        take_referrers(entries, sent);
    sent->folder = folder;
    json_decref(index);
    return sent->descriptor;
}

/* FOLDER:TAG */
static bool find_by_tag(const struct opts *opts, const char *word, struct sent *sent)
{
    const char *colon = strrchr(word, ':');
    if (!colon || strchr(colon, '/') || colon == word)
        return false;
    const char *folder = opts_path(opts, opts->start_dir, arena_strndup(opts->arena, word, (size_t)(colon - word)));
    return find_in_layout(opts, folder, &(struct wanted){.tag = colon + 1}, sent);
}

static bool find_in_store(const struct opts *opts, const char *word, struct sent *sent)
{
    struct ref ref;
    struct descriptor descriptor;
    if (!ref_parse(opts->arena, span_of(word), &ref))
        return false;
    const char *reference = ref_text(opts->arena, &ref);
    sent->is_of_store = true;
    if (!record_read(opts->arena, opts->store, reference, &descriptor))
        return find_in_layout(opts, opts->store, &(struct wanted){.name = reference}, sent);
    sent->folder = opts->store;
    sent->source = arena_printf(opts->arena, "%s/%s", ref.host, ref.path);
    seq_push(opts->arena, &sent->names, reference);
    sent->descriptor = json_pack("{s:s,s:s,s:I}", "mediaType", descriptor.media_type, "digest", descriptor.digest, "size",
                                 (json_int_t)descriptor.size);
    return true;
}

struct sent sent_find(const struct opts *opts, const char *word)
{
    struct sent sent = {0};
    const char *stage = arena_printf(opts->arena, ".dfgen/images/%s", word);
    const char *folder = opts_path(opts, opts->start_dir, word);
    const struct wanted any = {0};
    bool is_built = !strchr(word, '/') && find_in_layout(opts, stage, &any, &sent);
    if (is_built || find_in_layout(opts, folder, &any, &sent) || find_by_tag(opts, word, &sent) ||
        find_in_store(opts, word, &sent))
        return sent;
    die_usage("%s: not found: it is no image that was built here (-C says where), no image layout, and no image of the store "
              "(dfgen load, dfgen pull)", word);
}
