/*
 * Owns looking for an image in a folder of layouts and archives (--images, [images] path), by the names that they have
 * in themselves or as files. Called by images. Must not know file formats.
 */
#include "gen/images.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/images_internal.h"

#include "gen/layout.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/path.h"

static bool is_archive_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && !strcmp(dot, ".tar");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder that may be images, sorted: the answer must not depend on the file system's order. */
static const char **image_files(struct images *images, const char *folder, size_t *count)
{
    VEC(const char *) found = {0};
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *path = path_join(images->arena, folder, entry->d_name);
        struct stat st;
        if (entry->d_name[0] == '.' || stat(path, &st) < 0)
            continue;
        bool is_layout = S_ISDIR(st.st_mode) && access(path_join(images->arena, path, "oci-layout"), F_OK) == 0;
        if (is_layout || (S_ISREG(st.st_mode) && is_archive_name(entry->d_name)))
            vec_push(&found, path);
    }
    if (dir)
        closedir(dir);
    *count = found.count;
    const char **sorted = arena_array(images->arena, found.count + 1, sizeof *sorted);
    if (found.count)
        memcpy(sorted, found.items, found.count * sizeof *sorted);
    qsort(sorted, found.count, sizeof *sorted, compare_names);
    vec_free(&found);
    return sorted;
}

/* A layout in a folder is also known by its file name: FOLDER/busybox has busybox:latest. */
static const struct image *find_by_file_name(struct images *images, struct layout *layout, const char *path,
                                             const char *reference, const struct platform *wanted, const char **error)
{
    struct ref ref, own;
    char *name = arena_strdup(images->arena, path_base(path));
    if (is_archive_name(name))
        *strrchr(name, '.') = 0;
    if (!ref_parse(images->arena, span_of(name), &own) || !ref_parse(images->arena, span_of(reference), &ref) || !ref.tag ||
        !own.path || strcmp(own.path, ref.path) || strcmp(own.host, ref.host))
        return NULL;
    struct layout_query query = {.tag = ref.tag, .accept_only = !strcmp(ref.tag, "latest")};
    return layout_find(layout, &query, wanted, false, error);
}

const struct image *images_in_folder(struct images *images, const char *folder, const char *reference,
                                          const struct platform *wanted, const char **error)
{
    size_t count;
    const char **files = image_files(images, folder, &count);
    struct ref ref;
    bool has_digest = ref_parse(images->arena, span_of(reference), &ref) && ref.digest;
    struct layout_query query = {.reference = has_digest ? NULL : reference, .digest = has_digest ? ref.digest : NULL};
    for (size_t i = 0; i < count; i++) {
        const char *why;
        struct layout *layout = images_layout(images, files[i], &why);
        /* A broken archive matters only when it would be the one: its name says so, or nothing does. */
        if (!layout)
            continue;
        const struct image *image = layout_find(layout, &query, wanted, false, &why);
        if (!image && !why && !has_digest)
            image = find_by_file_name(images, layout, files[i], reference, wanted, &why);
        if (image || why) {
            *error = why;
            return image;
        }
    }
    return NULL;
}
