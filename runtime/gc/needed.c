/*
 * Owns the question what of the store is needed. Called by dfgen-gc, which has the store for itself. Must not know how
 * anything is removed. Files of a build folder are not understood, only searched for digests: a new kind of file can be forgotten here no
 * more than an old one.
 */
#include "runtime/gc/needed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/store.h"

/* An index, manifest or config is no larger; a layer's blob is no text. */
enum { TEXT_LIMIT = 8 * 1024 * 1024, FILE_LIMIT = 256 * 1024 * 1024, ROOT_LIMIT = PATH_MAX + 1 };

struct finding {
    const struct store *store;
    struct digest_set *set;     /* where digests go */
};

/* --- from one blob to those that it names --- */

static void see_digest(void *data, const struct digest *digest);

static void follow_blob(struct finding *finding, const struct digest *digest)
{
    char name[8 + DIGEST_HEX] = "sha256:";
    struct stat st;
    struct buf text = {0};
    digest_hex(digest, name + 7);
    autoclose int fd = store_blob_open(finding->store, name);
    char first;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > TEXT_LIMIT || pread(fd, &first, 1, 0) != 1 || first != '{')
        return;
    if (fd_read_all(fd, &text, TEXT_LIMIT) == 0)
        digests_in(buf_text(&text), text.len, see_digest, finding);
    buf_free(&text);
}

static void see_digest(void *data, const struct digest *digest)
{
    struct finding *finding = data;
    if (digest_set_add(finding->set, digest))
        follow_blob(finding, digest);
}

/* --- build folders --- */

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && !strcmp(name + len - end_len, end);
}

static bool may_name_digests(const char *name)
{
    return ends_with(name, ".json") || ends_with(name, ".stamp") || ends_with(name, ".layer");
}

/* What is made of images stands by itself, and may be as large as they are. No stage's folder is called so (gen/opts.c). */
static bool is_result(const char *name)
{
    return !strcmp(name, "images") || !strcmp(name, "rootfs") || !strcmp(name, "bundle");
}

/* 0, or -1 with errno. */
static int search_folder(struct finding *finding, int fd)
{
    DIR *stream = fdopendir(fd);
    int result = stream ? 0 : -1;
    if (!stream)
        close(fd);
    for (struct dirent *entry; result == 0 && (errno = 0, entry = readdir(stream));) {
        struct stat st;
        struct buf text = {0};
        const char *name = entry->d_name;
        if (!strcmp(name, ".") || !strcmp(name, "..") || fstatat(dirfd(stream), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && !is_result(name)) {
            int below = openat(dirfd(stream), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            result = below < 0 && errno == ENOENT ? 0 : below < 0 ? -1 : search_folder(finding, below);
        } else if (S_ISREG(st.st_mode) && may_name_digests(name)) {
            result = file_read_at(dirfd(stream), name, &text, FILE_LIMIT);
            /* The build around may be at work. */
            if (result < 0 && errno == ENOENT)
                result = 0;
            else if (result == 0)
                digests_in(buf_text(&text), text.len, see_digest, finding);
            buf_free(&text);
        }
    }
    int saved = errno;
    if (stream)
        closedir(stream);
    errno = saved;
    return result < 0 || saved ? -1 : 0;
}

/* One of roots/. */
static char *search_root(struct finding *finding, struct needed *needed, int roots, const char *name, bool is_dry)
{
    struct buf path = {0};
    char *error = NULL;
    if (file_read_at(roots, name, &path, ROOT_LIMIT) < 0)
        error = xasprintf("cannot read %s/roots/%s: %s", finding->store->path, name, strerror(errno));
    if (error || !path.len || path.data[0] != '/') {
        /* Torn by a power failure: generating writes it again. */
        buf_free(&path);
        return error;
    }
    char *state = xasprintf("%s/.dfgen", buf_text(&path));
    int fd = open(state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool is_gone = fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP);
    if (is_gone) {
        needed->gone++;
        if (!is_dry)
            unlinkat(roots, name, 0);
    } else if (fd < 0 || search_folder(finding, fd) < 0) {
        error = xasprintf("the build folder %s uses this store and cannot be read: %s; remove %s/roots/%s if it is no more",
                          buf_text(&path), strerror(errno), finding->store->path, name);
    } else {
        needed->folders++;
    }
    free(state);
    buf_free(&path);
    return error;
}

static char *search_roots(struct finding *finding, struct needed *needed, bool is_dry)
{
    char *error = NULL;
    DIR *roots = dir_stream_at(finding->store->dir, "roots");
    for (struct dirent *entry; roots && !error && (entry = readdir(roots));)
        if (entry->d_name[0] != '.')
            error = search_root(finding, needed, dirfd(roots), entry->d_name, is_dry);
    if (roots)
        closedir(roots);
    return error;
}

/* --- images --- */

static char *search_index(struct finding *finding)
{
    struct buf text = {0};
    char *error = NULL;
    if (file_read_at(finding->store->dir, "index.json", &text, FILE_LIMIT) == 0)
        digests_in(buf_text(&text), text.len, see_digest, finding);
    else if (errno != ENOENT)
        error = xasprintf("cannot read %s/index.json: %s", finding->store->path, strerror(errno));
    buf_free(&text);
    return error;
}

static bool have_common(const struct digest_set *one, const struct digest_set *other)
{
    for (size_t i = 0; i < one->room; i++)
        if (one->taken[i] && digest_set_has(other, &one->slots[i]))
            return true;
    return false;
}

static void add_all(struct digest_set *set, const struct digest_set *more)
{
    for (size_t i = 0; i < more->room; i++)
        if (more->taken[i])
            digest_set_add(set, &more->slots[i]);
}

/* A build folder names layers of its bases, not their manifests, which gen asks for when it runs again. */
static void search_refs(const struct finding *finding, struct needed *needed)
{
    DIR *refs = dir_stream_at(finding->store->dir, "refs");
    for (struct dirent *entry; refs && (entry = readdir(refs));) {
        struct digest_set image = {0};
        struct finding inner = {finding->store, &image};
        struct buf text = {0};
        struct digest name;
        if (strlen(entry->d_name) != DIGEST_HEX || !digest_parse(entry->d_name, &name))
            continue;
        if (file_read_at(dirfd(refs), entry->d_name, &text, TEXT_LIMIT) == 0)
            digests_in(buf_text(&text), text.len, see_digest, &inner);
        if (have_common(&image, &needed->digests)) {
            add_all(&needed->digests, &image);
            digest_set_add(&needed->refs, &name);
        }
        digest_set_free(&image);
        buf_free(&text);
    }
    if (refs)
        closedir(refs);
}

char *needed_find(const struct store *store, struct needed *needed, bool is_dry)
{
    struct finding finding = {store, &needed->digests};
    char *error = search_roots(&finding, needed, is_dry);
    if (!error)
        error = search_index(&finding);
    if (!error)
        search_refs(&finding, needed);
    return error;
}

void needed_free(struct needed *needed)
{
    digest_set_free(&needed->digests);
    digest_set_free(&needed->refs);
}
