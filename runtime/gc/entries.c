/*
 * Owns the list of what is in the store. Called by dfgen-gc. Must not know what is to be removed.
 * When an entry was used last is the access time of the file of it that every use reads, so using one costs builds nothing.
 */
#include "runtime/gc/entries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/gc/digests.h"
#include "runtime/gc/needed.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/store.h"

enum { RECORD_LIMIT = 16 * 1024 * 1024, BLOCK = 512 };

const char *const entry_kind_names[] = {"layer", "blob", "cache mount", "failed RUN's files", "image name", "context index", "record"};

/* A folder of the store whose names are entries; file is the one of an entry that each use reads ("": the entry itself). */
static const struct place {
    const char *folder, *file;
    enum entry_kind kind;
} places[] = {
    {"layers/root", "/list", KIND_LAYER}, {"layers/subuid", "/list", KIND_LAYER}, {"layers/single", "/list", KIND_LAYER},
    {"blobs/sha256", "", KIND_BLOB},      {"cache", "", KIND_CACHE},              {"failed", "", KIND_FAILED},
    {"refs", "", KIND_REF},               {"index", "", KIND_INDEX},
};

/* "sha256-HEX", "tree-HEX", "HEX" */
static bool parse_name(const char *name, struct digest *digest)
{
    const char *dash = strchr(name, '-');
    const char *hex = dash ? dash + 1 : name;
    return strlen(hex) == DIGEST_HEX && digest_parse(hex, digest);
}

static bool is_needed(const struct needed *needed, const struct place *place, const char *name)
{
    struct digest digest;
    if (!parse_name(name, &digest))
        return false;
    if (place->kind == KIND_REF)
        return digest_set_has(&needed->refs, &digest);
    return (place->kind == KIND_LAYER || place->kind == KIND_BLOB) && digest_set_has(&needed->digests, &digest);
}

static time_t last_use(const struct stat *st)
{
    time_t newest = st->st_mtime > st->st_ctime ? st->st_mtime : st->st_ctime;
    return st->st_atime > newest ? st->st_atime : newest;
}

static void find_in(const struct store *store, const struct needed *needed, const struct place *place,
                    struct gc_entries *entries)
{
    DIR *stream = dir_stream_at(store->dir, place->folder);
    /* Names with a dot are locks, or on their way. */
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        struct stat st;
        if (strchr(entry->d_name, '.'))
            continue;
        char *file = xasprintf("%s%s", entry->d_name, place->file);
        if (fstatat(dirfd(stream), file, &st, AT_SYMLINK_NOFOLLOW) < 0)
            st = (struct stat){0};
        /* Listing a folder is no use of it: only its writers count. */
        else if (S_ISDIR(st.st_mode))
            st.st_atime = st.st_ctime = st.st_mtime;
        struct gc_entry found = {place->kind, is_needed(needed, place, entry->d_name),
                                 xasprintf("%s/%s", place->folder, entry->d_name), last_use(&st), -1};
        vec_push(&entries->list, found);
        free(file);
    }
    if (stream)
        closedir(stream);
}

void entries_find(const struct store *store, const struct needed *needed, struct gc_entries *entries)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        find_in(store, needed, &places[i], entries);
}

/* --- room --- */

static int64_t measure(int dir, const char *name)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    int64_t sum = (int64_t)st.st_blocks * BLOCK;
    if (!S_ISDIR(st.st_mode))
        return sum / (int64_t)(st.st_nlink ? st.st_nlink : 1);
    DIR *stream = dir_stream_at(dir, name);
    for (struct dirent *entry; stream && (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            sum += measure(dirfd(stream), entry->d_name);
    if (stream)
        closedir(stream);
    return sum;
}

int64_t entries_measure(const struct store *store, struct gc_entry *entry)
{
    if (entry->size < 0)
        entry->size = measure(store->dir, entry->path);
    return entry->size;
}

/* --- records --- */

struct presence {
    const struct store *store;
    bool names_some, has_some;
};

static bool is_there(const struct store *store, const char *hex)
{
    static const char *const places_of[] = {
        "blobs/sha256/", "layers/root/tree-", "layers/subuid/tree-", "layers/single/tree-",
        "layers/root/sha256-", "layers/subuid/sha256-", "layers/single/sha256-",
    };
    for (size_t i = 0; i < sizeof places_of / sizeof *places_of; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", places_of[i], hex);
        if (faccessat(store->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return true;
    }
    return false;
}

/* A packed layer's record names the plain tar as well, which nobody keeps: one thing that is there is enough. */
static void see_named(void *data, const struct digest *digest)
{
    struct presence *presence = data;
    char hex[DIGEST_HEX + 1];
    digest_hex(digest, hex);
    presence->names_some = true;
    presence->has_some = presence->has_some || is_there(presence->store, hex);
}

static bool is_useless(const struct store *store, int folder, const char *name, time_t since)
{
    struct presence presence = {.store = store};
    struct buf text = {0};
    struct stat st;
    bool is_old = fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && last_use(&st) < since;
    if (file_read_at(folder, name, &text, RECORD_LIMIT) == 0)
        digests_in(buf_text(&text), text.len, see_named, &presence);
    buf_free(&text);
    return presence.names_some ? !presence.has_some : is_old;
}

void entries_find_records(const struct store *store, time_t since, struct gc_entries *entries)
{
    DIR *stream = dir_stream_at(store->dir, "actions");
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (entry->d_name[0] == '.' || !is_useless(store, dirfd(stream), entry->d_name, since))
            continue;
        struct gc_entry found = {KIND_RECORD, false, xasprintf("actions/%s", entry->d_name), 0, -1};
        vec_push(&entries->list, found);
    }
    if (stream)
        closedir(stream);
}

void entries_free(struct gc_entries *entries)
{
    for (size_t i = 0; i < entries->list.count; i++)
        free(entries->list.items[i].path);
    vec_free(&entries->list);
}
