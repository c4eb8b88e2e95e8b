/*
 * Owns the store's single files: blobs by digest, records by key, and the folders of cache mounts. Called by helpers and gen.
 * Must not know what a blob or a record says.
 */
#include "runtime/lib/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"

enum { RECORD_LIMIT = 16 * 1024 * 1024 };

/* --- blobs --- */

void store_blob_name(const char *digest, char name[96])
{
    const char *colon = strchr(digest, ':');
    snprintf(name, 96, "blobs/sha256/%.64s", colon ? colon + 1 : digest);
}

static bool make_name(const char *digest, char name[96])
{
    if (!digest_is_valid_name(digest)) {
        errno = EINVAL;
        return false;
    }
    store_blob_name(digest, name);
    return true;
}

int store_blob_open(const struct store *store, const char *digest)
{
    char name[96];
    struct stat st;
    if (!make_name(digest, name))
        return -1;
    autoclose int fd = openat(store->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    return fd_take(&fd);
}

bool store_has_blob(const struct store *store, const char *digest)
{
    char name[96];
    struct stat st;
    return make_name(digest, name) && fstatat(store->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

int store_blob_commit(struct store *store, const struct store_tmp *tmp, const char *file, const char *digest)
{
    char name[96];
    struct stat st;
    if (!make_name(digest, name))
        return -1;
    autoclose int fd = openat(tmp->dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    /* Replaces one that is there: the same bytes, unless a disk has lost some. */
    if (fchmod(fd, 0444) < 0 || fdatasync(fd) < 0)
        return -1;
    return renameat(tmp->dir, file, store->dir, name);
}

static bool has_same_blob(const struct store *store, const char *digest, const void *data, size_t len)
{
    struct buf old = {0};
    autoclose int fd = store_blob_open(store, digest);
    bool is_same = fd >= 0 && fd_read_all(fd, &old, len) == 0 && old.len == len && (!len || !memcmp(old.data, data, len));
    buf_free(&old);
    return is_same;
}

static int put_blob(struct store *store, const void *data, size_t len, const char *digest)
{
    struct store_tmp tmp;
    if (store_tmp_make(store, &tmp) < 0)
        return -1;
    int result = file_write_at(tmp.dir, "blob", data, len, 0600);
    if (result == 0)
        result = store_blob_commit(store, &tmp, "blob", digest);
    int saved = errno;
    store_tmp_drop(store, &tmp);
    errno = saved;
    return result;
}

int store_blob_put(struct store *store, const void *data, size_t len, char digest[72])
{
    struct digest sum = digest_of(data, len);
    memcpy(digest, "sha256:", 7);
    digest_hex(&sum, digest + 7);
    return has_same_blob(store, digest, data, len) ? 0 : put_blob(store, data, len, digest);
}

/* --- records: the first line is the sum of key and record, so that a torn one is none --- */

static bool make_record_name(const char *key, char name[80])
{
    struct digest digest;
    if (strlen(key) != DIGEST_HEX || !digest_parse(key, &digest)) {
        errno = EINVAL;
        return false;
    }
    snprintf(name, 80, "actions/%s", key);
    return true;
}

static void sum_record(const char *key, const char *record, size_t len, char hex[DIGEST_HEX + 1])
{
    struct digest_state state;
    digest_begin(&state);
    digest_add_field(&state, key);
    digest_add(&state, record, len);
    struct digest digest = digest_end(&state);
    digest_hex(&digest, hex);
}

int store_action_get(const struct store *store, const char *key, struct buf *record)
{
    char name[80], hex[DIGEST_HEX + 1];
    struct buf text = {0};
    enum { HEAD = DIGEST_HEX + 1 };
    if (!make_record_name(key, name))
        return -1;
    int result = file_read_at(store->dir, name, &text, RECORD_LIMIT);
    if (result == 0) {
        if (text.len >= HEAD)
            sum_record(key, text.data + HEAD, text.len - HEAD, hex);
        if (text.len >= HEAD && !memcmp(text.data, hex, DIGEST_HEX) && text.data[DIGEST_HEX] == '\n') {
            buf_add(record, text.data + HEAD, text.len - HEAD);
        } else {
            errno = ENOENT;
            result = -1;
        }
    }
    buf_free(&text);
    return result;
}

int store_action_put(struct store *store, const char *key, const char *record)
{
    char name[80], hex[DIGEST_HEX + 1], temporary[48];
    struct buf text = {0};
    uint64_t number;
    if (!make_record_name(key, name) || getrandom(&number, sizeof number, 0) != sizeof number)
        return -1;
    sum_record(key, record, strlen(record), hex);
    buf_printf(&text, "%s\n%s", hex, record);
    /* A sweep takes it when it has lain there for minutes. */
    snprintf(temporary, sizeof temporary, "tmp/record-%016llx", (unsigned long long)number);
    int result = file_make_at(store->dir, temporary, text.data, text.len, 0444);
    if (result == 0)
        result = renameat(store->dir, temporary, store->dir, name);
    int saved = errno;
    if (result < 0)
        unlinkat(store->dir, temporary, 0);
    buf_free(&text);
    errno = saved;
    return result;
}

/* --- cache mounts --- */

int store_cache_open(struct store *store, const char *id, bool *made)
{
    char name[80], hex[DIGEST_HEX + 1];
    struct digest digest = digest_of(id, strlen(id));
    digest_hex(&digest, hex);
    snprintf(name, sizeof name, "cache/%s", hex);
    bool is_new = mkdirat(store->dir, name, 0755) == 0;
    if (!is_new && errno != EEXIST)
        return -1;
    if (made)
        *made = is_new;
    return openat(store->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}
