/*
 * Owns what is known of images that were made of files: by the file's path, size, times and inode, as the index of
 * contexts has it. Called by images and cmd_load. Must not know how an image is made of them.
 */
#include "gen/images.h"

#include "gen/imported.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/manifest.h"

#include "gen/layout.h"
#include "gen/platform.h"
#include "gen/record.h"
#include "gen/tell.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/store.h"

enum { ANSWER_LIMIT = 64 * 1024 };

/* The helper's answer, after it was told what to do. */
static json_t *ask(struct arena *arena, const json_t *request)
{
    int ends[2];
    struct buf text = {0};
    if (pipe2(ends, O_CLOEXEC) < 0)
        die("cannot make a pipe:");
    pid_t child = tell_helper(arena, "dfgen-import", request, ends[1]);
    close(ends[1]);
    int result = fd_read_all(ends[0], &text, ANSWER_LIMIT);
    close(ends[0]);
    /* The answer says what came of it; without one it has failed. */
    child_wait(child);
    json_t *answer = result < 0 ? NULL : json_parse((struct span){buf_text(&text), text.len}, NULL);
    buf_free(&text);
    return answer;
}

json_t *imported_make(struct arena *arena, const char *store, const char *kind, const char *path,
                      const struct platform *platform, const char **error)
{
    json_t *request = json_pack("{s:o,s:s,s:o,s:s,s:s,s:s}", "store", json_bytes(span_of(store)), "kind", kind, "path",
                                json_bytes(span_of(path)), "os", platform->os, "architecture", platform->architecture,
                                "variant", platform->variant);
    json_t *answer = ask(arena, request);
    json_decref(request);
    const char *why = answer ? json_get_string(answer, "error", NULL) : "dfgen-import ended without an answer";
    *error = why ? arena_printf(arena, "%s: %s", path, why) : NULL;
    json_t *descriptor = *error ? NULL : json_incref(json_object_get(answer, "descriptor"));
    json_decref(answer);
    return descriptor;
}

static bool has_all(struct arena *arena, const char *store, const struct descriptor *descriptor,
                    const struct platform *platform)
{
    const char *error;
    struct store blobs;
    if (store_open(&blobs, store, MODE_ROOT) < 0)
        return false;
    struct layout *layout = layout_of_store(arena, store, descriptor, "", &error);
    const struct image *image =
        layout ? layout_find(layout, &(struct layout_query){0}, platform, true, &error) : NULL;
    bool is_whole = image;
    for (size_t i = 0; is_whole && i < image->layer_count; i++)
        is_whole = store_has_blob(&blobs, image->layers[i].digest);
    if (layout)
        layout_close(layout);
    store_close(&blobs);
    return is_whole;
}

/* What it is called in the records of the store. */
static const char *record_name(struct arena *arena, const char *kind, const char *real, const struct stat *st,
                               const struct platform *platform)
{
    return arena_printf(arena, "%s %s %s %jd %jd.%ld %jd.%ld %ju", kind, platform_text(arena, platform), real,
                        (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                        (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec, (uintmax_t)st->st_ino);
}

bool imported_find(struct arena *arena, const char *store, const char *kind, const char *path,
                   const struct platform *platform, struct descriptor *descriptor, const char **error)
{
    struct stat st;
    char real[PATH_MAX];
    *error = NULL;
    if (!realpath(path, real) || stat(real, &st) < 0)
        *error = arena_printf(arena, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        *error = arena_printf(arena, "%s: it is no file", path);
    if (*error)
        return false;
    const char *known = record_name(arena, kind, real, &st, platform);
    if (record_read(arena, store, known, descriptor) && has_all(arena, store, descriptor, platform))
        return true;
    json_t *made = imported_make(arena, store, kind, path, platform, error);
    if (made)
        *error = descriptor_read(arena, made, descriptor);
    if (made && !*error) {
        descriptor->media_type = arena_strdup(arena, descriptor->media_type);
        descriptor->digest = arena_strdup(arena, descriptor->digest);
        *error = record_write(arena, store, known, descriptor);
    }
    json_decref(made);
    return !*error;
}
