/*
 * Owns `dfgen load`: the images of layouts and archives into the store, which is an OCI layout itself, every blob checked on the way.
 * Must not know Dockerfiles.
 */
#include "gen/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "gen/images.h"

#include "gen/platform.h"

#include "gen/imported.h"
#include "gen/layout.h"
#include "gen/manifest.h"

#include "gen/record.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/store.h"
#include "runtime/lib/vec.h"

enum { CHUNK = 128 * 1024, INDEX_LIMIT = 64 * 1024 * 1024, DEPTH_LIMIT = 8 };

struct loading {
    struct arena arena;
    struct store store;
    struct layout *layout;
    const char *file;           /* as the user named it */
    const char *tag;            /* --tag; NULL: the image's own names */
    struct platform platform;   /* of what has none itself */
};

/* --- blobs --- */

static void copy_checked(struct loading *loading, int from, int to, int64_t size, const char *digest)
{
    struct digest_state state;
    digest_begin(&state);
    char *chunk = xmalloc(CHUNK);
    for (int64_t left = size; left > 0;) {
        ssize_t got = read(from, chunk, left < CHUNK ? (size_t)left : CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            die("%s: blob %s ends too early", loading->file, digest);
        digest_add(&state, chunk, (size_t)got);
        if (fd_write_all(to, chunk, (size_t)got) < 0)
            die("cannot write to the store %s:", loading->store.path);
        left -= got;
    }
    free(chunk);
    struct digest found = digest_end(&state);
    char hex[DIGEST_HEX + 1];
    digest_hex(&found, hex);
    if (strcmp(hex, digest + 7))
        die_usage("%s: blob %s is damaged: its content has digest sha256:%s", loading->file, digest, hex);
}

/* Bytes of a file become the store's blob of that digest. */
static void load_bytes(struct loading *loading, const char *path, int64_t offset, int64_t size, const char *digest)
{
    if (store_has_blob(&loading->store, digest))
        return;
    autoclose int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0 || lseek(from, offset, SEEK_SET) < 0)
        die("cannot read %s:", path);
    struct store_tmp tmp;
    if (store_tmp_make(&loading->store, &tmp) < 0)
        die("cannot write to the store %s:", loading->store.path);
    autoclose int to = openat(tmp.dir, "blob", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        die("cannot write to the store %s:", loading->store.path);
    copy_checked(loading, from, to, size, digest);
    if (store_blob_commit(&loading->store, &tmp, "blob", digest) < 0)
        die("cannot write to the store %s:", loading->store.path);
    store_tmp_drop(&loading->store, &tmp);
}

static int64_t load_file(struct loading *loading, const char *name, const char *digest)
{
    const char *path;
    int64_t offset, size;
    if (!layout_locate(loading->layout, name, &path, &offset, &size))
        die_usage("%s: blob %s is missing", loading->file, digest);
    load_bytes(loading, path, offset, size, digest);
    return size;
}

static void load_descriptor(struct loading *loading, const json_t *value, int depth);

static void load_list(struct loading *loading, const json_t *list, int depth)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        load_descriptor(loading, json_array_get(list, i), depth);
}

/* What a manifest or index names comes first, so that the store never has one without its parts. */
static void load_descriptor(struct loading *loading, const json_t *value, int depth)
{
    struct descriptor descriptor;
    const char *why = depth > DEPTH_LIMIT ? "indexes are nested too deep" : descriptor_read(&loading->arena, value, &descriptor);
    if (why)
        die_usage("%s: %s", loading->file, why);
    if (descriptor.kind == DESCRIPTOR_INDEX || descriptor.kind == DESCRIPTOR_MANIFEST) {
        const json_t *document = layout_document(loading->layout, &descriptor, &why);
        if (!document)
            die_usage("%s", why);
        load_list(loading, json_object_get(document, "manifests"), depth + 1);
        if (descriptor.kind == DESCRIPTOR_MANIFEST) {
            load_descriptor(loading, json_object_get(document, "config"), depth + 1);
            load_list(loading, json_object_get(document, "layers"), depth + 1);
        }
    }
    load_file(loading, arena_printf(&loading->arena, "blobs/sha256/%s", descriptor.digest + 7), descriptor.digest);
}

/* --- the store's index --- */

/* Replace the entry of that name. Under a lock: two loads at once both count. */
static void name_image(struct loading *loading, const char *name, json_t *entry)
{
    struct store *store = &loading->store;
    autoclose int lock = openat(store->dir, "index.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) < 0)
        die("cannot lock the store %s:", store->path);
    json_t *index = json_read_at(store->dir, "index.json", INDEX_LIMIT, NULL), *kept = json_array();
    const json_t *old = json_object_get(index, "manifests");
    bool is_new = true;
    for (size_t i = 0; i < json_array_size(old); i++) {
        json_t *other = json_array_get(old, i);
        const char *own = json_get_string(json_object_get(other, "annotations"), "io.containerd.image.name", "");
        bool is_same = !strcmp(own, name);
        json_array_append(kept, is_same ? entry : other);
        is_new &= !is_same;
    }
    if (is_new)
        json_array_append(kept, entry);
    json_t *fresh = json_pack("{s:i,s:s,s:o}", "schemaVersion", 2, "mediaType", "application/vnd.oci.image.index.v1+json",
                              "manifests", kept);
    struct buf text = {0};
    json_write(fresh, &text);
    static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
    if (file_write_if_changed_at(store->dir, "oci-layout", version, sizeof version - 1, NULL) < 0 ||
        file_write_if_changed_at(store->dir, "index.json", text.data, text.len, NULL) < 0)
        die("cannot write to the store %s:", store->path);
    record_drop(&loading->arena, store->path, name);
    printf("%s %s\n", name, json_get_string(entry, "digest", ""));
    buf_free(&text);
    json_decref(entry);
    json_decref(fresh);
    json_decref(index);
}

static json_t *named_entry(const json_t *descriptor, const struct ref *ref, const char *name)
{
    json_t *entry = json_deep_copy(descriptor);
    json_object_set_new(entry, "annotations",
                        json_pack("{s:s,s:s}", "io.containerd.image.name", name, "org.opencontainers.image.ref.name",
                                  ref->tag ? ref->tag : "latest"));
    return entry;
}

/* --- names --- */

static bool give_name(struct loading *loading, const json_t *descriptor, const char *as_written)
{
    struct ref ref;
    if (!as_written || !ref_parse(&loading->arena, span_of(as_written), &ref))
        return false;
    const char *name = ref_text(&loading->arena, &ref);
    name_image(loading, name, named_entry(descriptor, &ref, name));
    return true;
}

/* A layout without names is called like its file: busybox.tar is busybox. */
static const char *file_name(struct loading *loading)
{
    const char *clean = path_clean_go(&loading->arena, span_of(loading->file));
    char *name = arena_strdup(&loading->arena, path_base(clean));
    static const char *const endings[] = {".gz", ".xz", ".zst", ".bz2", ".tar", ".tgz", ".squashfs", ".sqfs"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *dot = strrchr(name, '.');
        if (dot && dot != name && !strcmp(dot, endings[i]))
            *dot = 0;
    }
    return name;
}

static void load_oci(struct loading *loading, const json_t *index)
{
    const json_t *list = json_object_get(index, "manifests");
    if (!json_array_size(list))
        die_usage("%s has no image", loading->file);
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        count += !json_object_get(json_array_get(list, i), "artifactType");
    if (loading->tag && count > 1)
        die_usage("%s has %zu images: --tag can name only one", loading->file, count);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i), *notes = json_object_get(value, "annotations");
        /* A document about an image has no name of its own. */
        if (json_object_get(value, "artifactType"))
            continue;
        load_descriptor(loading, value, 0);
        const char *full = json_get_string(notes, "io.containerd.image.name", NULL);
        const char *tag = json_get_string(notes, "org.opencontainers.image.ref.name", "latest");
        if (loading->tag ? give_name(loading, value, loading->tag) : give_name(loading, value, full))
            continue;
        /* A ref.name with a "/" or ":" is a whole name, as some tools write it. */
        const char *whole = strpbrk(tag, "/:") ? tag : arena_printf(&loading->arena, "%s:%s", file_name(loading), tag);
        if (!give_name(loading, value, whole))
            die_usage("%s: \"%s\" is no image name: give one with --tag", loading->file, whole);
    }
}

static json_t *put_docker_manifest(struct loading *loading, const struct image *image, int64_t config_size)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < image->layer_count; i++)
        json_array_append_new(layers, json_pack("{s:s,s:s,s:I}", "mediaType", image->layers[i].media_type, "digest",
                                                image->layers[i].digest, "size", (json_int_t)image->layers[i].size));
    json_t *manifest = json_pack("{s:i,s:s,s:{s:s,s:s,s:I},s:o}", "schemaVersion", 2, "mediaType",
                                 "application/vnd.oci.image.manifest.v1+json", "config", "mediaType",
                                 "application/vnd.oci.image.config.v1+json", "digest", image->digest, "size",
                                 (json_int_t)config_size, "layers", layers);
    struct buf text = {0};
    char digest[72];
    json_write(manifest, &text);
    if (store_blob_put(&loading->store, text.data, text.len, digest) < 0)
        die("cannot write to the store %s:", loading->store.path);
    json_t *descriptor = json_pack("{s:s,s:s,s:I}", "mediaType", "application/vnd.oci.image.manifest.v1+json", "digest", digest,
                                   "size", (json_int_t)text.len);
    buf_free(&text);
    json_decref(manifest);
    return descriptor;
}

static void load_docker_image(struct loading *loading, const struct image *image, const char *config, const json_t *tags)
{
    int64_t size = load_file(loading, config, image->digest);
    for (size_t k = 0; k < image->layer_count; k++) {
        const struct image_layer *layer = &image->layers[k];
        load_bytes(loading, layer->blob, layer->offset < 0 ? 0 : layer->offset, layer->size, layer->digest);
    }
    json_t *descriptor = put_docker_manifest(loading, image, size);
    size_t named = 0;
    for (size_t k = 0; !loading->tag && k < json_array_size(tags); k++)
        named += give_name(loading, descriptor, json_string_value(json_array_get(tags, k)));
    if (!named && !give_name(loading, descriptor, loading->tag ? loading->tag : file_name(loading)))
        die_usage("%s: the image %s has no name: give one with --tag", loading->file, image->digest);
    json_decref(descriptor);
}

static void load_docker(struct loading *loading)
{
    const char *config, *why;
    const json_t *tags;
    const struct image *image;
    size_t count = 0;
    while ((image = layout_docker_image(loading->layout, count, &config, &tags, &why))) {
        load_docker_image(loading, image, config, tags);
        count++;
    }
    if (why)
        die_usage("%s", why);
    if (!count)
        die_usage("%s has no image", loading->file);
}

/* --- the command --- */

/* "FORM:PATH" as skopeo writes it; a bare path is one of the first four, which say themselves what they are. */
static const struct {
    const char *prefix, *import;
} forms[] = {
    {"oci:", NULL},        {"oci-layout:", NULL},   {"oci-archive:", NULL}, {"docker-archive:", NULL},
    {"dir:", NULL},        {"tarball:", "tarball"}, {"rootfs:", "rootfs"},  {"squashfs:", "squashfs"},
    {"bundle:", "bundle"},
};

/* The files of a root become an image. */
static void load_import(struct loading *loading, const char *kind)
{
    const char *error;
    json_t *descriptor =
        imported_make(&loading->arena, loading->store.path, kind, loading->file, &loading->platform, &error);
    if (!descriptor)
        die_usage("%s", error);
    json_object_set_new(descriptor, "platform", json_pack("{s:s,s:s}", "os", loading->platform.os, "architecture",
                                                          loading->platform.architecture));
    if (*loading->platform.variant)
        json_object_set_new(json_object_get(descriptor, "platform"), "variant", json_string(loading->platform.variant));
    if (!give_name(loading, descriptor, loading->tag ? loading->tag : file_name(loading)))
        die_usage("%s: \"%s\" is no image name: give one with --tag", loading->file,
                  loading->tag ? loading->tag : file_name(loading));
    json_decref(descriptor);
}

static void load(struct loading *loading)
{
    const char *error;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t len = strlen(forms[i].prefix);
        if (strncmp(loading->file, forms[i].prefix, len))
            continue;
        loading->file += len;
        if (forms[i].import) {
            load_import(loading, forms[i].import);
            return;
        }
        break;
    }
    loading->layout = layout_open(&loading->arena, loading->file, &error);
    if (!loading->layout)
        die_usage("%s", error);
    const json_t *index = layout_index(loading->layout);
    if (index)
        load_oci(loading, index);
    else
        load_docker(loading);
    layout_close(loading->layout);
}

_Noreturn static void help(void)
{
    puts("usage: dfgen load [--store FOLDER] [--tag NAME] [--platform PLATFORM] FILE...\n\n"
         "Put images into the store, so that FROM finds them by name: of OCI image layouts (folders or tars), docker "
         "save archives\n"
         "and skopeo's dir: folders. An image without a name is called like its file.\n\n"
         "FORM:FILE says what FILE is: oci, oci-archive, docker-archive, dir; or the files of a root, which become an "
         "image of\n"
         "one layer for PLATFORM: tarball (as docker import takes it), squashfs, rootfs (a folder), bundle (of a "
         "runtime).");
    exit(EXIT_DONE);
}

int cmd_load(int argc, char **argv)
{
    struct loading loading = {0};
    const char *store = NULL, *platform = NULL;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value = strchr(argv[i], '=');
        size_t len = value ? (size_t)(value - argv[i]) : strlen(argv[i]);
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            help();
        bool is_store = !strncmp(argv[i], "--store", len) && len == 7;
        bool is_platform = !strncmp(argv[i], "--platform", len) && len == 10;
        bool is_tag = (!strncmp(argv[i], "--tag", len) && len == 5) || !strcmp(argv[i], "-t");
        if (!is_store && !is_tag && !is_platform)
            die_usage("load: unknown option %s", argv[i]);
        const char *given = value ? value + 1 : argv[++i];
        if (!given)
            die_usage("load: %s needs a value", argv[i - 1]);
        *(is_store ? &store : is_tag ? &loading.tag : &platform) = given;
    }
    loading.platform = platform_host();
    const char *why = platform ? platform_parse(&loading.arena, span_of(platform), &loading.platform) : NULL;
    if (why)
        die_usage("load: --platform: %s", why);
    if (i == argc)
        die_usage("load: which file? dfgen load FILE...");
    char *path = store ? xstrdup(store) : store_default_path();
    if (!path)
        die_usage("where is the store? Set HOME or DFGEN_STORE, or give --store");
    if (store_open(&loading.store, path, MODE_ROOT) < 0)
        die("cannot use the store %s:", path);
    for (; i < argc; i++) {
        loading.file = argv[i];
        load(&loading);
    }
    store_close(&loading.store);
    arena_free(&loading.arena);
    free(path);
    return EXIT_DONE;
}
