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

static const char *name_of(const json_t *entry)
{
    return json_get_string(json_object_get(entry, "annotations"), "io.containerd.image.name", NULL);
}

/* The layout's entry of that name, NULL: its only image, under all its names. */
static bool find_in_layout(const struct opts *opts, const char *folder, const char *reference, struct sent *sent)
{
    json_t *index = json_read_at(AT_FDCWD, arena_printf(opts->arena, "%s/index.json", folder), INDEX_LIMIT, NULL);
    const json_t *entries = json_object_get(index, "manifests");
    const char *first = json_get_string(json_array_get(entries, 0), "digest", "");
    for (size_t i = 0; i < json_array_size(entries); i++) {
        json_t *entry = json_array_get(entries, i);
        const char *own = name_of(entry);
        /* Documents about an image are no images. */
        if (json_object_get(entry, "artifactType") || (reference && (!own || strcmp(own, reference))))
            continue;
        if (!reference && strcmp(json_get_string(entry, "digest", ""), first))
            die_usage("%s has several images: dfgen load takes them all, and then each has a name", folder);
        if (!sent->descriptor)
            sent->descriptor = json_incref(entry);
        if (own)
            seq_push(opts->arena, &sent->names, arena_strdup(opts->arena, own));
    }
    sent->folder = folder;
    json_decref(index);
    return sent->descriptor;
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
        return find_in_layout(opts, opts->store, reference, sent);
    sent->folder = opts->store;
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
    if ((!strchr(word, '/') && find_in_layout(opts, stage, NULL, &sent)) || find_in_layout(opts, folder, NULL, &sent) ||
        find_in_store(opts, word, &sent))
        return sent;
    die_usage("%s: not found: it is no image that was built here (-C says where), no image layout, and no image of the store "
              "(dfgen load, dfgen pull)", word);
}
