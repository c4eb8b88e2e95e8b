/*
 * Owns how a cache mount's folder lies in the store, and who may use it at a time. Called by the sandbox before anything is shown.
 * In cache/HEX/ the content is the folder "data"; a private mount that finds it taken uses "data.1" and so on. A new one is made beside
 * and renamed, so that a build that was killed leaves no half-filled cache. The lock is on the folder itself, and goes with the process.
 */
#include "runtime/sandbox/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step.h"
#include "runtime/lib/tree.h"
#include "runtime/sandbox/mounts.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/plan.h"
#include "runtime/sandbox/seed.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"

enum { MAX_PRIVATE = 1000 };

static const int lock_kinds[] = {
    [SHARING_SHARED] = LOCK_SH, [SHARING_PRIVATE] = LOCK_EX | LOCK_NB, [SHARING_LOCKED] = LOCK_EX,
};

_Noreturn static void fail(const struct room *room, const struct plan_mount *mount)
{
    step_die(room->step, "cannot make the cache %s:", mount->id);
}

/* Where a cache comes from: its tree (the caller frees it) and the real path in it. */
static struct tree *open_origin(const struct step *step, const struct plan_mount *mount, const char **path)
{
    struct stamp stamp = step_stamp(step, step_input(step, INPUT_STAGE, (size_t)mount->n));
    struct tree *tree = step_tree(step, &stamp);
    if (!tree_resolve(tree, step->arena, mount->source, true, path))
        step_die(step, "cache mount on %s: %s:", mount->target, mount->source);
    return tree;
}

/* A folder that is copied keeps what it is. */
static struct entry origin_of(const struct room *room, const struct plan_mount *mount)
{
    struct entry entry = {.mode = mount->mode, .uid = mount->uid, .gid = mount->gid};
    struct tree_node node;
    const char *path;
    if (mount->n < 0)
        return entry;
    struct tree *tree = open_origin(room->step, mount, &path);
    tree_lookup(tree, room->step->arena, path, &node, &entry);
    tree_free(tree);
    return entry;
}

/* A new folder, filled and owned as the mount says. */
static void fill(struct room *room, const struct plan_mount *mount, int folder)
{
    struct stat st;
    struct entry root = origin_of(room, mount);
    if (mount->n >= 0) {
        autoclose int source = mounts_open_source(room, mount, false);
        if (fstat(source, &st) < 0 || !S_ISDIR(st.st_mode))
            step_die(room->step, "cache mount on %s: \"%s\" is no folder", mount->target, mount->source);
        if (seed_copy(source, folder) < 0)
            fail(room, mount);
    }
    if (owners_give(room->owners, folder, "", root.uid, root.gid) < 0 || fchmod(folder, root.mode) < 0)
        fail(room, mount);
}

static void make(struct room *room, const struct plan_mount *mount, int cache, const char *name)
{
    struct stat st;
    const char *fresh = arena_printf(room->step->arena, "new.%ld.%u", (long)getpid(), room->serial++);
    if (fstatat(cache, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    /* What a killed build with our pid has left. */
    if (tree_remove_at(cache, fresh) < 0 || mkdirat(cache, fresh, 0700) < 0)
        fail(room, mount);
    autoclose int folder = openat(cache, fresh, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        fail(room, mount);
    fill(room, mount, folder);
    if (renameat2(cache, fresh, cache, name, RENAME_NOREPLACE) < 0 && errno != EEXIST)
        fail(room, mount);
    tree_remove_at(cache, fresh);
}

/* The folder, locked; -1 when a private one is taken. */
static int lock_folder(struct room *room, const struct plan_mount *mount, int cache, const char *name)
{
    make(room, mount, cache, name);
    autoclose int folder = openat(cache, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        fail(room, mount);
    while (flock(folder, lock_kinds[mount->sharing]) < 0) {
        if (errno == EWOULDBLOCK)
            return -1;
        if (errno != EINTR)
            fail(room, mount);
    }
    return fd_take(&folder);
}

/*
 * Caches that begin with different content are different caches, and so are those that have an owner of their own.
 * gen/cachemounts.c has it as well.
 */
static const char *whole_id(const struct room *room, const struct plan_mount *mount)
{
    const struct step *step = room->step;
    struct digest digest;
    char hex[DIGEST_HEX + 1];
    const char *path;
    if (mount->n < 0 && !mount->has_owner)
        return mount->id;
    if (mount->n < 0)
        return arena_printf(step->arena, "%s\n%o %u %u", mount->id, (unsigned)mount->mode, mount->uid, mount->gid);
    struct tree *tree = open_origin(step, mount, &path);
    tree_digest(tree, path, &digest);
    tree_free(tree);
    digest_hex(&digest, hex);
    return arena_printf(step->arena, "%s\n%s", mount->id, hex);
}

static int open_cache(struct room *room, const struct plan_mount *mount, const char *id)
{
    bool made;
    autoclose int cache = store_cache_open(room->store, id, &made);
    if (cache < 0)
        fail(room, mount);
    /* For gc: when it was used last. */
    futimens(cache, NULL);
    for (int i = 0; i < MAX_PRIVATE; i++) {
        int folder = lock_folder(room, mount, cache, i ? arena_printf(room->step->arena, "data.%d", i) : "data");
        if (folder >= 0)
            return folder;
    }
    step_die(room->step, "cache %s: more than %d private folders are in use", mount->id, MAX_PRIVATE);
}

struct wanted {
    const struct plan_mount *mount;
    const char *id;
};

/* In the order of ids, so that two steps do not wait for each other; of one id the strictest first. */
static int by_id(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (int)y->mount->sharing - (int)x->mount->sharing;
}

void cache_open_all(struct room *room)
{
    size_t count = room->plan->mount_count, wanted_count = 0;
    struct wanted *wanted = arena_array(room->step->arena, count, sizeof *wanted);
    for (size_t i = 0; i < count; i++) {
        vec_push(&room->caches, -1);
        if (room->plan->mounts[i].type == MOUNT_CACHE)
            wanted[wanted_count++] = (struct wanted){&room->plan->mounts[i], whole_id(room, &room->plan->mounts[i])};
    }
    if (wanted_count)
        qsort(wanted, wanted_count, sizeof *wanted, by_id);
    for (size_t i = 0; i < wanted_count; i++) {
        int *folder = &room->caches.items[wanted[i].mount->order];
        /* A second lock on the same folder would wait for the first. */
        if (i && !strcmp(wanted[i].id, wanted[i - 1].id))
            *folder = fcntl(room->caches.items[wanted[i - 1].mount->order], F_DUPFD_CLOEXEC, 0);
        else
            *folder = open_cache(room, wanted[i].mount, wanted[i].id);
        if (*folder < 0)
            fail(room, wanted[i].mount);
        /* What an earlier step has noted is gone with it. */
        struct entry root = origin_of(room, wanted[i].mount);
        if (room->owners && owners_give(room->owners, *folder, "", root.uid, root.gid) < 0)
            fail(room, wanted[i].mount);
    }
}
