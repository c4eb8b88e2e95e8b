/*
 * dfgen-cache: the content of cache mounts out of the store into a folder, and back, for `dfgen vendor --cache-mounts`
 * and --vendor. What to do comes as JSON on standard input. A cache that the store has already stays what it is. Knows
 * nothing of RUN.
 *
 *     {"store": PATH, "folder": PATH, "do": "export" | "import", "ids": [ID]}   -> a line "ID" for each cache that was taken over
 *
 * In the folder a cache is caches/HEX.tar.gz and caches/HEX.json (HEX: sha256 of its id): id, digest, and mode and
 * owner of its top.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/tar/source.h"

#include "runtime/image/folder.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/request.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"
#include "runtime/tar/compress.h"
#include "runtime/tar/read.h"
#include "runtime/tar/unpack.h"
#include "runtime/tar/write.h"

enum { RECORD_LIMIT = 64 * 1024 };

struct moving {
    struct arena arena;
    struct store store;
    json_t *request;
    const char *shown;          /* the folder, as it was given */
    int folder;
    /* one that is written */
    struct digest_state packed;
    int64_t size;
    struct compressor *compressor;
    int fd;
};

static const char *name_of(struct moving *moving, const char *id, const char *end)
{
    struct digest digest = digest_of(id, strlen(id));
    char hex[DIGEST_HEX + 1];
    digest_hex(&digest, hex);
    return arena_printf(&moving->arena, "caches/%s%s", hex, end);
}

/* A cache with an owner of its own has that in a second line of its id. */
static void say(const char *id)
{
    size_t len = strcspn(id, "\n");
    printf("%.*s%s%s%s\n", (int)len, id, id[len] ? " (" : "", id[len] ? id + len + 1 : "", id[len] ? ")" : "");
}

/* --- out of the store --- */

static int put_packed(void *data, const void *bytes, size_t len)
{
    struct moving *moving = data;
    digest_add(&moving->packed, bytes, len);
    moving->size += (int64_t)len;
    return fd_write_all(moving->fd, bytes, len);
}

static int put_plain(void *data, const void *bytes, size_t len)
{
    struct moving *moving = data;
    return compress_add(moving->compressor, bytes, len);
}

static char *write_tar(struct moving *moving, int data)
{
    struct compress_sink sink = {NULL, put_packed, moving};
    const struct folder folder = {data, moving->store.mode != MODE_SINGLE, true};
    moving->size = 0;
    digest_begin(&moving->packed);
    moving->compressor = compress_open(COMPRESSION_GZIP, COMPRESS_DEFAULT, compress_threads(), &sink);
    if (!moving->compressor)
        return xstrdup("this dfgen was built without a library for gzip");
    char *error = folder_write_tar(&folder, &(struct tar_sink){put_plain, moving});
    if (compress_close(moving->compressor) < 0 && !error)
        error = xstrdup(strerror(errno));
    return error;
}

static void write_record(struct moving *moving, const char *id, int data)
{
    struct stat st;
    char digest[72] = "sha256:";
    struct buf text = {0};
    struct digest packed = digest_end(&moving->packed);
    digest_hex(&packed, digest + 7);
    if (fstat(data, &st) < 0)
        die("cannot read the cache %s:", id);
    bool has_owners = moving->store.mode != MODE_SINGLE;
    json_t *record =
        json_pack("{s:o,s:s,s:I,s:i,s:I,s:I}", "id", json_bytes(span_of(id)), "digest", digest, "size",
                  (json_int_t)moving->size, "mode", (int)(st.st_mode & 07777), "uid",
                  (json_int_t)(has_owners ? st.st_uid : 0), "gid", (json_int_t)(has_owners ? st.st_gid : 0));
    json_write(record, &text);
    if (file_write_if_changed_at(moving->folder, name_of(moving, id, ".json"), text.data, text.len, NULL) < 0)
        die("cannot write into %s/caches:", moving->shown);
    json_decref(record);
    buf_free(&text);
}

/* Under a shared lock: a RUN that has it for itself is waited for. */
static void export_one(struct moving *moving, const char *id)
{
    autoclose int cache = store_cache_open(&moving->store, id, NULL);
    autoclose int data = cache < 0 ? -1 : openat(cache, "data", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (data < 0 && errno == ENOENT)
        return;
    if (data < 0 || flock(data, LOCK_SH) < 0)
        die("cannot open the cache %s:", id);
    const char *name = name_of(moving, id, ".tar.gz"), *temporary = name_of(moving, id, ".tmp");
    moving->fd = openat(moving->folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    char *error = moving->fd < 0 ? xstrdup(strerror(errno)) : write_tar(moving, data);
    if (moving->fd >= 0 && close(moving->fd) < 0 && !error)
        error = xstrdup(strerror(errno));
    if (!error && renameat(moving->folder, temporary, moving->folder, name) < 0)
        error = xstrdup(strerror(errno));
    if (error) {
        unlinkat(moving->folder, temporary, 0);
        die("cannot write the cache %s to %s/%s: %s", id, moving->shown, name, error);
    }
    write_record(moving, id, data);
    say(id);
}

/* --- into the store --- */

static int open_checked(struct moving *moving, const char *name, const json_t *record)
{
    struct digest digest;
    int64_t size;
    char hex[DIGEST_HEX + 1];
    autoclose int fd = openat(moving->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || digest_fd(fd, &digest, &size) < 0)
        die_usage("cannot read %s/%s:", moving->shown, name);
    digest_hex(&digest, hex);
    const char *wanted = json_get_string(record, "digest", "");
    if (!digest_is_valid_name(wanted) || strcmp(wanted + 7, hex))
        die_usage(
            "%s/%s is damaged: it has digest sha256:%s, its record says %s; dfgen vendor --cache-mounts makes it anew",
            moving->shown, name, hex, wanted);
    if (lseek(fd, 0, SEEK_SET) < 0)
        die("cannot read %s/%s:", moving->shown, name);
    return fd_take(&fd);
}

static char *fill(struct moving *moving, int from, const json_t *record, int folder)
{
    enum id_mode mode = moving->store.mode;
    struct unpack how = {.fs = folder,
                         .is_root = mode == MODE_ROOT,
                         .can_chown = mode != MODE_SINGLE,
                         .is_archive = true,
                         .packed = json_get_int(record, "size", 0)};
    struct buf listing = {0};
    struct tar_reader *tar = tar_open(from);
    char *error = tar ? unpack_layer(&how, tar, &listing) : xstrdup(strerror(errno));
    if (tar)
        tar_close(tar);
    buf_free(&listing);
    uid_t uid = (uid_t)json_get_int(record, "uid", 0);
    gid_t gid = (gid_t)json_get_int(record, "gid", 0);
    if (!error && ((how.can_chown && fchown(folder, uid, gid) < 0) ||
                   fchmod(folder, (mode_t)json_get_int(record, "mode", 0755) & 07777) < 0))
        error = xstrdup(strerror(errno));
    return error;
}

static void import_one(struct moving *moving, const char *id)
{
    struct stat st;
    char *why = NULL;
    const char *record_name = name_of(moving, id, ".json"),
               *fresh = arena_printf(&moving->arena, "new.%ld", (long)getpid());
    if (fstatat(moving->folder, record_name, &st, 0) < 0)
        return;
    autoclose int cache = store_cache_open(&moving->store, id, NULL);
    if (cache < 0)
        die("cannot make the cache %s in the store %s:", id, moving->store.path);
    if (fstatat(cache, "data", &st, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    json_t *record = json_read_at(moving->folder, record_name, RECORD_LIMIT, &why);
    if (!record)
        die_usage("%s/%s: %s; dfgen vendor --cache-mounts makes it anew", moving->shown, record_name, why);
    autoclose int from = open_checked(moving, name_of(moving, id, ".tar.gz"), record);
    if (tree_remove_at(cache, fresh) < 0 || mkdirat(cache, fresh, 0700) < 0)
        die("cannot make the cache %s in the store %s:", id, moving->store.path);
    autoclose int folder = openat(cache, fresh, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char *error = folder < 0 ? xstrdup(strerror(errno)) : fill(moving, from, record, folder);
    /* Whoever was quicker has made it. */
    if (!error && renameat2(cache, fresh, cache, "data", RENAME_NOREPLACE) < 0 && errno != EEXIST)
        error = xstrdup(strerror(errno));
    tree_remove_at(cache, fresh);
    if (error)
        die_usage("cannot fill the cache %s from %s: %s", id, moving->shown, error);
    json_decref(record);
    say(id);
}

static const struct {
    const char *name;
    void (*run)(struct moving *moving, const char *id);
} verbs[] = {{"export", export_one}, {"import", import_one}};

/* --- the request --- */

static const char *text_of(struct moving *moving, const json_t *value, const char *what)
{
    struct span text = json_bytes_value(&moving->arena, value);
    if (!text.len)
        die_usage("standard input: \"%s\" is missing", what);
    return arena_strndup(&moving->arena, text.text, text.len);
}

int main(int argc, char **argv)
{
    static const struct request_form form = {
        "dfgen-cache", "usage: dfgen-cache\n\nRun by dfgen, which says on standard input which cache mounts go where.",
        16 * 1024 * 1024,
    };
    struct moving moving = {.folder = -1};
    size_t row = 0, rows = sizeof verbs / sizeof *verbs;
    char *error;
    moving.request = request_read(argc, argv, &form, &error);
    if (!moving.request)
        die_usage("standard input: %s", error);
    const char *store = text_of(&moving, json_object_get(moving.request, "store"), "store");
    moving.shown = text_of(&moving, json_object_get(moving.request, "folder"), "folder");
    const char *verb = json_get_string(moving.request, "do", "");
    while (row < rows && strcmp(verbs[row].name, verb))
        row++;
    if (row == rows)
        die_usage("standard input: \"do\" is neither export nor import");
    moving.folder = open(moving.shown, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (moving.folder < 0)
        die_usage("cannot open %s:", moving.shown);
    if (!row && dir_make_at(moving.folder, "caches", 0777) < 0)
        die("cannot write into %s:", moving.shown);
    /* Files of a cache have the owners of the mode. */
    if (store_open(&moving.store, store, idmode_enter()) < 0)
        die("cannot use the store %s:", store);
    const json_t *ids = json_object_get(moving.request, "ids");
    for (size_t i = 0; i < json_array_size(ids); i++)
        verbs[row].run(&moving, text_of(&moving, json_array_get(ids, i), "ids"));
    store_close(&moving.store);
    json_decref(moving.request);
    arena_free(&moving.arena);
    return EXIT_DONE;
}
