/*
 * Owns refs/ of the store. Called by images, and by what puts images into the store's index. Must not know registries.
 */
#include "gen/manifest.h"

#include "gen/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/vec.h"

enum { RECORD_LIMIT = 64 * 1024 };

const char *record_path(struct arena *arena, const char *store, const char *reference)
{
    struct digest digest = digest_of(reference, strlen(reference));
    char hex[DIGEST_HEX + 1];
    digest_hex(&digest, hex);
    return arena_printf(arena, "%s/refs/%s", store, hex);
}

bool record_read(struct arena *arena, const char *store, const char *reference, struct descriptor *descriptor)
{
    json_t *json = json_read_at(AT_FDCWD, record_path(arena, store, reference), RECORD_LIMIT, NULL);
    bool is_good = json && !strcmp(json_get_string(json, "reference", ""), reference) &&
                   !descriptor_read(arena, json_object_get(json, "descriptor"), descriptor);
    if (is_good) {
        descriptor->media_type = arena_strdup(arena, descriptor->media_type);
        descriptor->digest = arena_strdup(arena, descriptor->digest);
    }
    json_decref(json);
    return is_good;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **record_list(struct arena *arena, const char *store, size_t *count)
{
    VEC(const char *) found = {0};
    DIR *dir = opendir(arena_printf(arena, "%s/refs", store));
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        json_t *json = json_read_at(dirfd(dir), entry->d_name, RECORD_LIMIT, NULL);
        const char *reference = json_get_string(json, "reference", NULL);
        if (reference)
            vec_push(&found, arena_strdup(arena, reference));
        json_decref(json);
    }
    if (dir)
        closedir(dir);
    const char **sorted = arena_array(arena, found.count + 1, sizeof *sorted);
    if (found.count)
        memcpy(sorted, found.items, found.count * sizeof *sorted);
    qsort(sorted, found.count, sizeof *sorted, compare);
    *count = found.count;
    vec_free(&found);
    return sorted;
}

const char *record_write(struct arena *arena, const char *store, const char *reference, const struct descriptor *descriptor)
{
    json_t *json = json_pack("{s:s,s:{s:s,s:s,s:I}}", "reference", reference, "descriptor", "mediaType", descriptor->media_type,
                             "digest", descriptor->digest, "size", (json_int_t)descriptor->size);
    struct buf text = {0};
    json_write(json, &text);
    json_decref(json);
    const char *path = record_path(arena, store, reference);
    bool is_written = dir_make_at(AT_FDCWD, arena_printf(arena, "%s/refs", store), 0700) == 0 &&
                      file_write_if_changed_at(AT_FDCWD, path, text.data, text.len, NULL) == 0;
    buf_free(&text);
    return is_written ? NULL : arena_printf(arena, "cannot write to the store %s: %s", store, strerror(errno));
}

void record_drop(struct arena *arena, const char *store, const char *reference)
{
    unlink(record_path(arena, store, reference));
}
