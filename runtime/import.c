/*
 * dfgen-import: an image of one layer out of files that are none: a tar (as docker import takes it), a squashfs, a
 * folder, a runtime bundle. What to do comes as JSON on standard input; config, manifest and layer go into the store,
 * and the descriptor to standard output. Knows nothing of names.
 *
 *     {"store": PATH, "kind": "tarball" | "squashfs" | "rootfs" | "bundle", "path": PATH, "os": O, "architecture": A, "variant": V}
 *         -> {"descriptor": DESCRIPTOR} or {"error": TEXT}
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/tar/source.h"

#include "runtime/image/folder.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/request.h"
#include "runtime/lib/store.h"
#include "runtime/tar/compress.h"
#include "runtime/tar/media.h"
#include "runtime/tar/read.h"
#include "runtime/tar/write.h"

enum { CONFIG_LIMIT = 4 * 1024 * 1024 };

struct import {
    struct arena arena;
    struct store store;
    json_t *request;
    const char *path;
    struct digest_state plain, packed;
    struct compressor *compressor;
    int64_t size;
    int fd;
};

/* The answer to what cannot be done. */
_Noreturn __attribute__((format(printf, 1, 2))) static void refuse(const char *format, ...)
{
    va_list list;
    char text[4096];
    struct buf line = {0};
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    json_t *answer = json_object();
    json_object_set_new(answer, "error", json_text(span_of(text)));
    json_write(answer, &line);
    fd_write_all(STDOUT_FILENO, line.data, line.len);
    exit(EXIT_USAGE);
}

/* --- the layer on its way --- */

static int put_packed(void *data, const void *bytes, size_t len)
{
    struct import *import = data;
    digest_add(&import->packed, bytes, len);
    import->size += (int64_t)len;
    return fd_write_all(import->fd, bytes, len);
}

static void see_plain(void *data, const void *bytes, size_t len)
{
    struct import *import = data;
    digest_add(&import->plain, bytes, len);
}

static int put_plain(void *data, const void *bytes, size_t len)
{
    struct import *import = data;
    return compress_add(import->compressor, bytes, len);
}

/* All of a tar, every entry of which has to be one. */
static char *take_tar(struct import *import, int from)
{
    char magic[COMPRESSION_MAGIC] = {0};
    ssize_t got = pread(from, magic, sizeof magic, 0);
    struct source *file = source_file(from, 0, -1);
    /* A pipe is a program's plain tar. */
    struct source *unpacked = got > 0 ? source_unpack(file, compression_sniff(magic, (size_t)got)) : NULL;
    struct source *tapped = source_tap(unpacked ? unpacked : file, put_plain, import);
    struct tar_reader *tar = tar_open_source(tapped);
    struct tar_entry entry;
    size_t count = 0;
    int more;
    while ((more = tar_next(tar, &entry)) > 0)
        count++;
    if (more == 0)
        more = tar_drain(tar);
    char *error = more < 0 ? xasprintf("it is no good tar: %s", tar_error(tar))
                  : !count ? xstrdup("it is no tar with files")
                           : NULL;
    tar_close(tar);
    source_close(tapped);
    if (unpacked)
        source_close(unpacked);
    source_close(file);
    return error;
}

static char *take_file(struct import *import)
{
    struct stat st;
    autoclose int from = open(import->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (from < 0 || fstat(from, &st) < 0)
        return xstrdup(strerror(errno));
    return S_ISREG(st.st_mode) ? take_tar(import, from) : xstrdup("it is no file");
}

/* The times of a folder of this machine say when it came here; those of an archive's files belong to them. */
static char *take_folder(struct import *import, const char *path, bool has_times)
{
    autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct folder folder = {fd, geteuid() == 0, has_times};
    return fd < 0 ? xasprintf("%s: %s", path, strerror(errno))
                  : folder_write_tar(&folder, &(struct tar_sink){put_plain, import});
}

static char *take_rootfs(struct import *import)
{
    return take_folder(import, import->path, false);
}

static char *take_bundle(struct import *import)
{
    return take_folder(import, arena_printf(&import->arena, "%s/rootfs", import->path), false);
}

struct program {
    const char *const *words;
    int out;    /* where its output goes; -1: nowhere */
};

static int start(const void *data)
{
    const struct program *program = data;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(program->out < 0 ? null : program->out, STDOUT_FILENO);
    child_exec(program->words);
    /* A folder of $PATH that cannot be searched is no reason either not to try the other program. */
    return 127;
}

/* A program's exit code; 127: it is not there. */
static int run(const char *const *words, int out)
{
    int code = child_run(start, &(struct program){words, out});
    return code < 0 ? 126 : code;
}

/* sqfs2tar gives owners and devices to whoever asks; unsquashfs has to make them. */
static char *take_squashfs(struct import *import)
{
    struct store_tmp tmp;
    char folder[64];
    if (access(import->path, R_OK) < 0)
        return xstrdup(strerror(errno));
    if (store_tmp_make(&import->store, &tmp) < 0)
        return xasprintf("cannot write to the store: %s", strerror(errno));
    snprintf(folder, sizeof folder, "/proc/%ld/fd/%d/root", (long)getpid(), tmp.dir);
    autoclose int tar = openat(tmp.dir, "tar", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const char *const to_tar[] = {"sqfs2tar", import->path, NULL};
    const char *const unpack[] = {"unsquashfs", "-no-progress", "-quiet", "-xattrs", "-d", folder, import->path, NULL};
    int code = tar < 0 ? 126 : run(to_tar, tar);
    char *error = NULL;
    if (code == 0)
        error = take_tar(import, tar);
    else if (code != 127)
        error = xasprintf("sqfs2tar failed with exit code %d", code);
    else if (geteuid() != 0)
        error = xstrdup("a squashfs is read by sqfs2tar (Debian: squashfs-tools-ng), or as root by unsquashfs");
    else if ((code = run(unpack, -1)) != 0)
        error = code == 127
                    ? xstrdup("a squashfs needs sqfs2tar (Debian: squashfs-tools-ng) or unsquashfs (squashfs-tools)")
                    : xasprintf("unsquashfs failed with exit code %d", code);
    else
        error = take_folder(import, folder, true);
    store_tmp_drop(&import->store, &tmp);
    return error;
}

static const struct {
    const char *kind;
    char *(*take)(struct import *import);
} kinds[] = {{"tarball", take_file}, {"squashfs", take_squashfs}, {"rootfs", take_rootfs}, {"bundle", take_bundle}};

/* --- the documents --- */

/* What a bundle's config.json says of its process, in an image's words. */
static json_t *config_of_bundle(struct import *import)
{
    char *why = NULL;
    json_t *bundle =
        json_read_at(AT_FDCWD, arena_printf(&import->arena, "%s/config.json", import->path), CONFIG_LIMIT, &why);
    if (!bundle)
        refuse("config.json: %s", why ? why : "cannot be read");
    const json_t *process = json_object_get(bundle, "process"), *user = json_object_get(process, "user");
    json_t *config = json_object();
    static const struct {
        const char *from, *to;
    } members[] = {{"args", "Cmd"}, {"env", "Env"}, {"cwd", "WorkingDir"}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (json_object_get(process, members[i].from))
            json_object_set(config, members[i].to, json_object_get(process, members[i].from));
    int64_t uid = json_get_int(user, "uid", 0), gid = json_get_int(user, "gid", 0);
    if (uid || gid)
        json_object_set_new(config, "User",
                            json_string(arena_printf(&import->arena, "%lld:%lld", (long long)uid, (long long)gid)));
    json_decref(bundle);
    return config;
}

static json_t *put(struct import *import, json_t *json, const char *type)
{
    struct buf text = {0};
    char digest[72];
    json_write(json, &text);
    if (store_blob_put(&import->store, text.data, text.len, digest) < 0)
        refuse("cannot write to the store %s: %s", import->store.path, strerror(errno));
    json_t *descriptor = json_pack("{s:s,s:s,s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)text.len);
    buf_free(&text);
    json_decref(json);
    return descriptor;
}

static json_t *put_image(struct import *import, json_t *config, const char *diff_id, json_t *layer)
{
    json_t *whole =
        json_pack("{s:s,s:s,s:s,s:{s:s,s:[s]},s:[{s:s,s:s}]}", "created", "1970-01-01T00:00:00Z", "os",
                  json_get_string(import->request, "os", "linux"), "architecture",
                  json_get_string(import->request, "architecture", "amd64"), "rootfs", "type", "layers", "diff_ids",
                  diff_id, "history", "created", "1970-01-01T00:00:00Z", "comment", "imported by dfgen");
    const char *variant = json_get_string(import->request, "variant", "");
    if (*variant)
        json_object_set_new(whole, "variant", json_string(variant));
    json_object_set_new(whole, "config", config);
    json_t *config_descriptor = put(import, whole, "application/vnd.oci.image.config.v1+json");
    return put(import,
               json_pack("{s:i,s:s,s:o,s:[o]}", "schemaVersion", 2, "mediaType",
                         "application/vnd.oci.image.manifest.v1+json", "config", config_descriptor, "layers", layer),
               "application/vnd.oci.image.manifest.v1+json");
}

/* The layer's descriptor; its diff id goes to diff_id. */
static json_t *make_layer(struct import *import, char *(*take)(struct import *import), char diff_id[72])
{
    struct store_tmp tmp;
    char digest[72] = "sha256:";
    struct compress_sink sink = {see_plain, put_packed, import};
    if (store_tmp_make(&import->store, &tmp) < 0 ||
        (import->fd = openat(tmp.dir, "blob", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        refuse("cannot write to the store %s: %s", import->store.path, strerror(errno));
    digest_begin(&import->plain);
    digest_begin(&import->packed);
    import->compressor = compress_open(COMPRESSION_GZIP, COMPRESS_DEFAULT, compress_threads(), &sink);
    if (!import->compressor)
        refuse("this dfgen was built without a library for gzip");
    char *error = take(import);
    if (compress_close(import->compressor) < 0 && !error)
        error = xasprintf("cannot write to the store: %s", strerror(errno));
    if (close(import->fd) < 0 && !error)
        error = xasprintf("cannot write to the store: %s", strerror(errno));
    struct digest plain = digest_end(&import->plain), packed = digest_end(&import->packed);
    strcpy(diff_id, "sha256:");
    digest_hex(&plain, diff_id + 7);
    digest_hex(&packed, digest + 7);
    if (!error && store_blob_commit(&import->store, &tmp, "blob", digest) < 0)
        error = xasprintf("cannot write to the store: %s", strerror(errno));
    store_tmp_drop(&import->store, &tmp);
    if (error)
        refuse("%s", error);
    return json_pack("{s:s,s:s,s:I}", "mediaType", media_layer_type(COMPRESSION_GZIP, false), "digest", digest, "size",
                     (json_int_t)import->size);
}

static const char *path_in(struct import *import, const char *key)
{
    struct span text = json_bytes_value(&import->arena, json_object_get(import->request, key));
    if (!text.len)
        refuse("standard input: \"%s\" is missing", key);
    return arena_strndup(&import->arena, text.text, text.len);
}

int main(int argc, char **argv)
{
    static const struct request_form form = {
        "dfgen-import", "usage: dfgen-import\n\nRun by dfgen, which says on standard input what becomes an image.",
        1024 * 1024,
    };
    struct import import = {.fd = -1};
    struct buf text = {0};
    char diff_id[72], *error;
    size_t row = 0, rows = sizeof kinds / sizeof *kinds;
    import.request = request_read(argc, argv, &form, &error);
    if (!import.request)
        refuse("standard input: %s", error);
    const char *kind = json_get_string(import.request, "kind", "");
    while (row < rows && strcmp(kinds[row].kind, kind))
        row++;
    if (row == rows)
        refuse("\"%s\" is no kind of files", kind);
    import.path = path_in(&import, "path");
    const char *store = path_in(&import, "store");
    if (store_open(&import.store, store, MODE_ROOT) < 0)
        refuse("cannot use the store %s: %s", store, strerror(errno));
    json_t *config = strcmp(kind, "bundle") ? json_object() : config_of_bundle(&import);
    json_t *layer = make_layer(&import, kinds[row].take, diff_id);
    json_t *answer = json_pack("{s:o}", "descriptor", put_image(&import, config, diff_id, layer));
    json_write(answer, &text);
    if (fd_write_all(STDOUT_FILENO, text.data, text.len) < 0)
        die("cannot write to standard output:");
    json_decref(answer);
    json_decref(import.request);
    store_close(&import.store);
    buf_free(&text);
    arena_free(&import.arena);
    return EXIT_DONE;
}
