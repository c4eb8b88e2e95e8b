/*
 * Owns what is special about docker-archives: images in manifest.json, named by their configs. Called by layout and
 * cmd_load.
 */
#include "gen/images.h"

#include "gen/layout.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gen/layout_internal.h"

#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

static bool has_tag(struct layout *layout, const json_t *entry, const struct layout_query *query)
{
    const json_t *tags = json_object_get(entry, "RepoTags");
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *name = json_string_value(json_array_get(tags, i));
        const char *full = layout_normalise(layout, name), *colon = name ? strrchr(name, ':') : NULL;
        if (query->reference ? full && !strcmp(full, query->reference) : colon && query->tag && !strcmp(colon + 1, query->tag))
            return true;
    }
    return false;
}

/* Layers of a docker-archive are plain tars, named by their diff_id, unless the archive says otherwise by its name. */
static bool place_docker_layer(struct layout *layout, const char *name, struct image_layer *layer, const char **error)
{
    layer->size = -1;
    if (!layout_place_layer(layout, name, layer, error))
        return false;
    unsigned char magic[4] = {0};
    autoclose int fd = open(layer->blob, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fd_pread_all(fd, magic, sizeof magic, layer->offset < 0 ? 0 : layer->offset) < 0) {
        *error = arena_printf(layout->arena, "%s: cannot read layer %s", layout->path, name);
        return false;
    }
    if (memcmp(magic, "\x1f\x8b", 2) && memcmp(magic, "\x28\xb5\x2f\xfd", 4)) {
        layer->media_type = "application/vnd.oci.image.layer.v1.tar";
        layer->digest = layer->diff_id;
        return true;
    }
    bool is_gzip = magic[0] == 0x1f;
    layer->media_type = is_gzip ? "application/vnd.oci.image.layer.v1.tar+gzip" : "application/vnd.oci.image.layer.v1.tar+zstd";
    const char *hex = path_base(name);
    struct digest digest;
    if (strlen(hex) != DIGEST_HEX || !digest_parse(hex, &digest)) {
        *error = arena_printf(layout->arena, "%s: layer %s is compressed, and its digest is not said", layout->path, name);
        return false;
    }
    layer->digest = arena_printf(layout->arena, "sha256:%s", hex);
    return true;
}

/* A config's file is named by its digest, "HEX.json" or "blobs/sha256/HEX": what it holds must agree. */
static json_t *read_docker_config(struct layout *layout, const char *name, const char **digest_text, const char **error)
{
    struct buf text = {0};
    json_t *config = NULL;
    if (layout_read_file(layout, name, CONFIG_LIMIT, &text, error)) {
        struct digest digest = digest_of(buf_text(&text), text.len);
        char hex[DIGEST_HEX + 1];
        digest_hex(&digest, hex);
        struct digest named;
        const char *base = path_base(name);
        if (strlen(base) >= DIGEST_HEX && digest_parse(base, &named) && strncmp(base, hex, DIGEST_HEX))
            *error = arena_printf(layout->arena, "%s: config %s is damaged: its content has digest sha256:%s", layout->path, name,
                                  hex);
        else
            config = layout_parse(layout, name, &text, error);
        *digest_text = arena_printf(layout->arena, "sha256:%s", hex);
    }
    buf_free(&text);
    return config;
}

static const struct image *read_docker_entry(struct layout *layout, const json_t *entry, const char **error)
{
    struct image *image = arena_alloc(layout->arena, sizeof *image);
    const char *config = json_get_string(entry, "Config", "");
    const json_t *list = json_object_get(entry, "Layers");
    image->name = layout->path;
    image->has_no_manifest = true;
    image->config = read_docker_config(layout, config, &image->digest, error);
    image->layer_count = json_array_size(list);
    image->layers = arena_array(layout->arena, image->layer_count + 1, sizeof *image->layers);
    if (!image->config || !layout_take_diff_ids(layout, image, error))
        return NULL;
    for (size_t i = 0; i < image->layer_count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name) {
            *error = arena_printf(layout->arena, "%s: manifest.json: layer %zu is no file name", layout->path, i + 1);
            return NULL;
        }
        if (!place_docker_layer(layout, name, &image->layers[i], error))
            return NULL;
    }
    layout_add_input(layout, image, "manifest.json");
    return image;
}

const struct image *layout_find_in_docker(struct layout *layout, const struct layout_query *query, const char **error)
{
    size_t count = json_array_size(layout->manifest);
    if (!json_is_array(layout->manifest)) {
        *error = arena_printf(layout->arena, "%s: manifest.json is no list of images", layout->path);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (has_tag(layout, json_array_get(layout->manifest, i), query))
            return read_docker_entry(layout, json_array_get(layout->manifest, i), error);
    if (count == 1 && query->accept_only)
        return read_docker_entry(layout, json_array_get(layout->manifest, 0), error);
    return NULL;
}

const struct image *layout_docker_image(struct layout *layout, size_t i, const char **config, const json_t **tags,
                                        const char **error)
{
    *error = NULL;
    const json_t *entry = json_array_get(layout->manifest, i);
    if (!entry)
        return NULL;
    *config = json_get_string(entry, "Config", "");
    *tags = json_object_get(entry, "RepoTags");
    return read_docker_entry(layout, entry, error);
}
