/*
 * Owns archives of images. Called by dfgen-export and dfgen-save. Must not know where an archive goes.
 */
#include <jansson.h>

#include "runtime/image/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/image/layout.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"
#include "runtime/tar/read.h"
#include "runtime/tar/write.h"

enum { MANIFEST_LIMIT = 4 * 1024 * 1024 };

/* The first of the layouts that has a file, or the last one: opening it there says why not. */
static int layout_with(const struct archive_layouts *layouts, const char *name)
{
    size_t i = 0;
    while (i + 1 < layouts->count && faccessat(layouts->items[i], name, F_OK, 0) < 0)
        i++;
    return layouts->items[i];
}

/* --- manifest.json --- */

static json_t *blob_path(const char *digest)
{
    char name[96];
    store_blob_name(digest, name);
    return json_string(name);
}

static json_t *docker_image(const json_t *manifest)
{
    const json_t *from = json_object_get(manifest, "layers");
    json_t *layers = json_array();
    for (size_t i = 0; i < json_array_size(from); i++)
        json_array_append_new(layers, blob_path(json_get_string(json_array_get(from, i), "digest", "")));
    return json_pack("{s:o, s:[], s:o}", "Config", blob_path(json_get_string(json_object_get(manifest, "config"), "digest", "")),
                     "RepoTags", "Layers", layers);
}

char *archive_docker_manifest(const struct archive_layouts *layouts, struct arena *arena, const json_t *index,
                              struct buf *text)
{
    const json_t *descriptors = json_object_get(index, "manifests");
    struct digests seen = {0};
    json_t *images = json_array();
    char *error = NULL;
    for (size_t i = 0; i < json_array_size(descriptors) && !error; i++) {
        const json_t *descriptor = json_array_get(descriptors, i);
        const char *digest = json_get_string(descriptor, "digest", ""), *full;
        char name[96], *why = NULL;
        if (!digest_is_valid_name(digest)) {
            error = xasprintf("a descriptor has no sha256 digest");
            break;
        }
        if (!digests_have(&seen, digest)) {
            store_blob_name(digest, name);
            json_t *manifest = json_read_at(layout_with(layouts, name), name, MANIFEST_LIMIT, &why);
            if (!manifest) {
                error = xasprintf("%s: %s", name, why);
                free(why);
                break;
            }
            json_array_append_new(images, docker_image(manifest));
            json_decref(manifest);
            digests_add(&seen, arena_strdup(arena, digest));
        }
        size_t at = 0;
        while (strcmp(seen.list.items[at], digest))
            at++;
        full = json_get_string(json_object_get(descriptor, "annotations"), "io.containerd.image.name", NULL);
        if (full)
            json_array_append_new(json_object_get(json_array_get(images, at), "RepoTags"), json_string(full));
    }
    json_write(images, text);
    json_decref(images);
    vec_free(&seen.list);
    return error;
}

/* --- the tar --- */

static int put_folder(const struct tar_sink *sink, const char *name)
{
    return tar_put_header(sink, &(struct tar_entry){.name = name, .type = TAR_DIR, .mode = 0755, .link = ""});
}

static int put_text(const struct tar_sink *sink, const char *name, const char *text)
{
    int64_t size = (int64_t)strlen(text);
    if (tar_put_header(sink, &(struct tar_entry){.name = name, .type = TAR_FILE, .mode = 0644, .link = "", .size = size}) < 0 ||
        tar_put_data(sink, text, (size_t)size) < 0)
        return -1;
    return tar_put_padding(sink, size);
}

static int put_blob(const struct tar_sink *sink, const struct archive_layouts *layouts, const char *digest)
{
    char name[96];
    struct stat st;
    store_blob_name(digest, name);
    autoclose int fd = openat(layout_with(layouts, name), name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    struct tar_entry entry = {.name = name, .type = TAR_FILE, .mode = 0644, .link = "", .size = st.st_size};
    return tar_put_file(sink, &entry, fd);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *archive_write(const struct archive_parts *parts, const struct tar_sink *sink)
{
    size_t count = parts->blobs->list.count;
    const char **sorted = xcalloc(count + 1, sizeof *sorted);
    if (count) {
        memcpy(sorted, parts->blobs->list.items, count * sizeof *sorted);
        qsort(sorted, count, sizeof *sorted, by_text);
    }
    int result = put_folder(sink, "blobs") < 0 || put_folder(sink, "blobs/sha256") < 0 ? -1 : 0;
    char *error = NULL;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = put_blob(sink, &parts->layouts, sorted[i]);
        if (result < 0)
            error = xasprintf("blob %s: %s", sorted[i], strerror(errno));
    }
    if (result == 0 && (put_text(sink, "index.json", parts->index) < 0 ||
                        (parts->manifest && put_text(sink, "manifest.json", parts->manifest) < 0) ||
                        put_text(sink, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}\n") < 0 || tar_put_end(sink) < 0))
        result = -1;
    if (result < 0 && !error)
        error = xstrdup(strerror(errno));
    free(sorted);
    return error;
}
