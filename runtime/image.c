/*
 * dfgen-image: config, manifest and index of an image, and the folder that holds them with the layers: an OCI image layout. Layers are
 * blobs in the store already; only small JSON is written here. Knows nothing of steps or of how layers were packed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/image/layout.h"
#include "runtime/image/name.h"
#include "runtime/image/referrer.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/step.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"
#include "runtime/sbom/documents.h"
#include "runtime/sbom/packages.h"
#include "runtime/tar/source.h"

#include "runtime/image/convert.h"
#include "runtime/tar/media.h"

static const char help[] = "Write an image's config, manifest and index as an OCI image layout.";

enum { CONFIG_LIMIT = 8 * 1024 * 1024, DESCRIPTOR_LIMIT = 64 * 1024 };

struct layer {
    const char *diff_id, *digest, *media_type;
    int64_t size;
    const char *file;   /* the descriptor that says so; NULL for a base's layer */
};

struct blob {
    char digest[72];
    size_t size;
};

/* What OCI and Docker call the two. */
static const struct {
    const char *manifest, *config, *index;
} types[] = {
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json", LAYOUT_INDEX_TYPE},
    {"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.container.image.v1+json",
     "application/vnd.docker.distribution.manifest.list.v2+json"},
};

struct image {
    struct step *step;
    bool docker;
    const char *name;
    VEC(struct layer) layers;
    struct digests digests;     /* all blobs of the layout */
    struct blob config, manifest;   /* manifest: or the index of several platforms */
    const char *manifest_type;
    json_t *referrers;          /* descriptors of documents about it */
};

/* --- layers --- */

static json_t *read_descriptor(struct image *image, size_t number, const char **file)
{
    const struct step_input *input = step_input(image->step, INPUT_LAYER, number);
    char *error = NULL;
    if (!input)
        die_usage("%s: there is no layer input number %zu", image->step->file, number);
    *file = input->paths[0];
    json_t *json = json_read_at(AT_FDCWD, *file, DESCRIPTOR_LIMIT, &error);
    if (!json) {
        unlink(*file);
        step_die(image->step, "%s: %s; run ninja again", *file, error);
    }
    return json;
}

static void add_layer(struct image *image, const json_t *json, const char *file)
{
    struct arena *arena = image->step->arena;
    const char *type = json_get_string(json, "mediaType", "");
    enum compression compression;
    struct layer layer = {
        .diff_id = arena_strdup(arena, json_get_string(json, "diff_id", "")),
        .digest = arena_strdup(arena, json_get_string(json, "digest", "")),
        .size = json_get_int(json, "size", -1),
        .file = file,
    };
    if (!digest_is_valid_name(layer.diff_id) || !digest_is_valid_name(layer.digest) || layer.size < 0)
        die_usage("%s: a layer's descriptor needs diff_id, digest and size", file ? file : image->step->file);
    if (!media_layer_compression(type, &compression))
        step_die(image->step, "layer %s has the media type \"%s\", which dfgen does not know", layer.digest, type);
    /* One image, one naming, wherever its layers come from. */
    layer.media_type = media_layer_type(compression, image->docker);
    vec_push(&image->layers, layer);
    digests_add(&image->digests, layer.digest);
}

static void read_layers(struct image *image)
{
    const json_t *layers = json_object_get(image->step->json, "layers");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        int64_t number = json_get_int(layer, "input", -1);
        const char *file = NULL;
        json_t *descriptor = number < 0 ? NULL : read_descriptor(image, (size_t)number, &file);
        add_layer(image, descriptor ? descriptor : layer, file);
        json_decref(descriptor);
    }
}

/* Removes what says that the blob is there, so that the next ninja makes it. */
_Noreturn static void die_missing(struct image *image, const char *digest)
{
    for (size_t i = 0; i < image->layers.count; i++) {
        const struct layer *layer = &image->layers.items[i];
        if (strcmp(layer->digest, digest))
            continue;
        if (layer->file)
            unlink(layer->file);
        const struct step_input *input;
        for (size_t n = 0; !layer->file && (input = step_input(image->step, INPUT_ROOT, n)); n++) {
            struct stamp stamp = step_stamp(image->step, input);
            for (size_t k = 0; k < stamp.count; k++)
                if (!strcmp(stamp.ids[k], layer->diff_id))
                    unlink(input->paths[0]);
        }
    }
    step_die(image->step, "blob %s is not in the store any more; run ninja again, which makes it", digest);
}

static void check_layers(struct image *image)
{
    for (size_t i = 0; i < image->layers.count; i++) {
        if (!store_has_blob(&image->step->store, image->layers.items[i].digest))
            die_missing(image, image->layers.items[i].digest);
    }
}

/* --- config and manifest --- */

static struct blob put_json(struct image *image, json_t *json)
{
    struct buf text = {0};
    struct blob blob;
    json_write(json, &text);
    blob.size = text.len;
    if (store_blob_put(&image->step->store, text.data, text.len, blob.digest) < 0)
        step_die(image->step, "cannot write to the store:");
    digests_add(&image->digests, arena_strdup(image->step->arena, blob.digest));
    buf_free(&text);
    json_decref(json);
    return blob;
}

static void put_config(struct image *image)
{
    const struct step_input *input = step_input(image->step, INPUT_CONFIG, 0);
    char *error = NULL;
    if (!input)
        die_usage("%s.json has no config", image->step->base);
    json_t *config = json_read_at(AT_FDCWD, input->paths[0], CONFIG_LIMIT, &error);
    if (!json_is_object(config))
        step_die(image->step, "%s: %s", input->paths[0], error ? error : "is no JSON object");
    json_t *ids = json_array();
    for (size_t i = 0; i < image->layers.count; i++)
        json_array_append_new(ids, json_string(image->layers.items[i].diff_id));
    json_object_set_new(config, "rootfs", json_pack("{s:s, s:o}", "type", "layers", "diff_ids", ids));
    image->config = put_json(image, config);
}

static json_t *descriptor(const char *type, const char *digest, int64_t size)
{
    return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)size);
}

/* Of the manifest, or the index of several platforms. */
static void add_annotations(const struct image *image, json_t *document)
{
    json_t *annotations = json_object_get(image->step->json, "annotations");
    if (json_object_size(annotations))
        json_object_set(document, "annotations", annotations);
}

static void put_manifest(struct image *image)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < image->layers.count; i++) {
        const struct layer *layer = &image->layers.items[i];
        json_array_append_new(layers, descriptor(layer->media_type, layer->digest, layer->size));
    }
    json_t *config = descriptor(types[image->docker].config, image->config.digest, (int64_t)image->config.size);
    json_t *manifest = json_pack("{s:i, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", types[image->docker].manifest, "config",
                                 config, "layers", layers);
    add_annotations(image, manifest);
    image->manifest = put_json(image, manifest);
    image->manifest_type = types[image->docker].manifest;
}

/* --- an index of several platforms --- */

/* One platform's image: its descriptor goes to the index, its blobs to the digests. */
static void add_platform(struct image *image, const struct step_input *input, json_t *manifests)
{
    struct step *step = image->step;
    const char *slash = strrchr(input->paths[0], '/');
    const char *folder = slash ? arena_strndup(step->arena, input->paths[0], (size_t)(slash - input->paths[0])) : ".";
    autoclose int layout = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layout < 0)
        step_die(step, "cannot open %s:", folder);
    char *error = NULL;
    json_t *index = layout_read_index(layout, &error);
    if (!error)
        error = layout_reach(layout, step->arena, index, false, &image->digests);
    if (error)
        step_die(step, "%s: %s", input->paths[0], error);
    json_t *one = json_deep_copy(json_array_get(json_object_get(index, "manifests"), 0));
    layout_drop_names(one);
    json_array_append_new(manifests, one);
    const json_t *all = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(all); i++)
        if (referrer_is_one(json_array_get(all, i)))
            json_array_append(image->referrers, json_array_get(all, i));
    json_decref(index);
}

static void put_platforms(struct image *image)
{
    json_t *manifests = json_array();
    const struct step_input *input;
    for (size_t n = 0; (input = step_input(image->step, INPUT_IMAGE, n)); n++)
        add_platform(image, input, manifests);
    image->manifest_type = types[image->docker].index;
    json_t *index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", image->manifest_type, "manifests",
                              manifests);
    add_annotations(image, index);
    image->manifest = put_json(image, index);
}

/* --- another image made out of one --- */

static void put_converted(struct image *image)
{
    struct step *step = image->step;
    const struct step_input *input = step_input(step, INPUT_IMAGE, 0);
    const char *slash = input ? strrchr(input->paths[0], '/') : NULL;
    if (!slash)
        die_usage("%s: an image layout's index.json is needed", step->file);
    const char *folder = arena_strndup(step->arena, input->paths[0], (size_t)(slash - input->paths[0]));
    struct convert convert = {
        .step = step,
        .layout = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .digests = &image->digests,
        .level = (int)json_get_int(step->json, "level", 0),
        .keep = json_object_get(step->json, "keep"),
        .annotations = json_object_get(step->json, "annotations"),
        .manifests = json_object_get(step->json, "manifests"),
        .docker = image->docker,
        .manifest_type = types[image->docker].manifest,
        .config_type = types[image->docker].config,
        .index_type = types[image->docker].index,
    };
    char *error = NULL;
    if (!media_compression(json_get_string(step->json, "compression", "gzip"), &convert.compression))
        die_usage("%s: \"compression\" is none of none, gzip, zstd", step->file);
    json_t *index = convert.layout < 0 ? NULL : layout_read_index(convert.layout, &error);
    json_t *made =
        index ? convert_image(&convert, json_array_get(json_object_get(index, "manifests"), 0), &error) : NULL;
    if (!made)
        step_die(step, "%s: %s", input->paths[0], error ? error : strerror(errno));
    image->manifest_type = arena_strdup(step->arena, json_get_string(made, "mediaType", ""));
    snprintf(image->manifest.digest, sizeof image->manifest.digest, "%s", json_get_string(made, "digest", ""));
    image->manifest.size = (size_t)json_get_int(made, "size", 0);
    json_decref(made);
    json_decref(index);
    close(convert.layout);
}

/* --- documents about it --- */

static const struct bom {
    const char *name, *type;
    json_t *(*make)(const struct subject *subject, const struct packages *packages);
} boms[] = {
    {"spdx", "application/spdx+json", spdx_document},
    {"cyclonedx", "application/vnd.cyclonedx+json", cyclonedx_document},
};

static bool wants_bom(const struct step *step, const char *name)
{
    const json_t *wanted = json_object_get(step->json, "sbom");
    for (size_t i = 0; i < json_array_size(wanted); i++)
        if (!strcmp(json_string_value(json_array_get(wanted, i)), name))
            return true;
    return false;
}

static void find_packages(struct step *step, struct packages *packages)
{
    const struct step_input *input = step_input(step, INPUT_STAGE, 0);
    if (!input)
        die_usage("%s: an SBOM needs the image's root as an input", step->file);
    struct stamp root = step_stamp(step, input);
    struct tree *tree = step_tree(step, &root);
    packages_find(packages, tree);
    tree_free(tree);
    for (size_t i = 0; i < packages->notes.count; i++)
        warn("the SBOM is not complete: %s", packages->notes.items[i]);
}

static void put_documents(struct image *image)
{
    struct step *step = image->step;
    struct packages packages = {.arena = step->arena};
    struct subject subject = {image->name, image->manifest.digest, json_get_int(step->json, "epoch", 0)};
    json_t *of = descriptor(image->manifest_type, image->manifest.digest, (int64_t)image->manifest.size);
    if (json_object_get(step->json, "sbom"))
        find_packages(step, &packages);
    for (size_t i = 0; i < sizeof boms / sizeof *boms; i++)
        if (wants_bom(step, boms[i].name))
            json_array_append_new(image->referrers, referrer_put(step, &image->digests, of, boms[i].type,
                                                                 boms[i].make(&subject, &packages)));
    const json_t *facts = json_object_get(step->json, "provenance");
    bool has_time = json_object_get(step->json, "epoch");
    if (json_is_object(json_object_get(facts, "parameters")) && json_is_array(json_object_get(facts, "dependencies")))
        json_array_append_new(image->referrers, referrer_put(step, &image->digests, of, "application/vnd.in-toto+json",
                                                             provenance_document(&subject, facts, has_time)));
    else if (facts)
        die_usage("%s: \"provenance\" needs parameters and dependencies", step->file);
    packages_free(&packages);
    json_decref(of);
}

/* --- index and folder --- */

/* One descriptor a name, all of the same manifest. full NULL: the stage's name stands for a tag. */
static json_t *named_descriptor(struct image *image, const char *full)
{
    json_t *json = descriptor(image->manifest_type, image->manifest.digest, (int64_t)image->manifest.size);
    json_t *platform = json_object_get(image->step->json, "platform");
    if (json_object_size(platform))
        json_object_set(json, "platform", platform);
    const json_t *given = json_object_get(image->step->json, "descriptor_annotations");
    json_t *annotations = given ? json_deep_copy(given) : json_object();
    json_object_set_new(annotations, "org.opencontainers.image.ref.name",
                        json_string(full ? image_name_tag(full) : image->name));
    if (full)
        json_object_set_new(annotations, "io.containerd.image.name", json_string(full));
    json_object_set_new(json, "annotations", annotations);
    return json;
}

static void make_index(struct image *image, struct buf *text)
{
    const json_t *tags = json_object_get(image->step->json, "tags");
    json_t *manifests = json_array();
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *tag = json_string_value(json_array_get(tags, i));
        if (tag)
            json_array_append_new(manifests, named_descriptor(image, image_name_full(image->step->arena, tag)));
    }
    if (!json_array_size(manifests))
        json_array_append_new(manifests, named_descriptor(image, NULL));
    json_array_extend(manifests, image->referrers);
    json_t *index = json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", LAYOUT_INDEX_TYPE, "manifests", manifests);
    json_write(index, text);
    json_decref(index);
}

static void write_layout(struct image *image)
{
    struct step *step = image->step;
    struct buf index = {0};
    const char *slash = strrchr(step->out, '/');
    const char *folder = slash ? arena_strndup(step->arena, step->out, (size_t)(slash - step->out)) : ".";
    autoclose int layout = layout_make(folder);
    if (layout < 0)
        step_die(step, "cannot make %s:", folder);
    for (size_t i = 0; i < image->digests.list.count; i++) {
        const char *digest = image->digests.list.items[i];
        if (layout_take(layout, step->store.dir, digest) < 0) {
            if (errno == ENOENT)
                die_missing(image, digest);
            step_die(step, "cannot put blob %s into %s:", digest, folder);
        }
    }
    make_index(image, &index);
    step_write_out(step, index.data, index.len);
    buf_free(&index);
    /* Only now: until the index was new, the old one's blobs were needed. */
    if (layout_prune(layout, &image->digests, NULL) < 0)
        step_die(step, "cannot remove old blobs from %s:", folder);
}

int main(int argc, char **argv)
{
    const char *file = step_main(argc, argv, "dfgen-image", help);
    struct step step;
    /* Blobs have one form in all modes, so there is no need to enter one. */
    step_load(&step, file, idmode_detect(NULL));
    /* Files of its root have the owners of one. */
    if (json_object_get(step.json, "sbom")) {
        step_close(&step);
        step_load(&step, file, idmode_enter());
    }
    struct image image = {.step = &step, .referrers = json_array(), .docker = json_get_bool(step.json, "docker", false)};
    image.name = json_get_string(step.json, "name", "image");
    if (!strcmp(step.kind, "index")) {
        put_platforms(&image);
    } else if (!strcmp(step.kind, "convert")) {
        put_converted(&image);
    } else {
        read_layers(&image);
        check_layers(&image);
        put_config(&image);
        put_manifest(&image);
        put_documents(&image);
    }
    write_layout(&image);
    printf("%s %s\n", image.name, image.manifest.digest);
    json_decref(image.referrers);
    vec_free(&image.layers);
    vec_free(&image.digests.list);
    step_close(&step);
    return EXIT_DONE;
}
