/*
 * Owns layers in the store: moving them in, opening them, and throwing out those that a crash has torn. Called by helpers. Knows
 * a layer's listing, and that its files lie in "fs"; must not know how they got there.
 */
#include "runtime/lib/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/copytree.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/tree.h"

/* Where the kernel names this boot. */
static const char boot_file[] = "/proc/sys/kernel/random/boot_id";

enum { LAYER_PATH = 96 };

struct boot {
    char name[64];
};

bool store_id_is_valid(const char *id)
{
    struct digest digest;
    size_t prefix = !strncmp(id, "sha256:", 7) ? 7 : !strncmp(id, "tree:", 5) ? 5 : 0;
    return prefix && strlen(id) == prefix + DIGEST_HEX && digest_parse(id + prefix, &digest);
}

void store_layer_name(const char *id, char name[80])
{
    snprintf(name, 80, "%s", id);
    char *colon = strchr(name, ':');
    if (colon)
        *colon = '-';
}

/* "sha256-HEX/PART" */
static void part_name(const char *id, const char *part, char name[LAYER_PATH])
{
    char folder[80];
    store_layer_name(id, folder);
    snprintf(name, LAYER_PATH, "%s/%s", folder, part);
}

bool store_has_layer(const struct store *store, const char *id)
{
    char name[LAYER_PATH];
    struct stat st;
    part_name(id, "list", name);
    return store_id_is_valid(id) && fstatat(store->layers, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode) && st.st_size > 0;
}

int store_layer_open(const struct store *store, const char *id)
{
    char name[80];
    store_layer_name(id, name);
    if (!store_id_is_valid(id)) {
        errno = EINVAL;
        return -1;
    }
    return openat(store->layers, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* --- what a power failure may have done --- */

/*
 * File systems keep the order of names, but not that of data: after a power failure a file may be there and short. So each layer says
 * in which boot it was last known to be whole; in another boot its files' sizes are compared with its listing, once.
 */
static void read_boot(struct boot *boot)
{
    autoclose int fd = open(boot_file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, boot->name, sizeof boot->name - 1);
    boot->name[got > 0 ? got : 0] = 0;
    boot->name[strcspn(boot->name, "\n")] = 0;
}

/* As a link's target, which is found and read in one call: a root may have hundreds of layers. */
static bool is_of_boot(int dir, const char *name, const struct boot *boot)
{
    char known[sizeof boot->name];
    ssize_t len = readlinkat(dir, name, known, sizeof known);
    return len > 0 && (size_t)len == strlen(boot->name) && !memcmp(known, boot->name, (size_t)len);
}

static bool is_of_size(int fs, const struct entry *entry)
{
    struct stat st;
    if (fstatat(fs, entry->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        /* A folder of a sub-id may be closed to us; what cannot be looked at is not known to be wrong. */
        return errno == EACCES;
    return S_ISREG(st.st_mode) && st.st_size == entry->size;
}

static bool has_all_files(const struct list *list, int fs)
{
    bool is_whole = true;
    struct arena arena = {0};
    struct entry entry;
    for (size_t i = 0; i < list_count(list) && is_whole; i++) {
        if (list_type(list, i) != ENTRY_FILE)
            continue;
        list_entry(list, i, &arena, &entry);
        is_whole = is_of_size(fs, &entry);
    }
    arena_free(&arena);
    return is_whole;
}

/* boot: this one's name. "" when it cannot be told: then every layer is looked at every time. */
static bool is_whole(const struct store *store, const char *id, const struct list *list, int fs, const struct boot *boot)
{
    char name[LAYER_PATH];
    part_name(id, "boot", name);
    if (is_of_boot(store->layers, name, boot))
        return true;
    if (!has_all_files(list, fs))
        return false;
    /* Only a hint: when it cannot be written, the next one looks again. */
    if (*boot->name) {
        unlinkat(store->layers, name, 0);
        symlinkat(boot->name, store->layers, name);
    }
    return true;
}

/* Out of the way in one step, so that nobody sees half of it; a sweep removes it if we do not come to it. */
static void discard(const struct store *store, const char *id)
{
    char name[80];
    struct store_tmp tmp;
    struct store own = *store;
    store_layer_name(id, name);
    if (store_tmp_make(&own, &tmp) < 0)
        return;
    renameat(store->layers, name, tmp.dir, "layer");
    store_tmp_drop(&own, &tmp);
}

/* --- moving in --- */

/* It has what a layer has, and says which boot it is from. */
static int complete(int dir, const char *id)
{
    struct stat st;
    struct boot boot;
    autoclose int list = openat(dir, "list", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (!store_id_is_valid(id) || list < 0 || fstat(list, &st) < 0 || !S_ISREG(st.st_mode) ||
        fstatat(dir, "fs", &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    /* No name to check this one's listing by. */
    if (!strncmp(id, "sha256:", 7) && fdatasync(list) < 0)
        return -1;
    read_boot(&boot);
    return *boot.name && symlinkat(boot.name, dir, "boot") < 0 && errno != EEXIST ? -1 : 0;
}

/* What cannot be moved since it lies on a file system of its own (sandbox/scratch.h), copied: the same two parts. */
static int copy_parts(const struct store_tmp *tmp, const char *name, const char *copy)
{
    char list[80], copied[80], fs[80], copied_fs[80];
    snprintf(list, sizeof list, "%s/list", name);
    snprintf(copied, sizeof copied, "%s/list", copy);
    snprintf(fs, sizeof fs, "%s/fs", name);
    snprintf(copied_fs, sizeof copied_fs, "%s/fs", copy);
    if (mkdirat(tmp->dir, copy, 0755) < 0 || file_link_or_copy_at(tmp->dir, list, tmp->dir, copied, 0444) < 0)
        return -1;
    return tree_copy_at(tmp->dir, fs, tmp->dir, copied_fs);
}

int store_layer_commit(struct store *store, const struct store_tmp *tmp, const char *name, const char *id)
{
    char layer[80];
    autoclose int dir = openat(tmp->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 || complete(dir, id) < 0)
        return -1;
    store_layer_name(id, layer);
    if (renameat(tmp->dir, name, store->layers, layer) == 0)
        return 0;
    if (errno == EBUSY || errno == EXDEV) {
        static const char copy[] = "moved";
        return !strcmp(name, copy) || copy_parts(tmp, name, copy) < 0 ? -1 : store_layer_commit(store, tmp, copy, id);
    }
    if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
        return -1;
    /* Somebody else made the same and was first. */
    if (store_has_layer(store, id))
        return 0;
    discard(store, id);
    return renameat(tmp->dir, name, store->layers, layer);
}

/* --- trees --- */

/* A made layer is called by its listing's digest, so a torn listing shows. */
static bool is_named_so(const struct list *list, const char *id)
{
    char hex[DIGEST_HEX + 1];
    if (strncmp(id, "tree:", 5))
        return true;
    struct digest digest = list_digest(list);
    digest_hex(&digest, hex);
    return !strcmp(hex, id + 5);
}

/* Put one layer on the tree. ENOENT: it is not there, or was damaged and is no more. */
static int add_layer(const struct store *store, struct tree *tree, const char *id, const struct boot *boot)
{
    char list_name[LAYER_PATH], fs_name[LAYER_PATH];
    part_name(id, "list", list_name);
    part_name(id, "fs", fs_name);
    struct list *list = list_open_at(store->layers, list_name, NULL);
    autoclose int fs = list ? openat(store->layers, fs_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (list && fs >= 0 && is_named_so(list, id) && is_whole(store, id, list, fs, boot)) {
        tree_add_layer(tree, list, fd_take(&fs));
        return 0;
    }
    /* The machine's failures (no descriptors, no memory, no permission) are no damage. */
    bool is_damaged = fs >= 0 || errno == EINVAL || errno == ENOTDIR || errno == ELOOP || (list && errno == ENOENT);
    int saved = is_damaged ? ENOENT : errno;
    list_close(list);
    if (is_damaged)
        discard(store, id);
    errno = saved;
    return -1;
}

struct tree *store_tree(const struct store *store, const char *const *ids, size_t count, const char **missing)
{
    struct tree *tree = tree_new();
    struct boot boot;
    read_boot(&boot);
    for (size_t i = 0; i < count && tree; i++) {
        if (store_id_is_valid(ids[i]) ? add_layer(store, tree, ids[i], &boot) == 0 : (errno = EINVAL, false))
            continue;
        if (missing)
            *missing = ids[i];
        int saved = errno;
        tree_free(tree);
        tree = NULL;
        errno = saved;
    }
    return tree;
}
