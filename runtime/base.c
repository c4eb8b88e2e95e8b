/*
 * dfgen-base: one layer of a base image comes into the store. The blob is read once: on the way its digest and size are checked, a copy
 * goes to the store's blobs, it is uncompressed, checked against the diff id, and unpacked. Knows nothing of images or of other layers.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/step.h"
#include "runtime/registry/pull.h"
#include "runtime/registry/session.h"
#include "runtime/tar/source.h"

#include "runtime/tar/media.h"
#include "runtime/tar/read.h"
#include "runtime/tar/unpack.h"

static const char help[] = "Put a layer of a base image into the store.";

struct layer {
    const char *media_type, *digest, *diff_id;
    int64_t size;
    enum compression compression;
};

/* The blob on its way: what was seen of it, and where the copy goes. */
struct passing {
    struct digest_state state;
    int64_t size;
    int copy;   /* -1: none is needed */
};

struct where {
    int fd;
    int64_t offset;
    bool is_store;
    bool is_damaged;    /* told by take: its digest is not its name */
};

static struct layer read_layer(const struct step *step)
{
    const json_t *json = json_object_get(step->json, "layer");
    struct layer layer = {
        .media_type = json_get_string(json, "mediaType", ""),
        .digest = json_get_string(json, "digest", ""),
        .diff_id = json_get_string(json, "diff_id", ""),
        .size = json_get_int(json, "size", -1),
    };
    if (!digest_is_valid_name(layer.digest) || !digest_is_valid_name(layer.diff_id) || layer.size < 0)
        die_usage("%s: \"layer\" needs digest, diff_id (sha256) and size", step->file);
    if (!media_layer_compression(layer.media_type, &layer.compression))
        step_die(step, "layer %s has the media type \"%s\", which dfgen does not know", layer.digest, layer.media_type);
    return layer;
}

/* --- where the blob lies --- */

static int64_t input_number(const struct step *step, const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < 0)
        die_usage("%s.json: \"%s\" is no number", step->base, text);
    return number;
}

static struct where open_file(const struct step *step, const struct step_input *input, const struct layer *layer)
{
    struct where where = {.fd = open(input->paths[0], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    struct stat st;
    if (where.fd < 0 || fstat(where.fd, &st) < 0)
        step_die(step, "cannot open %s:", input->paths[0]);
    if (!S_ISREG(st.st_mode))
        step_die(step, "%s is no regular file", input->paths[0]);
    int64_t size = st.st_size;
    if (input->count == 3) {
        where.offset = input_number(step, input->paths[1]);
        size = input_number(step, input->paths[2]);
    }
    if (size != layer->size)
        step_die(step, "layer %s: %s has %" PRId64 " bytes, the manifest says %" PRId64, layer->digest, input->paths[0], size,
                 layer->size);
    return where;
}

/* From a registry into the store, checked on the way. */
static void get_blob(struct step *step, const struct layer *layer)
{
    char *error = NULL;
    struct pull_blob blob = {layer->digest, layer->size, layer->size};
    struct registry *registry = registry_new(json_object_get(step->settings, "registry"), &error);
    if (registry && json_get_bool(step->settings, "offline", false))
        error = xasprintf("--offline: layer %s is not in the store", layer->digest);
    else if (registry)
        error = pull_blobs(registry, &step->store, step_input(step, INPUT_REGISTRY, 0)->paths[0], &blob, 1);
    if (error)
        step_die(step, "%s", error);
    registry_free(registry);
}

static struct where open_blob(struct step *step, const struct layer *layer)
{
    const struct step_input *input = step_input(step, INPUT_BLOB, 0);
    struct where where = {.fd = store_blob_open(&step->store, layer->digest), .is_store = true};
    struct stat st;
    if (where.fd >= 0 && fstat(where.fd, &st) == 0) {
        if (st.st_size != layer->size)
            step_die(step, "layer %s has %" PRId64 " bytes, the manifest says %" PRId64, layer->digest, (int64_t)st.st_size,
                     layer->size);
        return where;
    }
    if (errno != ENOENT)
        step_die(step, "cannot open blob %s in the store:", layer->digest);
    if (!input && step_input(step, INPUT_REGISTRY, 0)) {
        get_blob(step, layer);
        return open_blob(step, layer);
    }
    if (!input)
        step_die(step, "layer %s is not in the store any more; run dfgen again, which gets it", layer->digest);
    return open_file(step, input, layer);
}

/* --- reading it --- */

static int see_packed(void *data, const void *piece, size_t len)
{
    struct passing *passing = data;
    digest_add(&passing->state, piece, len);
    passing->size += (int64_t)len;
    return passing->copy < 0 ? 0 : fd_write_all(passing->copy, piece, len);
}

static int see_plain(void *data, const void *piece, size_t len)
{
    digest_add(data, piece, len);
    return 0;
}

/* NULL, or what is wrong with the blob itself (malloc'd). */
static char *check_digest(struct digest_state *state, const char *what, const char *want)
{
    char hex[DIGEST_HEX + 1];
    struct digest digest = digest_end(state);
    digest_hex(&digest, hex);
    return strcmp(hex, want + 7) ? xasprintf("its %s is sha256:%s", what, hex) : NULL;
}

static char *check_sniffed(const struct where *where, const struct layer *layer)
{
    char magic[COMPRESSION_MAGIC];
    size_t len = layer->size < COMPRESSION_MAGIC ? (size_t)layer->size : COMPRESSION_MAGIC;
    if (fd_pread_all(where->fd, magic, len, where->offset) < 0)
        return xasprintf("cannot read it: %s", strerror(errno));
    enum compression found = compression_sniff(magic, len);
    if (found == layer->compression)
        return NULL;
    return xasprintf("its media type is %s, but its content is %s", layer->media_type,
                     found == COMPRESSION_NONE ? "not compressed" : compression_names[found]);
}

/* To the end. NULL, or what went wrong, malloc'd. */
static char *drain(struct source *source)
{
    const void *piece;
    ssize_t len;
    while ((len = source->next(source, &piece)) > 0)
        ;
    return len < 0 ? xasprintf("cannot read it: %s", source->why ? source->why : strerror(errno)) : NULL;
}

/* Unpack a plain tar into tmp/layer. NULL, or what went wrong, malloc'd. */
static char *unpack(const struct step *step, const struct layer *layer, struct source *plain, int tmp)
{
    if (mkdirat(tmp, "layer", 0755) < 0 || mkdirat(tmp, "layer/fs", 0755) < 0)
        step_die(step, "cannot make a folder in the store:");
    autoclose int fs = openat(tmp, "layer/fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fs < 0)
        step_die(step, "cannot open a folder in the store:");
    struct unpack how = {
        .fs = fs,
        .is_root = step->store.mode == MODE_ROOT,
        .can_chown = step->store.mode != MODE_SINGLE,
        .packed = layer->size,
    };
    struct buf listing = {0};
    struct source *ahead = source_thread(plain);
    struct tar_reader *tar = tar_open_source(ahead);
    char *error = unpack_layer(&how, tar, &listing);
    tar_close(tar);
    source_close(ahead);
    if (!error && file_write_at(tmp, "layer/list", listing.data, listing.len, 0644) < 0)
        error = xasprintf("cannot write the listing: %s", strerror(errno));
    buf_free(&listing);
    return error;
}

/* Uncompress, compare with the diff id, and unpack unless the layer is there: a blob must not come in under another's diff id. */
static char *take_plain(const struct step *step, const struct layer *layer, struct source *packed, int tmp, bool has_layer)
{
    struct digest_state state;
    digest_begin(&state);
    struct source *plain = source_unpack(packed, layer->compression);
    struct source *seen = source_tap(plain, see_plain, &state);
    char *error = has_layer ? drain(seen) : unpack(step, layer, seen, tmp);
    source_close(seen);
    source_close(plain);
    char *wrong = check_digest(&state, "diff id", layer->diff_id);
    if (!error && wrong)
        error = xasprintf("%s, the config says %s", wrong, layer->diff_id);
    free(wrong);
    return error;
}

static char *take(const struct step *step, const struct layer *layer, struct where *where, int tmp, bool has_layer)
{
    char *error = check_sniffed(where, layer);
    struct passing passing = {.copy = -1};
    if (!where->is_store) {
        passing.copy = openat(tmp, "blob", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (passing.copy < 0)
            step_die(step, "cannot make a file in the store:");
    }
    digest_begin(&passing.state);
    struct source *file = source_file(where->fd, where->offset, layer->size);
    struct source *packed = source_tap(file, see_packed, &passing);
    if (!error)
        error = take_plain(step, layer, packed, tmp, has_layer);
    /* The rest, if that stopped: whether the blob is damaged is said first, since it explains the other. */
    char *unread = drain(packed);
    source_close(packed);
    source_close(file);
    char *damage = check_digest(&passing.state, "digest", layer->digest);
    where->is_damaged = damage && !unread;
    if (passing.copy >= 0 && close(passing.copy) < 0 && !error)
        error = xasprintf("cannot write it to the store: %s", strerror(errno));
    /* Of several things that are wrong, the one that explains the others. */
    char *said = unread ? unread : damage ? damage : error;
    if (unread != said)
        free(unread);
    if (damage != said)
        free(damage);
    if (error != said)
        free(error);
    return said;
}

static void bring(struct step *step, const struct layer *layer)
{
    bool has_layer = store_has_layer(&step->store, layer->diff_id);
    struct where where = open_blob(step, layer);
    if (has_layer && where.is_store) {
        close(where.fd);
        return;
    }
    struct store_tmp tmp;
    if (store_tmp_make(&step->store, &tmp) < 0)
        step_die(step, "cannot make a folder in the store:");
    char *error = take(step, layer, &where, tmp.dir, has_layer);
    close(where.fd);
    if (error && where.is_store && where.is_damaged) {
        /* Never trusted, and not fatal as long as the blob can be had elsewhere. */
        char name[96];
        store_blob_name(layer->digest, name);
        if (unlinkat(step->store.dir, name, 0) < 0)
            step_die(step, "cannot remove the damaged blob %s from the store:", layer->digest);
        free(error);
        store_tmp_drop(&step->store, &tmp);
        bring(step, layer);
        return;
    }
    if (error) {
        store_tmp_drop(&step->store, &tmp);
        step_die(step, "layer %s: %s", layer->digest, error);
    }
    if (!where.is_store && store_blob_commit(&step->store, &tmp, "blob", layer->digest) < 0)
        step_die(step, "cannot put blob %s into the store:", layer->digest);
    if (!has_layer && store_layer_commit(&step->store, &tmp, "layer", layer->diff_id) < 0)
        step_die(step, "cannot put layer %s into the store:", layer->diff_id);
    store_tmp_drop(&step->store, &tmp);
}

int main(int argc, char **argv)
{
    const char *file = step_main(argc, argv, "dfgen-base", help);
    struct step step;
    step_load(&step, file, idmode_enter());
    struct layer layer = read_layer(&step);
    bring(&step, &layer);
    step_write_stamp(&step, &(struct stamp){0}, layer.diff_id);
    step_close(&step);
    return EXIT_DONE;
}
