/*
 * Owns the way from an archive to a tree. Called by dfgen-copy's main. The one file of this room that knows tar; must
 * not know where the entries go.
 */
#include "runtime/lib/list.h"

#include "runtime/copy/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/store.h"
#include "runtime/tar/read.h"
#include "runtime/tar/source.h"
#include "runtime/tar/unpack.h"

enum { ID_SIZE = 80 };

/* Raised when the same archive would unpack to something else. */
static const char format[] = "archive 3";

static void make_key(const struct entry *file, char key[DIGEST_HEX + 1])
{
    char hex[DIGEST_HEX + 1];
    struct digest_state state;
    digest_hex(&file->digest, hex);
    digest_begin(&state);
    digest_add_field(&state, format);
    digest_add_field(&state, hex);
    struct digest digest = digest_end(&state);
    digest_hex(&digest, key);
}

static struct tree *open_layer(const struct store *store, const char *id, char **error)
{
    struct tree *tree = store_tree(store, &id, 1, NULL);
    if (!tree)
        *error = xasprintf("cannot open its layer: %s", strerror(errno));
    return tree;
}

/* What an earlier step made of the same bytes. */
static struct tree *find_done(const struct store *store, const char *key)
{
    struct buf record = {0};
    struct tree *tree = NULL;
    if (store_action_get(store, key, &record) == 0) {
        char *id = buf_take(&record);
        id[strcspn(id, "\n")] = 0;
        const char *ids[] = {id};
        if (store_has_layer(store, id))
            tree = store_tree(store, ids, 1, NULL);
        free(id);
    }
    buf_free(&record);
    return tree;
}

/* --- unpacking --- */

struct passing {
    struct digest_state state;
    int64_t size;
};

static int see(void *data, const void *piece, size_t len)
{
    struct passing *passing = data;
    digest_add(&passing->state, piece, len);
    passing->size += (int64_t)len;
    return 0;
}

/* The bytes that were unpacked are those that the plan knows, to the last. */
static char *check(struct source *bytes, struct passing *passing, const struct entry *file, char *error)
{
    const void *piece;
    ssize_t len;
    while ((len = bytes->next(bytes, &piece)) > 0)
        ;
    struct digest digest = digest_end(&passing->state);
    bool is_same = !len && passing->size == file->size && !memcmp(digest.bytes, file->digest.bytes, DIGEST_SIZE);
    if (is_same)
        return error;
    free(error);
    return xstrdup("changed while it was read");
}

static char *unpack(const struct store *store, int fd, const struct entry *file, int fs, struct buf *listing)
{
    char magic[COMPRESSION_MAGIC];
    struct passing passing = {.size = 0};
    struct unpack how = {
        .fs = fs,
        .is_root = store->mode == MODE_ROOT,
        .can_chown = store->mode != MODE_SINGLE,
        .is_archive = true,
        .packed = file->size,
    };
    ssize_t len = pread(fd, magic, sizeof magic, 0);
    if (len < 0)
        return xstrdup(strerror(errno));
    digest_begin(&passing.state);
    struct source *bytes = source_file(fd, 0, -1);
    struct source *seen = source_tap(bytes, see, &passing);
    struct source *plain = source_unpack(seen, compression_sniff(magic, (size_t)len));
    struct tar_reader *tar = tar_open_source(plain);
    char *error = unpack_layer(&how, tar, listing);
    tar_close(tar);
    source_close(plain);
    error = check(seen, &passing, file, error);
    source_close(seen);
    source_close(bytes);
    return error;
}

static char *make_layer(struct store *store, struct store_tmp *tmp, int fd, const struct entry *file, char id[ID_SIZE])
{
    struct buf listing = {0};
    if (mkdirat(tmp->dir, "layer", 0755) < 0 || mkdirat(tmp->dir, "layer/fs", 0755) < 0)
        return xasprintf("cannot make a folder in the store: %s", strerror(errno));
    autoclose int fs = openat(tmp->dir, "layer/fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *error = fs < 0 ? xstrdup(strerror(errno)) : unpack(store, fd, file, fs, &listing);
    if (!error) {
        struct digest digest = digest_of(listing.data, listing.len);
        strcpy(id, "tree:");
        digest_hex(&digest, id + 5);
        if (file_write_at(tmp->dir, "layer/list", listing.data, listing.len, 0644) < 0 ||
            store_layer_commit(store, tmp, "layer", id) < 0)
            error = xasprintf("cannot put it into the store: %s", strerror(errno));
    }
    buf_free(&listing);
    return error;
}

struct tree *archive_open(struct store *store, int fd, const struct entry *file, char **error)
{
    char key[DIGEST_HEX + 1], id[ID_SIZE];
    struct store_tmp tmp;
    make_key(file, key);
    struct tree *tree = find_done(store, key);
    if (tree || !tar_detect(fd))
        return tree;
    if (store_tmp_make(store, &tmp) < 0) {
        *error = xasprintf("cannot make a folder in the store: %s", strerror(errno));
        return NULL;
    }
    *error = make_layer(store, &tmp, fd, file, id);
    store_tmp_drop(store, &tmp);
    if (*error)
        return NULL;
    char *record = xasprintf("%s\n", id);
    store_action_put(store, key, record);
    free(record);
    return open_layer(store, id, error);
}
