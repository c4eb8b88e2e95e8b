/*
 * Owns the store's folders: where the store is, opening and making it, work in progress. Called by every helper and by gen. Layers
 * and blobs have their own files (store_layer.c, store_blob.c). Must not know what a step is.
 *
 * Nothing here is made durable for its own sake: what a power failure can tear is checked when it is read (a listing by its layer's
 * name, a record by its sum, a layer's files by their sizes after a boot) and made again. Blobs are synced, since others read them.
 */
#include "runtime/lib/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"

enum { SWEEP_SECONDS = 300 };

const char *const id_mode_names[] = {"root", "subuid", "single"};

/* --- where it is --- */

static char *join_if_set(const char *variable, const char *rest)
{
    const char *value = getenv(variable);
    return value && *value ? xasprintf("%s%s", value, rest) : NULL;
}

char *store_default_path(void)
{
    char *path = join_if_set("DFGEN_STORE", "");
    if (!path)
        path = join_if_set("XDG_CACHE_HOME", "/dfgen");
    return path ? path : join_if_set("HOME", "/.cache/dfgen");
}

/* --- making it --- */

/* A file that is written once: whoever comes second leaves it alone. */
struct once {
    const char *name;
    const void *data;
    size_t len;
    mode_t mode;
};

static int put_once(const struct store *store, const struct once *file)
{
    struct store_tmp tmp;
    if (faccessat(store->dir, file->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    if (store_tmp_make(store, &tmp) < 0)
        return -1;
    int result = file_write_at(tmp.dir, file->name, file->data, file->len, file->mode);
    if (result == 0 && linkat(tmp.dir, file->name, store->dir, file->name, 0) < 0 && errno != EEXIST)
        result = -1;
    int saved = errno;
    store_tmp_drop(store, &tmp);
    errno = saved;
    return result;
}

/* A store that is there is looked at, too: what somebody has removed by hand is made again. */
static int make_missing(const struct store *store)
{
    static const char *const folders[] = {"tmp", "blobs/sha256", "actions", "index", "cache"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (faccessat(store->dir, folders[i], F_OK, 0) < 0 && dir_make_at(store->dir, folders[i], 0755) < 0)
            return -1;
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}\n";
    static const char index[] = "{\"manifests\":[],\"schemaVersion\":2}\n";
    const struct once files[] = {
        {"oci-layout", layout, sizeof layout - 1, 0644}, {"index.json", index, sizeof index - 1, 0644},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (put_once(store, &files[i]) < 0)
            return -1;
    return 0;
}

/* Parents as others would make them, the store itself for its owner alone. */
static int make_root(const char *path)
{
    char *parent = xstrdup(path);
    char *end = parent + strlen(parent);
    while (end > parent && end[-1] == '/')
        *--end = 0;
    char *slash = strrchr(parent, '/');
    int result = 0;
    if (slash && slash > parent) {
        *slash = 0;
        result = dir_make_at(AT_FDCWD, parent, 0777);
    }
    free(parent);
    if (result == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
        result = -1;
    return result;
}

/* Whoever can write here decides what is built. */
static int check_owner(int dir)
{
    struct stat st;
    if (fstat(dir, &st) < 0)
        return -1;
    if (st.st_uid == geteuid() && !(st.st_mode & 022))
        return 0;
    errno = EPERM;
    return -1;
}

static int open_root(const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 && errno == ENOENT && make_root(path) == 0)
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir;
}

static int lock_wait(int fd, int operation)
{
    int result;
    do
        result = flock(fd, operation);
    while (result < 0 && errno == EINTR);
    return result;
}

/* Shared with all but a gc. */
static int open_lock(int dir)
{
    autoclose int lock = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return lock < 0 || lock_wait(lock, LOCK_SH) < 0 ? -1 : fd_take(&lock);
}

static int open_parts(struct store *store)
{
    char layers[32];
    snprintf(layers, sizeof layers, "layers/%s", id_mode_names[store->mode]);
    if (check_owner(store->dir) < 0)
        return -1;
    /* The lock comes first: a gc may be taking things away. */
    store->lock = open_lock(store->dir);
    if (store->lock < 0 || make_missing(store) < 0)
        return -1;
    store->layers = openat(store->dir, layers, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (store->layers < 0 && errno == ENOENT && dir_make_at(store->dir, layers, 0755) == 0)
        store->layers = openat(store->dir, layers, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return store->layers < 0 ? -1 : 0;
}

/* --- sweeping --- */

/* Nobody holds its lock: nobody works in it. The lock is kept while it is removed, so that its maker, should it be just about to lock it, waits. */
static void sweep_one(int tmp, const char *name)
{
    autoclose int dir = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (dir >= 0) {
        /* What the sub-ids of another mode own cannot always be removed: a sweep in that mode will. */
        if (flock(dir, LOCK_EX | LOCK_NB) == 0)
            tree_remove_at(tmp, name);
    } else if (errno == ENOTDIR && fstatat(tmp, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
               st.st_mtime < time(NULL) - SWEEP_SECONDS) {
        unlinkat(tmp, name, 0);
    }
}

static void sweep(int tmp)
{
    DIR *stream = fdopendir(fcntl(tmp, F_DUPFD_CLOEXEC, 0));
    if (!stream)
        return;
    rewinddir(stream);
    for (struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.')
            sweep_one(tmp, entry->d_name);
    closedir(stream);
}

void store_tmp_sweep(const struct store *store)
{
    autoclose int tmp = openat(store->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (tmp >= 0)
        sweep(tmp);
}

/* Every few minutes, by whoever comes along: the time of tmp/.swept tells. */
static void sweep_if_due(struct store *store)
{
    autoclose int tmp = openat(store->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    time_t now = time(NULL);
    if (tmp < 0)
        return;
    bool is_known = fstatat(tmp, ".swept", &st, AT_SYMLINK_NOFOLLOW) == 0;
    /* The disk's clock may be a tick ahead of time(). */
    if (is_known && st.st_mtime <= now + 1 && now - st.st_mtime < SWEEP_SECONDS)
        return;
    autoclose int mark = openat(tmp, ".swept", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (mark < 0 || flock(mark, LOCK_EX | LOCK_NB) < 0)
        return;
    futimens(mark, NULL);
    /* A store that was just made has nothing to sweep. */
    if (is_known)
        sweep(tmp);
}

/* --- opening --- */

int store_open(struct store *store, const char *path, enum id_mode mode)
{
    *store = (struct store){.mode = mode, .layers = -1, .lock = -1, .dir = open_root(path)};
    if (store->dir < 0)
        return -1;
    if (open_parts(store) < 0) {
        int saved = errno;
        store_close(store);
        errno = saved;
        return -1;
    }
    store->path = xstrdup(path);
    sweep_if_due(store);
    return 0;
}

void store_close(struct store *store)
{
    int fds[] = {store->dir, store->layers, store->lock};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(store->path);
    *store = (struct store){.dir = -1, .layers = -1, .lock = -1};
}

/* --- build folders --- */

int store_hold(const char *path, const char *folder)
{
    struct digest digest = digest_of(folder, strlen(folder));
    char name[sizeof "roots/" + DIGEST_HEX] = "roots/";
    autoclose int dir = open_root(path);
    if (dir < 0 || check_owner(dir) < 0)
        return -1;
    autoclose int lock = open_lock(dir);
    digest_hex(&digest, name + strlen(name));
    if (lock < 0)
        return -1;
    /* One that a power failure tore is written again. */
    if ((mkdirat(dir, "roots", 0755) < 0 && errno != EEXIST) ||
        file_write_if_changed_at(dir, name, folder, strlen(folder), NULL) < 0)
        return -1;
    return fd_take(&lock);
}

/* --- work in progress --- */

int store_tmp_make(const struct store *store, struct store_tmp *tmp)
{
    for (int tries = 0; tries < 100; tries++) {
        uint64_t number;
        tmp->dir = -1;
        if (getrandom(&number, sizeof number, 0) != sizeof number)
            return -1;
        snprintf(tmp->name, sizeof tmp->name, "tmp/%016llx", (unsigned long long)number);
        if (mkdirat(store->dir, tmp->name, 0755) < 0) {
            if (errno == EEXIST)
                continue;
            return -1;
        }
        autoclose int dir = openat(store->dir, tmp->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        /* A sweep may have come between making and locking. */
        if (dir < 0 && errno == ENOENT)
            continue;
        if (dir < 0 || lock_wait(dir, LOCK_EX) < 0)
            return -1;
        if (file_is_at(store->dir, tmp->name, dir)) {
            tmp->dir = fd_take(&dir);
            return 0;
        }
    }
    errno = EAGAIN;
    return -1;
}

void store_tmp_drop(const struct store *store, struct store_tmp *tmp)
{
    if (tmp->dir < 0)
        return;
    /* What cannot be removed from here is left to a sweep. */
    tree_remove_at(store->dir, tmp->name);
    close(tmp->dir);
    tmp->dir = -1;
}

/* --- salt --- */

/* Of another length: a power failure tore it. */
static int read_salt(const struct store *store, uint8_t salt[STORE_SALT])
{
    struct stat st;
    autoclose int file = openat(store->dir, "salt", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 || fstat(file, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) {
        errno = EPERM;
        return -1;
    }
    if (st.st_size != STORE_SALT && unlinkat(store->dir, "salt", 0) == 0) {
        errno = ENOENT;
        return -1;
    }
    return fd_pread_all(file, salt, STORE_SALT, 0);
}

int store_salt(const struct store *store, uint8_t salt[STORE_SALT])
{
    if (read_salt(store, salt) == 0)
        return 0;
    if (errno != ENOENT || getrandom(salt, STORE_SALT, 0) != STORE_SALT)
        return -1;
    const struct once file = {"salt", salt, STORE_SALT, 0600};
    /* Another process may have been first: what stands there counts. */
    return put_once(store, &file) < 0 ? -1 : read_salt(store, salt);
}
