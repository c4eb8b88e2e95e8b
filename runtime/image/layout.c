/*
 * Owns folders that are OCI image layouts. Called by dfgen-image and dfgen-export. Must not know what is in an image, but which
 * digests lead to which.
 */
#include <jansson.h>

#include "runtime/image/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"

enum { INDEX_LIMIT = 4 * 1024 * 1024, DEPTH_MAX = 8 };

static const char mark[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";

bool digests_have(const struct digests *digests, const char *digest)
{
    for (size_t i = 0; i < digests->list.count; i++) {
        if (!strcmp(digests->list.items[i], digest))
            return true;
    }
    return false;
}

void digests_add(struct digests *digests, const char *digest)
{
    if (!digests_have(digests, digest))
        vec_push(&digests->list, digest);
}

int layout_make(const char *path)
{
    if (dir_make_at(AT_FDCWD, path, 0755) < 0)
        return -1;
    autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || dir_make_at(dir, "blobs/sha256", 0755) < 0 ||
        file_write_if_changed_at(dir, "oci-layout", mark, strlen(mark), NULL) < 0)
        return -1;
    return fd_take(&dir);
}

int layout_is_empty(const char *path)
{
    DIR *stream = opendir(path);
    if (!stream)
        return errno == ENOENT ? 1 : -1;
    bool is_empty = true;
    for (struct dirent *entry; (entry = readdir(stream));)
        is_empty &= !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    closedir(stream);
    return is_empty;
}

bool layout_is_one(const char *path)
{
    autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    json_t *json = dir < 0 ? NULL : json_read_at(dir, "oci-layout", 4096, NULL);
    bool is_one = !strcmp(json_get_string(json, "imageLayoutVersion", ""), "1.0.0");
    json_decref(json);
    return is_one;
}

int layout_take(int layout, int from, const char *digest)
{
    char name[96];
    struct stat have, want;
    store_blob_name(digest, name);
    if (fstatat(from, name, &want, 0) < 0)
        return -1;
    if (fstatat(layout, name, &have, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISREG(have.st_mode) && have.st_size == want.st_size)
            return 0;
        if (unlinkat(layout, name, 0) < 0)
            return -1;
    }
    return file_link_or_copy_at(from, name, layout, name, 0444);
}

json_t *layout_read_index(int layout, char **error)
{
    return json_read_at(layout, "index.json", INDEX_LIMIT, error);
}

void layout_drop_names(json_t *descriptor)
{
    json_t *annotations = json_object_get(descriptor, "annotations");
    json_object_del(annotations, "io.containerd.image.name");
    json_object_del(annotations, "org.opencontainers.image.ref.name");
    if (!json_object_size(annotations))
        json_object_del(descriptor, "annotations");
}

/* --- what leads where --- */

static char *reach(int layout, struct arena *arena, const json_t *node, bool lenient, int depth, struct digests *digests);

/* A descriptor, and what lies behind it when it is a manifest or index: those have members "manifests" or "layers". */
static char *reach_one(int layout, struct arena *arena, const json_t *descriptor, bool lenient, int depth, struct digests *digests)
{
    const char *digest = json_get_string(descriptor, "digest", "");
    const char *type = json_get_string(descriptor, "mediaType", "");
    if (!digest_is_valid_name(digest))
        return lenient ? NULL : xasprintf("a descriptor has no sha256 digest");
    digests_add(digests, arena_strdup(arena, digest));
    if (!strstr(type, "manifest") && !strstr(type, ".index."))
        return NULL;
    char name[96], *error = NULL;
    store_blob_name(digest, name);
    json_t *json = json_read_at(layout, name, INDEX_LIMIT, &error);
    char *wrong = NULL;
    if (json)
        wrong = reach(layout, arena, json, lenient, depth + 1, digests);
    else if (!lenient)
        wrong = xasprintf("%s: %s", name, error);
    free(error);
    json_decref(json);
    return wrong;
}

static char *reach(int layout, struct arena *arena, const json_t *node, bool lenient, int depth, struct digests *digests)
{
    static const char *const members[] = {"manifests", "layers"};
    if (depth > DEPTH_MAX)
        return xasprintf("indexes are nested too deep");
    const json_t *config = json_object_get(node, "config");
    char *error = config ? reach_one(layout, arena, config, lenient, depth, digests) : NULL;
    for (size_t m = 0; m < sizeof members / sizeof *members; m++) {
        const json_t *array = json_object_get(node, members[m]);
        for (size_t i = 0; i < json_array_size(array) && !error; i++)
            error = reach_one(layout, arena, json_array_get(array, i), lenient, depth, digests);
    }
    return error;
}

char *layout_reach(int layout, struct arena *arena, const json_t *index, bool lenient, struct digests *digests)
{
    return reach(layout, arena, index, lenient, 0, digests);
}

/* --- what is not needed any more --- */

int layout_prune(int layout, const struct digests *keep, const struct digests *only)
{
    int fd = openat(layout, "blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream)
        return -1;
    int result = 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        char digest[8 + 256];
        snprintf(digest, sizeof digest, "sha256:%s", entry->d_name);
        if (!digest_is_valid_name(digest) || digests_have(keep, digest) || (only && !digests_have(only, digest)))
            continue;
        if (unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT)
            result = -1;
    }
    int saved = errno;
    closedir(stream);
    errno = saved;
    return result;
}
