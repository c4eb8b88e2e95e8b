/*
 * Owns the table of owners and devices that a user without subordinate ids cannot put on the disk. Filled from listings and by the sandbox, asked
 * and added to by the supervisor's threads. Must not know system calls or paths.
 * Keys are device and inode, all devices that show the store's files counting as one; what lies in a listing's layer stays there, so its number
 * is nobody else's, and what was noted has its time of birth as well.
 */
#include "runtime/sandbox/owners.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

enum { FIRST_ROOM = 1024, ARENA_ENTRIES = 512 };

struct key {
    uint64_t device, inode;
};

struct known {
    struct key key;
    int64_t born;           /* in nanoseconds; 0: whenever */
    struct owner owner;
    bool is_used, is_noted;
};

struct owners {
    struct known *table;    /* a power of two, at most half full */
    size_t room, count;
    _Atomic(bool) has_foreign, has_group_folder;
    VEC(dev_t) devices;
    pthread_mutex_t lock;
};

struct owners *owners_new(void)
{
    struct owners *owners = xcalloc(1, sizeof *owners);
    owners->room = FIRST_ROOM;
    owners->table = xcalloc(owners->room, sizeof *owners->table);
    pthread_mutex_init(&owners->lock, NULL);
    return owners;
}

void owners_free(struct owners *owners)
{
    if (!owners)
        return;
    vec_free(&owners->devices);
    free(owners->table);
    free(owners);
}

void owners_add_device(struct owners *owners, dev_t device)
{
    if (!owners_is_store(owners, device))
        vec_push(&owners->devices, device);
}

bool owners_is_store(const struct owners *owners, dev_t device)
{
    for (size_t i = 0; i < owners->devices.count; i++)
        if (owners->devices.items[i] == device)
            return true;
    return false;
}

/* --- the table --- */

static struct known *slot(const struct owners *owners, struct key key)
{
    uint64_t hash = (key.inode ^ key.device << 40) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(hash >> 20) & (owners->room - 1);
    while (owners->table[at].is_used && (owners->table[at].key.inode != key.inode || owners->table[at].key.device != key.device))
        at = (at + 1) & (owners->room - 1);
    return &owners->table[at];
}

static void grow(struct owners *owners)
{
    struct known *old = owners->table;
    size_t room = owners->room;
    owners->room *= 2;
    owners->table = xcalloc(owners->room, sizeof *owners->table);
    for (size_t i = 0; i < room; i++)
        if (old[i].is_used)
            *slot(owners, old[i].key) = old[i];
    free(old);
}

static void put(struct owners *owners, const struct known *known)
{
    if (2 * owners->count >= owners->room)
        grow(owners);
    struct known *at = slot(owners, known->key);
    owners->count += !at->is_used;
    *at = *known;
    at->is_used = true;
}

static struct key key_of(const struct owners *owners, const struct statx *st)
{
    dev_t device = makedev(st->stx_dev_major, st->stx_dev_minor);
    return (struct key){owners_is_store(owners, device) ? 0 : device, st->stx_ino};
}

static int64_t born(const struct statx *st)
{
    return st->stx_mask & STATX_BTIME ? st->stx_btime.tv_sec * INT64_C(1000000000) + st->stx_btime.tv_nsec : 0;
}

bool owners_find(struct owners *owners, const struct statx *st, struct owner *owner)
{
    struct key key = key_of(owners, st);
    pthread_mutex_lock(&owners->lock);
    const struct known *known = slot(owners, key);
    bool found = known->is_used && (!known->born || known->born == born(st));
    if (found)
        *owner = known->owner;
    pthread_mutex_unlock(&owners->lock);
    return found;
}

bool owners_has_foreign(const struct owners *owners)
{
    return atomic_load(&owners->has_foreign);
}

bool owners_has_group_folder(const struct owners *owners)
{
    return atomic_load(&owners->has_group_folder);
}

static void mark(struct owners *owners, const struct owner *owner, bool is_folder)
{
    if (owner->uid || owner->gid || owner->type)
        atomic_store(&owners->has_foreign, true);
    if (is_folder && owner->gid)
        atomic_store(&owners->has_group_folder, true);
}

void owners_note(struct owners *owners, const struct statx *st, const struct owner *owner)
{
    struct known known = {.key = key_of(owners, st), .born = born(st), .owner = *owner, .is_noted = true};
    pthread_mutex_lock(&owners->lock);
    mark(owners, owner, S_ISDIR(st->stx_mode));
    put(owners, &known);
    pthread_mutex_unlock(&owners->lock);
}

int owners_give(struct owners *owners, int dir, const char *name, uint32_t uid, uint32_t gid)
{
    const int flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
    struct owner owner = {.uid = uid, .gid = gid};
    struct statx st;
    if (!owners)
        return fchownat(dir, name, uid, gid, flags);
    if (statx(dir, name, flags, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
        return -1;
    owners_note(owners, &st, &owner);
    return 0;
}

/* --- listings --- */

static bool is_device(const struct entry *entry)
{
    return entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK;
}

static void load_entry(struct owners *owners, int files, const struct entry *entry)
{
    struct stat st;
    if ((!entry->uid && !entry->gid && !is_device(entry)) || entry->type == ENTRY_HARDLINK || entry->type == ENTRY_WHITEOUT)
        return;
    if (fstatat(files, *entry->path ? entry->path : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    struct known known = {.key = {0, st.st_ino}, .owner = {.uid = entry->uid, .gid = entry->gid}};
    if (is_device(entry)) {
        known.owner.type = entry->type == ENTRY_CHAR ? S_IFCHR : S_IFBLK;
        known.owner.major = entry->major;
        known.owner.minor = entry->minor;
    }
    mark(owners, &known.owner, entry->type == ENTRY_DIR || entry->type == ENTRY_OPAQUE);
    put(owners, &known);
}

void owners_load(struct owners *owners, const struct tree *tree)
{
    struct arena arena = {0};
    for (size_t layer = 0; layer < tree_layer_count(tree); layer++) {
        const struct list *list = tree_layer_list(tree, layer);
        int files = tree_layer_files(tree, layer);
        for (size_t i = 0; i < list_count(list); i++) {
            struct entry entry;
            if (!list_is_foreign(list, i))
                continue;
            list_entry(list, i, &arena, &entry);
            load_entry(owners, files, &entry);
            if (i % ARENA_ENTRIES == 0)
                arena_free(&arena);
        }
    }
    arena_free(&arena);
}

/* --- to another process --- */

int owners_save(const struct owners *owners, int fd)
{
    for (size_t i = 0; i < owners->room; i++)
        if (owners->table[i].is_used && owners->table[i].is_noted &&
            fd_write_all(fd, &owners->table[i], sizeof owners->table[i]) < 0)
            return -1;
    return 0;
}

int owners_restore(struct owners *owners, int fd)
{
    struct known known;
    off_t end = lseek(fd, 0, SEEK_END);
    for (off_t at = 0; at < end; at += (off_t)sizeof known) {
        if (fd_pread_all(fd, &known, sizeof known, at) < 0)
            return -1;
        put(owners, &known);
    }
    return end < 0 ? -1 : 0;
}
