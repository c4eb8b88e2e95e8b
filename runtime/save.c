/*
 * dfgen-save: images of several layouts in one archive, for `dfgen save`. What goes into it comes as JSON on standard
 * input; the archive appears whole under its name, or goes to standard output. Knows nothing of where images are found.
 *
 *     {"form": "docker-archive" or "oci-archive", "dest": PATH or "-", "images": [{"folder": PATH, "names": [NAME], "descriptor": DESCRIPTOR}]}
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/image/archive.h"
#include "runtime/image/layout.h"
#include "runtime/image/name.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/request.h"
#include "runtime/lib/store.h"
#include "runtime/tar/write.h"

struct saving {
    struct arena arena;
    json_t *request, *index;    /* index: index.json of the archive */
    VEC(int) layouts;
    struct digests blobs;
    int fd;                     /* where the archive goes */
};

static const char *path_in(struct saving *saving, const json_t *object, const char *key)
{
    struct span text = json_bytes_value(&saving->arena, json_object_get(object, key));
    if (!text.len)
        die_usage("standard input: \"%s\" is missing", key);
    return arena_strndup(&saving->arena, text.text, text.len);
}

/* One entry of index.json for each name of the image; docker's and OCI's readers find them by different annotations. */
static void add_entries(struct saving *saving, const json_t *image)
{
    json_t *list = json_object_get(saving->index, "manifests");
    const json_t *names = json_object_get(image, "names"), *descriptor = json_object_get(image, "descriptor");
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        json_t *entry = json_deep_copy(descriptor);
        json_object_set_new(entry, "annotations", json_pack("{s:s,s:s}", "io.containerd.image.name", name,
                                                            "org.opencontainers.image.ref.name", image_name_tag(name)));
        json_array_append_new(list, entry);
    }
    if (!json_array_size(names)) {
        json_t *entry = json_deep_copy(descriptor);
        json_object_del(entry, "annotations");
        json_array_append_new(list, entry);
    }
}

static void check_blobs(struct saving *saving, int layout, const struct digests *blobs, const char *folder)
{
    for (size_t i = 0; i < blobs->list.count; i++) {
        char name[96];
        store_blob_name(blobs->list.items[i], name);
        if (faccessat(layout, name, R_OK, 0) < 0)
            die("blob %s of the image is not in %s: dfgen pull gets it for an image of a registry, dfgen load for "
                "another",
                blobs->list.items[i], folder);
        digests_add(&saving->blobs, blobs->list.items[i]);
    }
}

static void add_image(struct saving *saving, const json_t *image)
{
    const char *folder = path_in(saving, image, "folder");
    json_t *descriptor = json_object_get(image, "descriptor");
    json_t *alone = json_pack("{s:[O]}", "manifests", descriptor);
    struct digests blobs = {0};
    int layout = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layout < 0)
        die("cannot open %s:", folder);
    vec_push(&saving->layouts, layout);
    char *error = layout_reach(layout, &saving->arena, alone, false, &blobs);
    if (error)
        die("%s: %s: dfgen pull --platform gets the images of other platforms", folder, error);
    check_blobs(saving, layout, &blobs, folder);
    add_entries(saving, image);
    vec_free(&blobs.list);
    json_decref(alone);
}

static int put(void *data, const void *bytes, size_t len)
{
    const struct saving *saving = data;
    return fd_write_all(saving->fd, bytes, len);
}

static char *write_archive(struct saving *saving)
{
    const struct archive_layouts layouts = {saving->layouts.items, saving->layouts.count};
    struct buf index = {0}, manifest = {0};
    bool is_docker = !strcmp(json_get_string(saving->request, "form", ""), "docker-archive");
    json_write(saving->index, &index);
    char *error = is_docker ? archive_docker_manifest(&layouts, &saving->arena, saving->index, &manifest) : NULL;
    struct archive_parts parts = {layouts, &saving->blobs, buf_text(&index), is_docker ? buf_text(&manifest) : NULL};
    if (!error)
        error = archive_write(&parts, &(struct tar_sink){put, saving});
    buf_free(&index);
    buf_free(&manifest);
    return error;
}

static void save(struct saving *saving)
{
    const char *dest = path_in(saving, saving->request, "dest");
    if (!strcmp(dest, "-")) {
        saving->fd = STDOUT_FILENO;
        char *error = write_archive(saving);
        if (error)
            die("cannot write the archive to standard output: %s", error);
        return;
    }
    const char *temporary = arena_printf(&saving->arena, "%s.%ld.tmp", dest, (long)getpid());
    saving->fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (saving->fd < 0)
        die("cannot make %s:", temporary);
    char *error = write_archive(saving);
    if (close(saving->fd) < 0 && !error)
        error = xstrdup(strerror(errno));
    if (!error && rename(temporary, dest) < 0)
        error = xstrdup(strerror(errno));
    if (error)
        unlink(temporary);
    if (error)
        die("cannot write %s: %s", dest, error);
}

int main(int argc, char **argv)
{
    static const struct request_form form = {
        "dfgen-save", "usage: dfgen-save\n\nRun by dfgen save, which says on standard input what goes into the archive.",
        16 * 1024 * 1024,
    };
    struct saving saving = {0};
    char *error;
    saving.request = request_read(argc, argv, &form, &error);
    if (!saving.request)
        die_usage("standard input: %s", error);
    saving.index = json_pack("{s:i,s:s,s:[]}", "schemaVersion", 2, "mediaType", LAYOUT_INDEX_TYPE, "manifests");
    const json_t *images = json_object_get(saving.request, "images");
    if (!json_array_size(images))
        die_usage("standard input names no image");
    for (size_t i = 0; i < json_array_size(images); i++)
        add_image(&saving, json_array_get(images, i));
    save(&saving);
    for (size_t i = 0; i < saving.layouts.count; i++)
        close(saving.layouts.items[i]);
    vec_free(&saving.layouts);
    vec_free(&saving.blobs.list);
    json_decref(saving.index);
    json_decref(saving.request);
    arena_free(&saving.arena);
    return EXIT_DONE;
}
