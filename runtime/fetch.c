/*
 * dfgen-fetch: an ADD of a URL or a git repository comes into the store, as a layer of its own that dfgen-copy copies
 * from. What is pinned by its checksum is remembered by its key; what is not is fetched whenever the edge runs. Knows
 * nothing of where the files go.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/commit.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pinned.h"
#include "runtime/lib/step.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/url.h"
#include "runtime/registry/git.h"
#include "runtime/registry/http.h"
#include "runtime/tar/read.h"
#include "runtime/tar/unpack.h"

static const char help[] = "Get the file of a URL or the files of a git repository, for ADD.";

static const int64_t size_limit = (int64_t)16 << 30;

struct fetch {
    struct step *step;
    const char *url;
    const char *checksum;       /* "" when absent */
    const char *name;           /* http */
    struct git_request git;
    bool is_git, is_pinned;
    bool wants_pin;             /* dfgen lock: the output is the checksum, not a stamp */
};

/* A member that may hold any byte, but no NUL; "" when absent. */
static const char *text_of(struct step *step, const char *key)
{
    const json_t *value = json_object_get(step->json, key);
    if (!value)
        return "";
    if (!json_is_string(value))
        die_usage("%s: \"%s\" is no string", step->file, key);
    struct span text = json_bytes_value(step->arena, value);
    if (text.len && memchr(text.text, 0, text.len))
        die_usage("%s: \"%s\" has a NUL byte", step->file, key);
    return arena_strndup(step->arena, text.text, text.len);
}

static void read_http(struct fetch *fetch)
{
    fetch->name = text_of(fetch->step, "name");
    if (!url_is_file_name(span_of(fetch->name)))
        die_usage("%s: \"%s\" cannot be the name of a file", fetch->step->file, fetch->name);
    if (*fetch->checksum && !digest_is_valid_name(fetch->checksum))
        die_usage("%s: the checksum must be \"sha256:\" and 64 hex digits", fetch->step->file);
    fetch->is_pinned = *fetch->checksum;
}

static void read_git(struct fetch *fetch)
{
    struct step *step = fetch->step;
    struct url url;
    fetch->git = (struct git_request){
        .url = fetch->url,
        .ref = text_of(step, "ref"),
        .subdir = path_clean(step->arena, span_of(text_of(step, "subdir"))),
        .commit = fetch->checksum,
        .agent = json_get_string(json_object_get(step->settings, "ssh"), "default", NULL),
        .keeps_git_dir = json_get_bool(step->json, "keep_git_dir", false),
        .has_submodules = json_get_bool(step->json, "submodules", true),
    };
    if (strspn(fetch->checksum, "0123456789abcdef") != strlen(fetch->checksum) || strlen(fetch->checksum) > 64)
        die_usage("%s: the checksum of a git source is the hash of its commit", step->file);
    /* git and ssh guard themselves, but only in versions of these years. */
    if (fetch->url[0] == '-' || (url_split(span_of(fetch->url), &url) && url.host.text[0] == '-'))
        die_usage("%s: \"url\" is no address of a repository", step->file);
    fetch->is_pinned = git_is_commit(fetch->checksum);
}

static struct fetch read_fetch(struct step *step)
{
    struct fetch fetch = {.step = step, .url = text_of(step, "url"), .checksum = text_of(step, "checksum")};
    fetch.is_git = json_get_bool(step->json, "git", false);
    fetch.wants_pin = json_get_bool(step->json, "pin", false);
    if (strcmp(step->kind, "fetch") || !*fetch.url)
        die_usage("%s: a step of kind \"fetch\" with a \"url\" is needed", step->file);
    if (fetch.is_git)
        read_git(&fetch);
    else
        read_http(&fetch);
    return fetch;
}

/* --- what is known already --- */

static struct pinned identity(const struct fetch *fetch)
{
    return (struct pinned){
        .url = span_of(fetch->url),
        .checksum = span_of(fetch->checksum),
        .name = fetch->name,
        .ref = span_of(fetch->is_git ? fetch->git.ref : ""),
        .subdir = fetch->git.subdir,
        .is_git = fetch->is_git,
        .keeps_git_dir = fetch->git.keeps_git_dir,
        .has_submodules = fetch->git.has_submodules,
    };
}

/* A record names the layer; one that is damaged, or whose layer is gone, is none. */
static bool find_result(const struct fetch *fetch, char id[COMMIT_ID])
{
    const struct pinned pinned = identity(fetch);
    char found[80];
    if (!fetch->is_pinned || !pinned_find(&fetch->step->store, &pinned, found))
        return false;
    snprintf(id, COMMIT_ID, "%s", found);
    return true;
}

static void remember(const struct fetch *fetch, const char *id)
{
    const struct pinned pinned = identity(fetch);
    char key[DIGEST_HEX + 1], record[COMMIT_ID + 1];
    if (!fetch->is_pinned)
        return;
    pinned_key(&pinned, key);
    snprintf(record, sizeof record, "%s\n", id);
    if (store_action_put(&fetch->step->store, key, record) < 0)
        step_die(fetch->step, "cannot write to the store:");
}

/* --- getting it --- */

static char *check(const struct fetch *fetch, const struct digest *digest)
{
    char hex[DIGEST_HEX + 1];
    digest_hex(digest, hex);
    if (!*fetch->checksum || !strcmp(fetch->checksum + strlen("sha256:"), hex))
        return NULL;
    struct buf text = {0};
    url_add_public(&text, span_of(fetch->url));
    buf_printf(&text, ": the checksum does not match: it is sha256:%s, wanted is %s", hex, fetch->checksum);
    return buf_take(&text);
}

/* What came is what the name stands for from now on. */
static void pin(struct fetch *fetch, const char *checksum)
{
    if (!fetch->wants_pin || fetch->is_pinned)
        return;
    fetch->checksum = arena_strdup(fetch->step->arena, checksum);
    fetch->git.ref = fetch->checksum;
    fetch->is_pinned = true;
}

static void pin_file(struct fetch *fetch, const struct digest *digest)
{
    char text[72] = "sha256:";
    digest_hex(digest, text + 7);
    pin(fetch, text);
}

/* The one file, in the layer's folder. */
static char *get_file(struct fetch *fetch, int layer)
{
    struct http_file file;
    if (mkdirat(layer, "fs", 0755) < 0)
        return xasprintf("cannot make a folder in the store: %s", strerror(errno));
    autoclose int fs = openat(layer, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    autoclose int fd = fs < 0 ? -1 : openat(fs, fetch->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return xasprintf("cannot make a file in the store: %s", strerror(errno));
    char *error = http_get(fetch->url, fd, size_limit, &file);
    if (!error)
        error = check(fetch, &file.digest);
    if (error)
        return error;
    pin_file(fetch, &file.digest);
    struct timespec times[2] = {{.tv_sec = (time_t)file.modified}, {.tv_sec = (time_t)file.modified}};
    return futimens(fd, times) < 0 ? xasprintf("cannot set a file's time: %s", strerror(errno)) : NULL;
}

/* --- what dfgen vendor put aside --- */

static char *unpack_vendored(const struct fetch *fetch, int blob, int64_t size, int layer)
{
    if (mkdirat(layer, "fs", 0755) < 0)
        return xasprintf("cannot make a folder in the store: %s", strerror(errno));
    autoclose int fs = openat(layer, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum id_mode mode = fetch->step->store.mode;
    struct unpack how = {.fs = fs, .is_root = mode == MODE_ROOT, .can_chown = mode != MODE_SINGLE, .is_archive = true,
                         .packed = size};
    struct buf listing = {0};
    struct tar_reader *tar = fs < 0 ? NULL : tar_open(blob);
    char *error = tar ? unpack_layer(&how, tar, &listing) : xasprintf("cannot be read: %s", strerror(errno));
    if (tar)
        tar_close(tar);
    buf_free(&listing);
    return error;
}

/* NULL, or what is wrong with a file that should have this digest. */
static char *check_blob(int blob, const char *wanted)
{
    struct digest digest;
    int64_t size;
    char hex[DIGEST_HEX + 1];
    if (digest_fd(blob, &digest, &size) < 0)
        return xasprintf("cannot be read: %s", strerror(errno));
    digest_hex(&digest, hex);
    bool is_right = digest_is_valid_name(wanted) && !strcmp(wanted + 7, hex);
    return is_right ? NULL : xasprintf("it is damaged: it has digest sha256:%s, its record says %s", hex, wanted);
}

/* The folder's record and layer for this key; false: it has none. */
static bool open_vendored(const struct fetch *fetch, const char **path, int *blob, int64_t *size, char wanted[80])
{
    struct step *step = fetch->step;
    const json_t *member = json_object_get(step->settings, "vendor");
    const struct pinned pinned = identity(fetch);
    char key[DIGEST_HEX + 1], *why = NULL;
    if (!member || !fetch->is_pinned)
        return false;
    pinned_key(&pinned, key);
    struct span folder = json_bytes_value(step->arena, member);
    *path = arena_printf(step->arena, "%.*s/fetched/%s", SPAN(folder), key);
    const char *record_path = arena_printf(step->arena, "%s.json", *path);
    if (access(record_path, F_OK) < 0 && errno == ENOENT)
        return false;
    json_t *record = json_read_at(AT_FDCWD, record_path, 4096, &why);
    if (!record)
        step_die(step, "%s: %s; dfgen vendor makes it anew", record_path, why);
    *size = json_get_int(record, "size", -1);
    snprintf(wanted, 80, "%s", json_get_string(record, "layer", ""));
    *blob = open(*path, O_RDONLY | O_CLOEXEC);
    if (*blob < 0)
        step_die(step, "cannot open %s (dfgen vendor makes it anew):", *path);
    char *wrong = check_blob(*blob, json_get_string(record, "digest", ""));
    if (wrong)
        step_die(step, "%s: %s; dfgen vendor makes it anew", *path, wrong);
    json_decref(record);
    return true;
}

static void begin_layer(struct step *step, struct store_tmp *tmp)
{
    if (store_tmp_make(&step->store, tmp) < 0 || mkdirat(tmp->dir, "layer", 0755) < 0)
        step_die(step, "cannot make a folder in the store:");
}

static void put_layer(const struct fetch *fetch, struct store_tmp *tmp, char id[COMMIT_ID])
{
    char *where = NULL;
    struct tree *nothing = tree_new();
    if (commit_layer(&fetch->step->store, tmp, "layer", &(struct commit_source){.lower = nothing}, id, &where) < 0)
        step_die(fetch->step, "cannot put %s into the store:", where ? where : "the layer");
    free(where);
    tree_free(nothing);
}

/* False: the folder does not have it. */
static bool take_vendored(const struct fetch *fetch, char id[COMMIT_ID])
{
    struct step *step = fetch->step;
    const char *path;
    autoclose int blob = -1;
    int64_t size;
    char wanted[80];
    struct store_tmp tmp;
    if (!open_vendored(fetch, &path, &blob, &size, wanted))
        return false;
    begin_layer(step, &tmp);
    autoclose int layer = openat(tmp.dir, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *error = unpack_vendored(fetch, blob, size, layer);
    if (!error) {
        put_layer(fetch, &tmp, id);
        if (strcmp(id, wanted))
            error = xasprintf("it holds %s, and should hold %s", id, wanted);
    }
    store_tmp_drop(&step->store, &tmp);
    if (error)
        step_die(step, "%s: %s; dfgen vendor makes it anew", path, error);
    remember(fetch, id);
    return true;
}

static void get(struct fetch *fetch, char id[COMMIT_ID])
{
    struct step *step = fetch->step;
    struct store_tmp tmp;
    begin_layer(step, &tmp);
    autoclose int layer = openat(tmp.dir, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (layer < 0)
        step_die(step, "cannot open a folder in the store:");
    char commit[65] = "";
    char *error = fetch->is_git ? git_get(&fetch->git, layer, "fs", commit) : get_file(fetch, layer);
    if (fetch->is_git && !error)
        pin(fetch, commit);
    if (error) {
        store_tmp_drop(&step->store, &tmp);
        step_die(step, "%s", error);
    }
    put_layer(fetch, &tmp, id);
    store_tmp_drop(&step->store, &tmp);
}

/* --offline: nothing may be asked for, not even a name server. */
static void check_online(const struct fetch *fetch)
{
    if (json_get_bool(fetch->step->settings, "offline", false))
        step_die(fetch->step,
            "it is not in the store, and --offline forbids to get it; without --offline, dfgen lock or ninja gets it");
}

int main(int argc, char **argv)
{
    const char *file = step_main(argc, argv, "dfgen-fetch", help);
    struct step step;
    char id[COMMIT_ID];
    step_load(&step, file, idmode_enter());
    struct fetch fetch = read_fetch(&step);
    if (!find_result(&fetch, id) && !take_vendored(&fetch, id)) {
        check_online(&fetch);
        get(&fetch, id);
        remember(&fetch, id);
    }
    if (fetch.wants_pin) {
        char *line = xasprintf("%s\n", fetch.checksum);
        step_write_out(&step, line, strlen(line));
        free(line);
    } else {
        step_write_stamp(&step, NULL, id);
    }
    step_close(&step);
    return EXIT_DONE;
}
