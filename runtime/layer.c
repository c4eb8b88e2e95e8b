/*
 * dfgen-layer: the last layer of a stamp becomes a blob: tar, diff id, compression, digest in one pass. What was packed before is
 * remembered in the store, by the layer's id and what decides about the bytes. Knows nothing of the step that made the layer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/json.h"
#include "runtime/lib/list.h"
#include "runtime/lib/step.h"
#include "runtime/lib/times.h"
#include "runtime/lib/tree.h"
#include "runtime/tar/source.h"

#include "runtime/tar/compress.h"
#include "runtime/tar/media.h"
#include "runtime/tar/pack.h"
#include "runtime/tar/write.h"

static const char help[] = "Pack a layer for an image.";

struct plan {
    const char *id;             /* of the layer */
    enum compression compression;
    int level;
    enum times times;
    int64_t epoch;
    char key[DIGEST_HEX + 1];   /* of the record in the store */
};

/* The stream on its way: tar bytes come in, compressed ones go out to a file. */
struct stream {
    struct digest_state plain, packed;
    struct compressor *compressor;
    int64_t size, sent;         /* sent: so much is on its way to the disk */
    int fd;
};

enum { SEND_BYTES = 8 * 1024 * 1024 };

/* --- what is asked for --- */

static enum compression read_compression(const struct step *step)
{
    enum compression compression;
    const char *name = json_get_string(step->json, "compression", "gzip");
    if (!media_compression(name, &compression))
        die_usage("%s: compression \"%s\" is none of none, gzip, zstd", step->file, name);
    return compression;
}

static void make_key(struct plan *plan, const char *compressor)
{
    struct digest_state state;
    char text[96];
    snprintf(text, sizeof text, "%d %s %" PRId64, STEP_FORMAT, times_names[plan->times], plan->epoch);
    digest_begin(&state);
    digest_add_field(&state, "packed layer");
    digest_add_field(&state, text);
    digest_add_field(&state, plan->id);
    digest_add_field(&state, compressor);
    struct digest digest = digest_end(&state);
    digest_hex(&digest, plan->key);
}

static struct plan read_plan(const struct step *step, const struct stamp *root)
{
    char compressor[64];
    if (!root->count)
        die_usage("%s: the stamp names no layer", step->file);
    struct plan plan = {
        .id = root->ids[root->count - 1],
        .compression = read_compression(step),
        .level = (int)json_get_int(step->json, "level", COMPRESS_DEFAULT),
        .epoch = json_get_int(step->json, "epoch", 0),
    };
    const char *times = json_get_string(step->json, "times", "epoch");
    if (!times_parse(times, &plan.times))
        die_usage("%s: times \"%s\" are none of epoch, clamp, keep", step->file, times);
    if (plan.level < 0 || plan.level > COMPRESS_LEVEL_MAX)
        die_usage("%s: compression level %d is not between 1 and %d", step->file, plan.level, COMPRESS_LEVEL_MAX);
    if (compress_name(plan.compression, plan.level, compressor) < 0)
        step_die(step, "this dfgen was built without a library for %s", compression_names[plan.compression]);
    make_key(&plan, compressor);
    return plan;
}

/* --- what was packed before --- */

/* True when the record is good and its blob there. */
static bool find_packed(const struct step *step, const struct plan *plan, struct buf *descriptor)
{
    if (store_action_get(&step->store, plan->key, descriptor) < 0)
        return false;
    json_t *json = json_parse((struct span){descriptor->data, descriptor->len}, NULL);
    const char *digest = json_get_string(json, "digest", "");
    bool is_there = digest_is_valid_name(digest) && digest_is_valid_name(json_get_string(json, "diff_id", "")) &&
                    store_has_blob(&step->store, digest);
    json_decref(json);
    return is_there;
}

/* --- packing --- */

static int put_packed(void *data, const void *bytes, size_t len)
{
    struct stream *stream = data;
    digest_add(&stream->packed, bytes, len);
    stream->size += (int64_t)len;
    if (fd_write_all(stream->fd, bytes, len) < 0)
        return -1;
    /* The blob is synced before it gets its name: the disk writes while we compress, so that there is little to wait for then. */
    if (stream->size - stream->sent >= SEND_BYTES) {
        sync_file_range(stream->fd, stream->sent, stream->size - stream->sent, SYNC_FILE_RANGE_WRITE);
        stream->sent = stream->size;
    }
    return 0;
}

static void see_plain(void *data, const void *bytes, size_t len)
{
    struct stream *stream = data;
    digest_add(&stream->plain, bytes, len);
}

static int put_plain(void *data, const void *bytes, size_t len)
{
    struct stream *stream = data;
    return compress_add(stream->compressor, bytes, len);
}

static struct list *open_layer(const struct step *step, const struct stamp *root, const char *id, int *fs)
{
    autoclose int dir = store_layer_open(&step->store, id);
    const char *why = NULL;
    struct list *list = dir < 0 ? NULL : list_open_at(dir, "list", &why);
    *fs = list ? openat(dir, "fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (*fs >= 0)
        return list;
    /* Says what is missing, and sees to it that it is made again. */
    int saved = errno;
    tree_free(step_tree(step, root));
    errno = saved;
    step_die(step, why ? "the listing of layer %s is damaged:" : "cannot open layer %s:", id);
}

static char *pack(const struct step *step, const struct stamp *root, const struct plan *plan, struct stream *stream)
{
    autoclose int fs = -1;
    struct list *list = open_layer(step, root, plan->id, &fs);
    struct pack how = {fs, (int)plan->times, plan->epoch};
    struct compress_sink sink = {see_plain, put_packed, stream};
    stream->compressor = compress_open(plan->compression, plan->level, compress_threads(), &sink);
    char *error = pack_layer(&how, list, &(struct tar_sink){put_plain, stream});
    if (compress_close(stream->compressor) < 0 && !error)
        error = xstrdup(strerror(errno));
    list_close(list);
    return error;
}

static void write_descriptor(const struct plan *plan, struct stream *stream, char digest[72], struct buf *descriptor)
{
    char diff_id[72] = "sha256:";
    struct digest plain = digest_end(&stream->plain), packed = digest_end(&stream->packed);
    digest_hex(&plain, diff_id + 7);
    strcpy(digest, "sha256:");
    digest_hex(&packed, digest + 7);
    json_t *json = json_pack("{s:s, s:s, s:I, s:s}", "diff_id", diff_id, "digest", digest, "size", (json_int_t)stream->size,
                             "mediaType", media_layer_type(plan->compression, false));
    buf_clear(descriptor);
    json_write(json, descriptor);
    json_decref(json);
}

static void make_blob(struct step *step, const struct stamp *root, const struct plan *plan, struct buf *descriptor)
{
    struct store_tmp tmp;
    struct stream stream = {.fd = -1};
    char digest[72];
    if (store_tmp_make(&step->store, &tmp) < 0 ||
        (stream.fd = openat(tmp.dir, "blob", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        step_die(step, "cannot make a file in the store:");
    digest_begin(&stream.plain);
    digest_begin(&stream.packed);
    char *error = pack(step, root, plan, &stream);
    if (close(stream.fd) < 0 && !error)
        error = xstrdup(strerror(errno));
    if (error) {
        store_tmp_drop(&step->store, &tmp);
        step_die(step, "cannot pack layer %s: %s", plan->id, error);
    }
    write_descriptor(plan, &stream, digest, descriptor);
    if (store_blob_commit(&step->store, &tmp, "blob", digest) < 0 ||
        store_action_put(&step->store, plan->key, buf_text(descriptor)) < 0)
        step_die(step, "cannot put the packed layer into the store:");
    store_tmp_drop(&step->store, &tmp);
}

int main(int argc, char **argv)
{
    const char *file = step_main(argc, argv, "dfgen-layer", help);
    struct step step;
    step_load(&step, file, idmode_enter());
    struct stamp root = step_root(&step);
    struct plan plan = read_plan(&step, &root);
    struct buf descriptor = {0};
    if (!find_packed(&step, &plan, &descriptor))
        make_blob(&step, &root, &plan, &descriptor);
    step_write_out(&step, descriptor.data, descriptor.len);
    buf_free(&descriptor);
    step_close(&step);
    return EXIT_DONE;
}
