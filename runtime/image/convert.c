/*
 * Owns making another image out of one: layers unpacked and packed again, manifests and indexes written anew. What was
 * converted before is remembered in the store by its diff id and the compressor. Called by dfgen-image. Must not know
 * who wants it.
 */
#include <jansson.h>

#include "runtime/tar/source.h"

#include "runtime/image/convert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/image/layout.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/step.h"
#include "runtime/lib/store.h"
#include "runtime/tar/compress.h"
#include "runtime/tar/media.h"

enum { DOCUMENT_LIMIT = 4 * 1024 * 1024, DEPTH_MAX = 8 };

/* --- blobs --- */

static json_t *read_document(struct convert *convert, const char *digest, char **error)
{
    char name[96], *why = NULL;
    if (!digest_is_valid_name(digest)) {
        *error = xasprintf("a descriptor has no sha256 digest");
        return NULL;
    }
    store_blob_name(digest, name);
    json_t *json = json_read_at(convert->layout, name, DOCUMENT_LIMIT, &why);
    if (!json)
        *error = xasprintf("blob %s: %s", digest, why ? why : "");
    free(why);
    return json;
}

static void note(struct convert *convert, const char *digest)
{
    digests_add(convert->digests, arena_strdup(convert->step->arena, digest));
}

/* The store may have lost what the layout still has. */
static char *take_blob(struct convert *convert, const char *digest)
{
    note(convert, digest);
    if (store_has_blob(&convert->step->store, digest) ||
        layout_take(convert->step->store.dir, convert->layout, digest) == 0)
        return NULL;
    return xasprintf("cannot take blob %s: %s", digest, strerror(errno));
}

static json_t *put_document(struct convert *convert, json_t *document, const char *type, char **error)
{
    struct buf text = {0};
    char digest[72];
    json_write(document, &text);
    json_t *descriptor = NULL;
    if (store_blob_put(&convert->step->store, text.data, text.len, digest) < 0)
        *error = xasprintf("cannot write to the store: %s", strerror(errno));
    else
        descriptor = json_pack("{s:s,s:s,s:I}", "mediaType", type, "digest", digest, "size", (json_int_t)text.len);
    if (descriptor)
        note(convert, digest);
    buf_free(&text);
    return descriptor;
}

/* --- layers --- */

/* The stream on its way. */
struct stream {
    struct digest_state plain, packed;
    int64_t size;
    int fd;
};

static int put_packed(void *data, const void *bytes, size_t len)
{
    struct stream *stream = data;
    digest_add(&stream->packed, bytes, len);
    stream->size += (int64_t)len;
    return fd_write_all(stream->fd, bytes, len);
}

static void see_plain(void *data, const void *bytes, size_t len)
{
    struct stream *stream = data;
    digest_add(&stream->plain, bytes, len);
}

static char *pump(struct convert *convert, int from, enum compression old, struct stream *stream)
{
    struct compress_sink sink = {see_plain, put_packed, stream};
    struct compressor *compressor = compress_open(convert->compression, convert->level, compress_threads(), &sink);
    struct source *file = source_file(from, 0, -1), *unpacked = source_unpack(file, old),
                  *ahead = source_thread(unpacked);
    const void *piece;
    ssize_t len;
    int result = 0;
    while ((len = ahead->next(ahead, &piece)) > 0 && result == 0)
        result = compress_add(compressor, piece, (size_t)len);
    char *error = len < 0      ? xstrdup(ahead->why ? ahead->why : strerror(errno))
                  : result < 0 ? xstrdup(strerror(errno))
                               : NULL;
    source_close(ahead);
    source_close(unpacked);
    source_close(file);
    if (compress_close(compressor) < 0 && !error)
        error = xstrdup(strerror(errno));
    return error;
}

static void make_key(const struct convert *convert, const char *diff_id, char key[DIGEST_HEX + 1])
{
    struct digest_state state;
    char format[16];
    snprintf(format, sizeof format, "%d", STEP_FORMAT);
    digest_begin(&state);
    digest_add_field(&state, "converted layer");
    digest_add_field(&state, format);
    digest_add_field(&state, diff_id);
    digest_add_field(&state, convert->compressor);
    struct digest digest = digest_end(&state);
    digest_hex(&digest, key);
}

/* A descriptor of what was converted before; NULL: it was not, or is gone. */
static json_t *find_converted(const struct convert *convert, const char *key)
{
    struct buf text = {0};
    json_t *json = NULL;
    if (store_action_get(&convert->step->store, key, &text) == 0)
        json = json_parse((struct span){text.data, text.len}, NULL);
    const char *digest = json_get_string(json, "digest", "");
    if (json && !(digest_is_valid_name(digest) && store_has_blob(&convert->step->store, digest))) {
        json_decref(json);
        json = NULL;
    }
    buf_free(&text);
    return json;
}

static json_t *finish_layer(struct convert *convert, struct store_tmp *tmp, struct stream *stream, const char *diff_id,
                            const char *key, char **error)
{
    char plain[72] = "sha256:", digest[72] = "sha256:";
    struct digest seen = digest_end(&stream->plain), packed = digest_end(&stream->packed);
    struct buf text = {0};
    digest_hex(&seen, plain + 7);
    digest_hex(&packed, digest + 7);
    if (strcmp(plain, diff_id)) {
        *error = xasprintf("a layer is damaged: it unpacks to %s, its config says %s", plain, diff_id);
        return NULL;
    }
    json_t *made = json_pack("{s:s,s:I}", "digest", digest, "size", (json_int_t)stream->size);
    json_write(made, &text);
    if (store_blob_commit(&convert->step->store, tmp, "blob", digest) < 0 ||
        store_action_put(&convert->step->store, key, buf_text(&text)) < 0) {
        *error = xasprintf("cannot put a layer into the store: %s", strerror(errno));
        json_decref(made);
        made = NULL;
    }
    buf_free(&text);
    return made;
}

static json_t *make_layer(struct convert *convert, const char *digest, enum compression old, const char *diff_id,
                          const char *key, char **error)
{
    struct store *store = &convert->step->store;
    struct stream stream = {.fd = -1};
    struct store_tmp tmp;
    char name[96];
    store_blob_name(digest, name);
    autoclose int from = openat(convert->layout, name, O_RDONLY | O_CLOEXEC);
    if (from < 0 || store_tmp_make(store, &tmp) < 0) {
        *error = xasprintf("cannot read blob %s, or write to the store: %s", digest, strerror(errno));
        return NULL;
    }
    digest_begin(&stream.plain);
    digest_begin(&stream.packed);
    stream.fd = openat(tmp.dir, "blob", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *error = stream.fd < 0 ? xstrdup(strerror(errno)) : pump(convert, from, old, &stream);
    if (stream.fd >= 0 && close(stream.fd) < 0 && !*error)
        *error = xstrdup(strerror(errno));
    json_t *made = *error ? NULL : finish_layer(convert, &tmp, &stream, diff_id, key, error);
    store_tmp_drop(store, &tmp);
    return made;
}

static bool is_kept(const struct convert *convert, const char *digest)
{
    for (size_t i = 0; i < json_array_size(convert->keep); i++)
        if (!strcmp(json_string_value(json_array_get(convert->keep, i)), digest))
            return true;
    return false;
}

static json_t *convert_layer(struct convert *convert, const json_t *layer, const char *diff_id, char **error)
{
    const char *digest = json_get_string(layer, "digest", ""), *type = json_get_string(layer, "mediaType", "");
    enum compression old;
    char key[DIGEST_HEX + 1];
    if (!digest_is_valid_name(digest) || !digest_is_valid_name(diff_id) || !media_layer_compression(type, &old)) {
        *error = xasprintf("layer %s of type \"%s\" cannot be converted", digest, type);
        return NULL;
    }
    json_t *made = json_deep_copy(layer);
    if (is_kept(convert, digest)) {
        json_object_set_new(made, "mediaType", json_string(media_layer_type(old, convert->docker)));
        *error = take_blob(convert, digest);
        return made;
    }
    make_key(convert, diff_id, key);
    json_t *found = find_converted(convert, key);
    if (!found)
        found = make_layer(convert, digest, old, diff_id, key, error);
    json_object_update(made, found);
    json_object_set_new(made, "mediaType", json_string(media_layer_type(convert->compression, convert->docker)));
    if (found)
        note(convert, json_get_string(found, "digest", ""));
    json_decref(found);
    return made;
}

/* --- documents --- */

static void set_annotations(json_t *json, const json_t *annotations)
{
    json_object_del(json, "annotations");
    if (json_object_size(annotations))
        json_object_set(json, "annotations", (json_t *)(uintptr_t)annotations);
}

static json_t *convert_manifest(struct convert *convert, json_t *manifest, const json_t *annotations, char **error)
{
    json_t *config = json_object_get(manifest, "config"), *layers = json_object_get(manifest, "layers"),
           *made = json_array();
    const char *digest = json_get_string(config, "digest", "");
    json_t *document = read_document(convert, digest, error);
    const json_t *ids = json_object_get(json_object_get(document, "rootfs"), "diff_ids");
    if (!*error)
        *error = take_blob(convert, digest);
    for (size_t i = 0; i < json_array_size(layers) && !*error; i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        json_array_append_new(made, convert_layer(convert, json_array_get(layers, i), id ? id : "", error));
    }
    json_decref(document);
    json_object_set_new(manifest, "layers", made);
    json_object_set_new(config, "mediaType", json_string(convert->config_type));
    json_object_set_new(manifest, "mediaType", json_string(convert->manifest_type));
    set_annotations(manifest, annotations);
    return *error ? NULL : put_document(convert, manifest, convert->manifest_type, error);
}

static json_t *convert_one(struct convert *convert, const json_t *descriptor, const json_t *annotations, int depth,
                           char **error);

static json_t *convert_index(struct convert *convert, json_t *index, const json_t *annotations, int depth, char **error)
{
    json_t *entries = json_object_get(index, "manifests"), *made = json_array();
    for (size_t i = 0; i < json_array_size(entries) && !*error; i++) {
        const json_t *old = json_array_get(entries, i), *about = json_array_get(convert->manifests, i);
        json_t *one = convert_one(convert, old, json_object_get(about, "annotations"), depth + 1, error);
        json_t *entry = json_deep_copy(old);
        json_object_update(entry, one);
        set_annotations(entry, json_object_get(about, "descriptor_annotations"));
        json_decref(one);
        json_array_append_new(made, entry);
    }
    json_object_set_new(index, "manifests", made);
    json_object_set_new(index, "mediaType", json_string(convert->index_type));
    set_annotations(index, annotations);
    return *error ? NULL : put_document(convert, index, convert->index_type, error);
}

static json_t *convert_one(struct convert *convert, const json_t *descriptor, const json_t *annotations, int depth,
                           char **error)
{
    if (depth > DEPTH_MAX) {
        *error = xasprintf("indexes are nested too deep");
        return NULL;
    }
    json_t *document = read_document(convert, json_get_string(descriptor, "digest", ""), error), *made = NULL;
    if (document && json_object_get(document, "manifests"))
        made = convert_index(convert, document, annotations, depth, error);
    else if (document)
        made = convert_manifest(convert, document, annotations, error);
    json_decref(document);
    return made;
}

json_t *convert_image(struct convert *convert, const json_t *descriptor, char **error)
{
    *error = NULL;
    if (compress_name(convert->compression, convert->level, convert->compressor) < 0) {
        *error = xasprintf("this dfgen was built without a library for %s", compression_names[convert->compression]);
        return NULL;
    }
    return convert_one(convert, descriptor, convert->annotations, 0, error);
}
