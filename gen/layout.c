/*
 * Owns reading images out of files: OCI layouts and docker-archives, folders and tars. Called by images (lookups) and cmd_load.
 * Everything is checked against the digest that named it; a layer is never opened.
 */
#include "gen/images.h"

#include "gen/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/layout_internal.h"

#include "gen/manifest.h"
#include "gen/platform.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"

enum { DEPTH_LIMIT = 8 };

static json_t *keep(struct layout *layout, json_t *document)
{
    vec_push(&layout->documents, document);
    return document;
}

/* "blobs/sha256/HEX" is HEX in a dir: folder, and manifests have names that say so. */
static const char *name_of_file(const struct layout *layout, const char *name)
{
    static const char blobs[] = "blobs/sha256/";
    if (!layout->is_dir || strncmp(name, blobs, sizeof blobs - 1))
        return name;
    name += sizeof blobs - 1;
    if (!strcmp(name, layout->top))
        return "manifest.json";
    const char *manifest = arena_printf(layout->arena, "%s.manifest.json", name);
    return faccessat(layout->fd, name, F_OK, 0) == 0 ? name : manifest;
}

static bool locate(struct layout *layout, const char *name, struct place_in *place)
{
    if (layout->is_archive) {
        const struct archive_member *member = archive_find(&layout->archive, layout->arena, name);
        if (!member)
            return false;
        *place = (struct place_in){layout->path, member->offset, member->size};
        return true;
    }
    struct stat st;
    name = name_of_file(layout, name);
    if (fstatat(layout->fd, name, &st, 0) < 0 || !S_ISREG(st.st_mode))
        return false;
    *place = (struct place_in){path_join(layout->arena, layout->path, name), -1, st.st_size};
    return true;
}

/* A file of the layout into memory. The arena has the error. */
bool layout_read_file(struct layout *layout, const char *name, size_t limit, struct buf *out, const char **error)
{
    struct place_in place;
    if (!locate(layout, name, &place)) {
        *error = arena_printf(layout->arena, "%s: %s is missing", layout->path, name);
        return false;
    }
    if (place.size < 0 || (uint64_t)place.size > limit) {
        *error = arena_printf(layout->arena, "%s: %s has %lld bytes, more than the %zu allowed", layout->path, name,
                              (long long)place.size, limit);
        return false;
    }
    int result;
    if (layout->is_archive) {
        char *end = buf_room(out, (size_t)place.size);
        result = fd_pread_all(layout->fd, end, (size_t)place.size, place.offset);
        if (result == 0) {
            out->len += (size_t)place.size;
            out->data[out->len] = 0;
        }
    } else {
        result = file_read_at(layout->fd, name_of_file(layout, name), out, limit);
    }
    if (result < 0)
        *error = arena_printf(layout->arena, "%s: cannot read %s: %s", layout->path, name, strerror(errno));
    return result == 0;
}

json_t *layout_parse(struct layout *layout, const char *name, const struct buf *text, const char **error)
{
    char *why = NULL;
    json_t *value = json_parse((struct span){buf_text(text), text->len}, &why);
    if (!value)
        *error = arena_printf(layout->arena, "%s: %s is not JSON: %s", layout->path, name, why ? why : "");
    free(why);
    return value ? keep(layout, value) : NULL;
}

static json_t *read_json(struct layout *layout, const char *name, size_t limit, const char **error)
{
    struct buf text = {0};
    json_t *value = NULL;
    if (layout_read_file(layout, name, limit, &text, error))
        value = layout_parse(layout, name, &text, error);
    buf_free(&text);
    return value;
}

/* A blob that a descriptor names, its digest and size checked. */
static json_t *read_blob(struct layout *layout, const struct descriptor *descriptor, size_t limit, const char **error)
{
    struct buf text = {0};
    json_t *value = NULL;
    const char *name = arena_printf(layout->arena, "blobs/sha256/%s", descriptor->digest + 7);
    struct place_in place;
    if (layout->get && !locate(layout, name, &place)) {
        *error = layout->get(layout->get_data, descriptor);
        if (*error)
            return NULL;
    }
    if (layout_read_file(layout, name, limit, &text, error)) {
        struct digest digest = digest_of(buf_text(&text), text.len);
        char hex[DIGEST_HEX + 1];
        digest_hex(&digest, hex);
        if (strcmp(hex, descriptor->digest + 7))
            *error = arena_printf(layout->arena, "%s: blob %s is damaged: its content has digest sha256:%s", layout->path,
                                  descriptor->digest, hex);
        else if (descriptor->size >= 0 && (uint64_t)descriptor->size != text.len)
            *error = arena_printf(layout->arena, "%s: blob %s has %zu bytes, its descriptor says %lld", layout->path,
                                  descriptor->digest, text.len, (long long)descriptor->size);
        else
            value = layout_parse(layout, name, &text, error);
    }
    buf_free(&text);
    return value;
}

/* --- opening --- */

static bool open_files(struct layout *layout, const char **error)
{
    struct stat st;
    layout->fd = open(layout->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (layout->fd < 0 || fstat(layout->fd, &st) < 0) {
        *error = arena_printf(layout->arena, "%s: %s", layout->path, strerror(errno));
        return false;
    }
    layout->is_archive = !S_ISDIR(st.st_mode);
    if (!layout->is_archive)
        return true;
    const char *why;
    if (archive_read(&layout->archive, layout->arena, layout->fd, &why) == 0)
        return true;
    *error = arena_printf(layout->arena, "%s %s", layout->path, why);
    return false;
}

static bool check_version(struct layout *layout, const char **error)
{
    json_t *file = read_json(layout, "oci-layout", INDEX_LIMIT, error);
    const char *version = file ? json_get_string(file, "imageLayoutVersion", "") : "1.0.0";
    if (file && strcmp(version, "1.0.0"))
        *error = arena_printf(layout->arena, "%s: imageLayoutVersion is \"%s\", not 1.0.0", layout->path, version);
    return file && !*error;
}

static void read_index(struct layout *layout, const char **error)
{
    layout->index = read_json(layout, "index.json", INDEX_LIMIT, error);
    const char *why = layout->index ? index_check(layout->arena, layout->index, NULL) : NULL;
    if (why)
        *error = arena_printf(layout->arena, "%s: index.json: %s", layout->path, why);
}

/* manifest.json of a docker-archive is a list of images; of a dir: folder, the one manifest or index. */
static void read_manifest_json(struct layout *layout, const char **error)
{
    struct buf text = {0};
    if (layout_read_file(layout, "manifest.json", INDEX_LIMIT, &text, error))
        layout->manifest = layout_parse(layout, "manifest.json", &text, error);
    if (json_is_object(layout->manifest) && !layout->is_archive) {
        struct digest digest = digest_of(buf_text(&text), text.len);
        char hex[DIGEST_HEX + 1];
        digest_hex(&digest, hex);
        bool is_index = json_object_get(layout->manifest, "manifests");
        const char *type = json_get_string(layout->manifest, "mediaType",
                                           is_index ? "application/vnd.oci.image.index.v1+json"
                                                    : "application/vnd.oci.image.manifest.v1+json");
        layout->is_dir = true;
        layout->top = arena_strdup(layout->arena, hex);
        layout->index = keep(layout, json_pack("{s:[{s:s,s:o,s:I}]}", "manifests", "mediaType", type, "digest",
                                               json_string(arena_printf(layout->arena, "sha256:%s", hex)), "size",
                                               (json_int_t)text.len));
        layout->manifest = NULL;
    }
    buf_free(&text);
}

struct layout *layout_open(struct arena *arena, const char *path, const char **error)
{
    struct layout *layout = arena_alloc(arena, sizeof *layout);
    layout->arena = arena;
    layout->path = arena_strdup(arena, path);
    layout->fd = -1;
    *error = NULL;
    struct place_in place;
    if (open_files(layout, error)) {
        /* An archive that is both is read as OCI, which has digests for everything. */
        if (locate(layout, "index.json", &place)) {
            if (check_version(layout, error))
                read_index(layout, error);
        } else if (locate(layout, "manifest.json", &place)) {
            read_manifest_json(layout, error);
        } else {
            *error = arena_printf(arena,
                                  "%s is neither an OCI image layout (no index.json) nor a docker-archive or dir: "
                                  "folder (no manifest.json)",
                                  layout->path);
        }
    }
    if (!*error)
        return layout;
    layout_close(layout);
    return NULL;
}

void layout_close(struct layout *layout)
{
    for (size_t i = 0; i < layout->documents.count; i++)
        json_decref(layout->documents.items[i]);
    vec_free(&layout->documents);
    if (layout->fd >= 0)
        close(layout->fd);
    layout->fd = -1;
}

struct layout *layout_of_store(struct arena *arena, const char *store, const struct descriptor *image, const char *input,
                               const char **error)
{
    struct layout *layout = arena_alloc(arena, sizeof *layout);
    *layout = (struct layout){.arena = arena, .path = arena_strdup(arena, store), .fd = -1, .input = input};
    *error = NULL;
    if (open_files(layout, error)) {
        layout->index = keep(layout, json_pack("{s:[{s:s,s:s,s:I}]}", "manifests", "mediaType", image->media_type, "digest",
                                               image->digest, "size", (json_int_t)image->size));
        return layout;
    }
    layout_close(layout);
    return NULL;
}

void layout_set_getter(struct layout *layout, layout_getter get, void *data)
{
    layout->get = get;
    layout->get_data = data;
}

/* --- choosing --- */

const char *layout_normalise(struct layout *layout, const char *name)
{
    struct ref ref;
    return name && ref_parse(layout->arena, span_of(name), &ref) ? ref_text(layout->arena, &ref) : NULL;
}

/* Does this entry of index.json answer the query? */
static bool entry_fits(struct layout *layout, const struct descriptor *entry, const struct layout_query *query)
{
    if (query->digest)
        return !strcmp(entry->digest, query->digest);
    if (query->reference) {
        const char *full = layout_normalise(layout, entry->image_name);
        if (!full)
            full = layout_normalise(layout, entry->ref_name);
        return full && !strcmp(full, query->reference);
    }
    if (!query->tag)
        return true;
    if (entry->ref_name && !strcmp(entry->ref_name, query->tag))
        return true;
    /* A full name as ref.name, as some tools write it: its tag counts. */
    const char *colon = entry->ref_name ? strrchr(entry->ref_name, ':') : NULL;
    return colon && !strcmp(colon + 1, query->tag);
}

struct choice {
    struct descriptor best;
    int rank;               /* of platform_rank: 0 none */
    size_t seen;            /* entries that fitted the query */
};

static bool choose(struct layout *layout, const json_t *index, const struct platform *wanted, struct choice *choice, int depth,
                   const struct layout_query *query, const char **error);

static bool consider(struct layout *layout, const struct descriptor *entry, const struct platform *wanted, struct choice *choice,
                     int depth, const char **error)
{
    if (entry->kind == DESCRIPTOR_INDEX) {
        json_t *nested = read_blob(layout, entry, INDEX_LIMIT, error);
        const char *why = nested ? index_check(layout->arena, nested, entry) : NULL;
        if (why)
            *error = arena_printf(layout->arena, "%s: index %s: %s", layout->path, entry->digest, why);
        return nested && !why && choose(layout, nested, wanted, choice, depth + 1, NULL, error);
    }
    if (entry->is_attestation)
        return true;
    choice->seen++;
    /* A manifest that does not say for what it is may be for anything: it is the last resort. */
    int rank = wanted && entry->platform ? platform_rank(wanted, entry->platform) : 1;
    if (rank > choice->rank) {
        choice->best = *entry;
        choice->rank = rank;
    }
    return true;
}

static bool choose(struct layout *layout, const json_t *index, const struct platform *wanted, struct choice *choice, int depth,
                   const struct layout_query *query, const char **error)
{
    const json_t *entries = json_object_get(index, "manifests");
    if (depth > DEPTH_LIMIT) {
        *error = arena_printf(layout->arena, "%s: indexes are nested too deep", layout->path);
        return false;
    }
    for (size_t i = 0; i < json_array_size(entries); i++) {
        struct descriptor entry;
        const char *why = descriptor_read(layout->arena, json_array_get(entries, i), &entry);
        if (why) {
            *error = arena_printf(layout->arena, "%s: entry %zu of an index: %s", layout->path, i + 1, why);
            return false;
        }
        if ((!query || entry_fits(layout, &entry, query)) && !consider(layout, &entry, wanted, choice, depth, error))
            return false;
    }
    return true;
}

/* --- reading an image --- */

void layout_add_input(struct layout *layout, struct image *image, const char *name)
{
    image->inputs = arena_array(layout->arena, 1, sizeof *image->inputs);
    image->inputs[0] = layout->input ? layout->input
                       : layout->is_archive
                           ? layout->path
                           : path_join(layout->arena, layout->path, layout->is_dir ? "manifest.json" : name);
    image->input_count = 1;
}

/* diff_ids of a config, as many as there are layers. */
bool layout_take_diff_ids(struct layout *layout, struct image *image, const char **error)
{
    const json_t *ids = json_object_get(json_object_get(image->config, "rootfs"), "diff_ids");
    if (json_array_size(ids) != image->layer_count) {
        *error = arena_printf(layout->arena, "%s: the manifest has %zu layers, the config %zu diff_ids", layout->path,
                              image->layer_count, json_array_size(ids));
        return false;
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (!id || !digest_is_valid_name(id)) {
            *error = arena_printf(layout->arena, "%s: diff_id %zu of the config is no sha256 digest", layout->path, i + 1);
            return false;
        }
        image->layers[i].diff_id = id;
    }
    return true;
}

bool layout_place_layer(struct layout *layout, const char *name, struct image_layer *layer, const char **error)
{
    struct place_in place;
    if (!locate(layout, name, &place)) {
        *error = arena_printf(layout->arena, "%s: layer %s is missing", layout->path, name);
        return false;
    }
    if (layer->size >= 0 && place.size != layer->size) {
        *error = arena_printf(layout->arena, "%s: layer %s has %lld bytes, its descriptor says %lld: it is cut off or damaged",
                              layout->path, name, (long long)place.size, (long long)layer->size);
        return false;
    }
    layer->blob = place.file;
    layer->offset = place.offset;
    layer->size = place.size;
    return true;
}

static bool read_layers(struct layout *layout, const json_t *list, bool in_store, struct image *image, const char **error)
{
    image->layer_count = json_array_size(list);
    image->layers = arena_array(layout->arena, image->layer_count + 1, sizeof *image->layers);
    for (size_t i = 0; i < image->layer_count; i++) {
        struct descriptor layer;
        const char *why = descriptor_read(layout->arena, json_array_get(list, i), &layer);
        if (!why && layer.kind != DESCRIPTOR_LAYER)
            why = arena_printf(layout->arena, "unknown media type %s", layer.media_type);
        if (why) {
            *error = arena_printf(layout->arena, "%s: layer %zu of the manifest: %s", layout->path, i + 1, why);
            return false;
        }
        image->layers[i] = (struct image_layer){.digest = layer.digest, .media_type = layer.media_type, .size = layer.size};
        const char *name = arena_printf(layout->arena, "blobs/sha256/%s", layer.digest + 7);
        if (!in_store && !layout_place_layer(layout, name, &image->layers[i], error))
            return false;
    }
    return true;
}

static const struct image *read_manifest(struct layout *layout, const struct descriptor *chosen, bool in_store, const char **error)
{
    struct image *image = arena_alloc(layout->arena, sizeof *image);
    image->name = layout->path;
    image->digest = chosen->digest;
    const json_t *manifest = read_blob(layout, chosen, INDEX_LIMIT, error);
    struct descriptor config;
    const char *why = manifest ? manifest_check(layout->arena, manifest, chosen, &config) : NULL;
    if (why)
        *error = arena_printf(layout->arena, "%s: manifest %s: %s", layout->path, chosen->digest, why);
    if (!manifest || why)
        return NULL;
    image->config = read_blob(layout, &config, CONFIG_LIMIT, error);
    if (!image->config || !read_layers(layout, json_object_get(manifest, "layers"), in_store, image, error) ||
        !layout_take_diff_ids(layout, image, error))
        return NULL;
    layout_add_input(layout, image, "index.json");
    return image;
}

static const struct image *find_in_index(struct layout *layout, const struct layout_query *query, const struct platform *wanted,
                                         bool in_store, const char **error)
{
    struct choice choice = {0};
    if (!choose(layout, layout->index, wanted, &choice, 0, query, error))
        return NULL;
    if (!choice.seen && query->accept_only && json_array_size(json_object_get(layout->index, "manifests")) == 1 &&
        !choose(layout, layout->index, wanted, &choice, 0, NULL, error))
        return NULL;
    if (!choice.seen)
        return NULL;
    /* One manifest alone is the image whatever it is for, as in BuildKit (a check tells). */
    if (!choice.rank && choice.seen == 1 && !choose(layout, layout->index, NULL, &choice, 0, query, error))
        return NULL;
    if (!choice.rank) {
        *error = arena_printf(layout->arena, "%s: no image for %s among %zu", layout->path, platform_text(layout->arena, wanted),
                              choice.seen);
        return NULL;
    }
    return read_manifest(layout, &choice.best, in_store, error);
}

const struct image *layout_find(struct layout *layout, const struct layout_query *query, const struct platform *wanted,
                                bool in_store, const char **error)
{
    *error = NULL;
    return layout->index ? find_in_index(layout, query, wanted, in_store, error)
                         : layout_find_in_docker(layout, query, error);
}

const json_t *layout_index(const struct layout *layout)
{
    return layout->index;
}

const json_t *layout_document(struct layout *layout, const struct descriptor *descriptor, const char **error)
{
    *error = NULL;
    return read_blob(layout, descriptor, INDEX_LIMIT, error);
}

bool layout_locate(struct layout *layout, const char *name, const char **path, int64_t *offset, int64_t *size)
{
    struct place_in place;
    if (!locate(layout, name, &place))
        return false;
    *path = place.file;
    *offset = place.offset < 0 ? 0 : place.offset;
    *size = place.size;
    return true;
}
