/*
 * Owns the command vendor: all that a locked build takes from elsewhere goes into one folder: an OCI image layout of
 * the base images, and what ADD fetches as packed layers beside it. Must not know how a thing is fetched or packed.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/add.h"
#include "gen/build.h"
#include "gen/cachemounts.h"
#include "gen/images.h"
#include "gen/layout.h"
#include "gen/lock.h"
#include "gen/manifest.h"
#include "gen/opts.h"
#include "gen/programs.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pinned.h"
#include "runtime/lib/store.h"

#define WORK ".dfgen/.vendor"

enum { CHUNK = 128 * 1024 };

struct vendor {
    struct arena *arena;
    struct opts *opts;
    struct store store;
    const char *helpers;
    const char *path;       /* of the folder, as the user named it */
    int dir;
    bool has_caches;        /* --cache-mounts */
    struct cachemounts caches;
};

/* --- files --- */

/* Bytes of an open file, from its offset on, under a name in the folder; digest NULL: not checked. */
static void put_file(struct vendor *vendor, int from, int64_t size, const char *name, const char *digest)
{
    const char *temporary = arena_printf(vendor->arena, "%s.tmp", name);
    autoclose int to = openat(vendor->dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    struct digest_state state;
    char *chunk = xmalloc(CHUNK), hex[DIGEST_HEX + 1];
    digest_begin(&state);
    for (int64_t left = size; to >= 0 && left > 0;) {
        ssize_t got = read(from, chunk, left < CHUNK ? (size_t)left : CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            die("vendor: %s ends too early", name);
        digest_add(&state, chunk, (size_t)got);
        if (fd_write_all(to, chunk, (size_t)got) < 0)
            die("vendor: cannot write %s/%s:", vendor->path, name);
        left -= got;
    }
    free(chunk);
    struct digest found = digest_end(&state);
    digest_hex(&found, hex);
    if (to >= 0 && digest && strcmp(hex, digest + 7)) {
        unlinkat(vendor->dir, temporary, 0);
        die_usage("vendor: blob %s is damaged: its content has digest sha256:%s; remove it, and get it anew", digest,
                  hex);
    }
    if (to < 0 || renameat(vendor->dir, temporary, vendor->dir, name) < 0)
        die("vendor: cannot write %s/%s:", vendor->path, name);
}

static bool has_file(const struct vendor *vendor, const char *name)
{
    return faccessat(vendor->dir, name, F_OK, 0) == 0;
}

static void run(const char *const *words)
{
    int code = child_run(child_exec, words);
    if (code < 0 || code == 126 || code == 127)
        die("vendor: cannot run %s", words[0]);
    /* It has said what is wrong. */
    if (code)
        exit(EXIT_BUILD);
}

/* --- images --- */

/* The layout that an image was found in: the folder of its index.json, or the archive. NULL: the store. */
static struct layout *open_origin(struct vendor *vendor, const struct image *image)
{
    const char *input = image->input_count ? image->inputs[0] : NULL, *error, *base = input ? path_base(input) : "";
    if (!input || (image->layer_count && !image->layers[0].blob))
        return NULL;
    const char *path = strcmp(base, "index.json") ? input : arena_strndup(vendor->arena, input, (size_t)(base - input));
    struct layout *layout = layout_open(vendor->arena, *path ? path : ".", &error);
    if (!layout)
        die_usage("vendor: %s", error);
    return layout;
}

static void put_blob(struct vendor *vendor, struct layout *origin, const char *digest)
{
    char name[96];
    const char *path;
    int64_t offset = 0, size = -1;
    store_blob_name(digest, name);
    if (has_file(vendor, name))
        return;
    bool is_there = origin && layout_locate(origin, name, &path, &offset, &size);
    autoclose int from = is_there ? open(path, O_RDONLY | O_CLOEXEC) : store_blob_open(&vendor->store, digest);
    if (from < 0)
        die("vendor: blob %s is neither where its image was found nor in the store:", digest);
    if (!is_there)
        size = lseek(from, 0, SEEK_END);
    if (lseek(from, offset, SEEK_SET) < 0)
        die("vendor: cannot read blob %s:", digest);
    put_file(vendor, from, size, name, digest);
}

/* Layers of a registry's image come by their base edges. */
static void get_layers(struct vendor *vendor, const struct image *image)
{
    VEC(const char *) words = {0};
    vec_push(&words, "ninja");
    vec_push(&words, "-f");
    vec_push(&words, vendor->opts->build_file);
    for (size_t i = 0; i < image->layer_count; i++) {
        const struct image_layer *layer = &image->layers[i];
        if (layer->blob || store_has_blob(&vendor->store, layer->digest))
            continue;
        const char *stamp = arena_printf(vendor->arena, ".dfgen/bases/%s.stamp", layer->diff_id + 7);
        unlink(stamp);
        vec_push(&words, stamp);
    }
    vec_push(&words, NULL);
    if (words.count > 4)
        run(words.items);
    vec_free(&words);
}

static json_t *entry_of(struct vendor *vendor, const struct used_image *used, int64_t size, const char *type)
{
    struct platform platform;
    struct ref ref;
    platform_parse(vendor->arena, span_of(used->platform), &platform);
    const char *tag = ref_parse(vendor->arena, span_of(used->name), &ref) && ref.tag ? ref.tag : "latest";
    json_t *json = json_pack("{s:s,s:s,s:I,s:{s:s,s:s},s:{s:s,s:s}}", "mediaType", type, "digest",
                             used->image->digest, "size",
                             (json_int_t)size, "platform", "os", platform.os, "architecture", platform.architecture, "annotations",
                             "io.containerd.image.name", used->name, "org.opencontainers.image.ref.name", tag);
    if (*platform.variant)
        json_object_set_new(json_object_get(json, "platform"), "variant", json_string(platform.variant));
    return json;
}

static bool is_same_entry(const json_t *one, const json_t *other)
{
    const char *const name = "io.containerd.image.name";
    return !strcmp(json_get_string(json_object_get(one, "annotations"), name, ""),
                   json_get_string(json_object_get(other, "annotations"), name, "")) &&
           json_equal(json_object_get(one, "platform"), json_object_get(other, "platform"));
}

static void add_entry(json_t *index, json_t *entry)
{
    json_t *list = json_object_get(index, "manifests");
    size_t i = 0;
    while (i < json_array_size(list) && !is_same_entry(json_array_get(list, i), entry))
        i++;
    if (i < json_array_size(list))
        json_array_set_new(list, i, entry);
    else
        json_array_append_new(list, entry);
}

static void put_image(struct vendor *vendor, const struct used_image *used, json_t *index)
{
    const struct image *image = used->image;
    char name[96], *why = NULL;
    get_layers(vendor, image);
    struct layout *origin = open_origin(vendor, image);
    if (origin && !layout_index(origin))
        die_usage("vendor: %s is a docker-archive, which has no manifest to lock: put it into the store (dfgen load), and lock again",
                  image->name);
    put_blob(vendor, origin, image->digest);
    store_blob_name(image->digest, name);
    json_t *manifest = json_read_at(vendor->dir, name, JSON_LIMIT, &why);
    if (!manifest)
        die_usage("vendor: manifest %s: %s", image->digest, why);
    const char *config = json_get_string(json_object_get(manifest, "config"), "digest", "");
    if (!digest_is_valid_name(config))
        die_usage("vendor: manifest %s has no config", image->digest);
    put_blob(vendor, origin, config);
    for (size_t i = 0; i < image->layer_count; i++)
        put_blob(vendor, origin, image->layers[i].digest);
    struct stat st;
    if (fstatat(vendor->dir, name, &st, 0) < 0)
        die("vendor: cannot read %s:", name);
    add_entry(index, entry_of(vendor, used, st.st_size,
                              json_get_string(manifest, "mediaType", "application/vnd.oci.image.manifest.v1+json")));
    json_decref(manifest);
    if (origin)
        layout_close(origin);
}

static void write_json(struct vendor *vendor, const char *name, const json_t *json)
{
    struct buf text = {0};
    json_write(json, &text);
    if (file_write_if_changed_at(vendor->dir, name, text.data, text.len, NULL) < 0)
        die("vendor: cannot write %s/%s:", vendor->path, name);
    buf_free(&text);
}

static void put_images(struct vendor *vendor, const struct stages *stages)
{
    json_t *index = json_read_at(vendor->dir, "index.json", JSON_LIMIT, NULL);
    if (!index)
        index = json_pack("{s:i,s:s,s:[]}", "schemaVersion", 2, "mediaType",
                          "application/vnd.oci.image.index.v1+json", "manifests");
    for (size_t i = 0; i < stages->used.count; i++)
        put_image(vendor, &stages->used.items[i], index);
    write_json(vendor, "index.json", index);
    json_decref(index);
}

/* --- what ADD fetches --- */

/* The layer as dfgen-layer packs it; its descriptor. */
static json_t *pack(struct vendor *vendor, const char *id)
{
    const char *program = arena_printf(vendor->arena, "%s/dfgen-layer",
                                       vendor->helpers), *line = arena_printf(vendor->arena, "%s\n", id);
    static const char step[] = "{\"compression\":\"gzip\",\"in\":[\"root " WORK "/pack.stamp\",\"out " WORK "/pack.out\"],\"kind\":\"layer\"}\n";
    char *why = NULL;
    if (dir_make_at(AT_FDCWD, WORK, 0777) < 0 || file_write_at(AT_FDCWD, WORK "/pack.stamp", line, strlen(line),
                                                               0644) < 0 ||
        file_write_at(AT_FDCWD, WORK "/pack.json", step, strlen(step), 0644) < 0)
        die("vendor: cannot write into %s:", WORK);
    const char *const words[] = {program, WORK "/pack.json", NULL};
    run(words);
    json_t *descriptor = json_read_at(AT_FDCWD, WORK "/pack.out", JSON_LIMIT, &why);
    if (!descriptor)
        die("vendor: %s/pack.out: %s", WORK, why);
    json_object_set_new(descriptor, "layer", json_string(id));
    return descriptor;
}

static void put_remote(struct vendor *vendor, const struct add_source *remote)
{
    const struct pinned pinned = stage_remote_pin(remote);
    const char *what = stage_remote_name(vendor->arena, remote);
    char key[DIGEST_HEX + 1], id[80];
    pinned_key(&pinned, key);
    if (!pinned_find(&vendor->store, &pinned, id)) {
        cmd_fetch(vendor->arena, vendor->helpers, remote, what);
        if (!pinned_find(&vendor->store, &pinned, id))
            die("vendor: %s was fetched, and is not in the store", what);
    }
    json_t *record = pack(vendor, id);
    const char *digest = json_get_string(record, "digest", "");
    autoclose int from = store_blob_open(&vendor->store, digest);
    if (from < 0)
        die("vendor: cannot read the packed layer of %s:", what);
    /* For people. */
    json_object_set_new(record, "from", json_bytes(span_of(what)));
    put_file(vendor, from, json_get_int(record, "size", 0), arena_printf(vendor->arena, "fetched/%s", key), digest);
    write_json(vendor, arena_printf(vendor->arena, "fetched/%s.json", key), record);
    json_decref(record);
}

static void put_remotes(struct vendor *vendor, const struct stages *stages)
{
    for (size_t i = 0; i < stages->remotes.count; i++)
        put_remote(vendor, stages->remotes.items[i]);
    for (size_t i = 0; i < stages->count; i++) {
        const struct stage *stage = &stages->items[i];
        for (size_t k = 0; k < stage->actions.count && stage->is_needed; k++) {
            const struct action *action = stage->actions.items[k];
            for (size_t n = 0; action->kind == ACTION_COPY && n < action->copy.sources.count; n++)
                if (action->copy.sources.items[n].remote)
                    put_remote(vendor, action->copy.sources.items[n].remote);
        }
    }
}

/* --- the command --- */

static void open_folder(struct vendor *vendor, const char *path)
{
    static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
    vendor->path = path;
    if (dir_make_at(AT_FDCWD, path, 0777) < 0 || (vendor->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        die("vendor: cannot make %s:", path);
    if (dir_make_at(vendor->dir, "blobs/sha256", 0777) < 0 || dir_make_at(vendor->dir, "fetched", 0777) < 0 ||
        file_write_if_changed_at(vendor->dir, "oci-layout", version, sizeof version - 1, NULL) < 0)
        die("vendor: cannot write into %s:", path);
}

static void put_all(void *data, struct opts *opts, const struct stages *stages)
{
    struct vendor *vendor = data;
    put_images(data, stages);
    put_remotes(data, stages);
    if (vendor->has_caches)
        cachemounts_collect(&vendor->caches, opts, stages);
}

/* The words of a build: this command's own are taken out. */
static char **read_words(struct vendor *vendor, int *argc, char **argv)
{
    char **words = arena_array(vendor->arena, (size_t)*argc + 2, sizeof *words);
    int count = 2;
    words[0] = argv[0];
    words[1] = arena_strdup(vendor->arena, "--locked");
    for (int i = 2; i < *argc; i++) {
        if (!strcmp(argv[i], "--cache-mounts"))
            vendor->has_caches = true;
        else
            words[count++] = argv[i];
    }
    *argc = count;
    return words;
}

int cmd_vendor(int argc, char **argv)
{
    struct arena arena = {0};
    char here[PATH_MAX];
    if (argc < 2 || argv[1][0] == '-')
        die_usage("vendor: into which folder? dfgen vendor FOLDER [--cache-mounts] [OPTIONS] [CONTEXT]");
    struct vendor vendor = {.arena = &arena, .dir = -1, .caches = {.arena = &arena}};
    char **words = read_words(&vendor, &argc, argv);
    if (!getcwd(here, sizeof here))
        die("cannot tell the current folder:");
    /* This says all that is wrong, and writes the graph whose edges get layers. */
    int result = cmd_generate(argc, words);
    if (result != EXIT_DONE)
        return result;
    if (chdir(here) < 0)
        die("cannot enter %s:", here);
    vendor.opts = opts_read(&arena, argc, words, NULL);
    cmd_read_lock(vendor.opts);
    vendor.helpers = programs_find(&arena).helpers;
    open_folder(&vendor, *argv[1] == '/' ? argv[1] : arena_printf(&arena, "%s/%s", here, argv[1]));
    if (store_open(&vendor.store, vendor.opts->store, idmode_detect(NULL)) < 0)
        die("vendor: cannot use the store %s:", vendor.opts->store);
    struct build build = {.on_stages = put_all, .data = &vendor};
    if (!build_plan(&build, &arena, vendor.opts))
        result = EXIT_USAGE;
    else
        cachemounts_move(&vendor.caches, vendor.opts, "export", vendor.path);
    build_free(&build);
    store_close(&vendor.store);
    close(vendor.dir);
    lock_free(vendor.opts->lock);
    opts_free(vendor.opts);
    arena_free(&arena);
    return result;
}
