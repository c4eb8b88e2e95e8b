/*
 * Owns the ids that processes of a single-id sandbox believe to have, and the kernel's rules for changing them. Asked by the supervisor's
 * threads. Must not know how system calls arrive.
 * Which ids a process has is kept where the kernel passes it on to children and through exec: in the limit of file locks, which
 * Linux has not enforced since 2.4. Its soft value is MARK and an index; any other value means the first ids.
 */
#include "runtime/sandbox/creds.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "runtime/lib/die.h"
#include "runtime/lib/vec.h"
#include "runtime/sandbox/user.h"

static const uint64_t mark = UINT64_C(0x4446474e) << 24, mark_mask = ~UINT64_C(0xffffff);
enum { CREDS_MAX = 0xffffff };

struct creds_table {
    VEC(struct creds) items;
    _Atomic(bool) has_others;   /* than the first */
    pthread_mutex_t lock;
};

static const uint32_t *copy_groups(const uint32_t *groups, size_t count)
{
    uint32_t *copy = xcalloc(count + 1, sizeof *copy);
    if (count)
        memcpy(copy, groups, count * sizeof *copy);
    return copy;
}

struct creds_table *creds_new(const struct identity *identity)
{
    struct creds_table *table = xcalloc(1, sizeof *table);
    struct creds first = {.group_count = identity->group_count};
    for (int i = 0; i < CREDS_KINDS; i++) {
        first.uids[i] = identity->uid;
        first.gids[i] = identity->gid;
    }
    first.groups = copy_groups(identity->groups, identity->group_count);
    pthread_mutex_init(&table->lock, NULL);
    vec_push(&table->items, first);
    return table;
}

struct creds creds_get(struct creds_table *table, pid_t pid)
{
    struct rlimit limit;
    size_t index = 0;
    /* The kernel need not be asked as long as no process has changed them. */
    if (atomic_load(&table->has_others) && prlimit(pid, RLIMIT_LOCKS, NULL, &limit) == 0 && (limit.rlim_cur & mark_mask) == mark)
        index = limit.rlim_cur & CREDS_MAX;
    pthread_mutex_lock(&table->lock);
    if (index >= table->items.count)
        index = 0;
    struct creds creds = table->items.items[index];
    pthread_mutex_unlock(&table->lock);
    return creds;
}

static bool is_same(const struct creds *a, const struct creds *b)
{
    return !memcmp(a->uids, b->uids, sizeof a->uids) && !memcmp(a->gids, b->gids, sizeof a->gids) &&
           a->group_count == b->group_count && a->keeps == b->keeps && a->kept == b->kept &&
           (!a->group_count || !memcmp(a->groups, b->groups, a->group_count * sizeof *a->groups));
}

/* The index of these ids; new ones are added. */
static size_t find(struct creds_table *table, const struct creds *creds)
{
    for (size_t i = 0; i < table->items.count; i++)
        if (is_same(&table->items.items[i], creds))
            return i;
    struct creds kept = *creds;
    kept.groups = copy_groups(creds->groups, creds->group_count);
    vec_push(&table->items, kept);
    atomic_store(&table->has_others, true);
    return table->items.count - 1;
}

int creds_set(struct creds_table *table, pid_t pid, const struct creds *creds)
{
    pthread_mutex_lock(&table->lock);
    size_t index = find(table, creds);
    pthread_mutex_unlock(&table->lock);
    if (index > CREDS_MAX) {
        errno = EAGAIN;
        return -1;
    }
    struct rlimit limit = {.rlim_cur = mark | index, .rlim_max = RLIM_INFINITY};
    struct rlimit old;
    if (prlimit(pid, RLIMIT_LOCKS, NULL, &old) == 0)
        limit.rlim_max = old.rlim_max;
    if (limit.rlim_max < limit.rlim_cur) {
        errno = EAGAIN;
        return -1;
    }
    return prlimit(pid, RLIMIT_LOCKS, &limit, NULL);
}

/* --- the kernel's rules --- */

static bool is_one_of(const uint32_t ids[CREDS_KINDS], uint32_t id)
{
    return id == ids[CREDS_REAL] || id == ids[CREDS_EFFECTIVE] || id == ids[CREDS_SAVED];
}

static int refuse(void)
{
    errno = EPERM;
    return -1;
}

int creds_set_one(uint32_t ids[CREDS_KINDS], uint32_t id, bool is_privileged)
{
    if (is_privileged)
        ids[CREDS_REAL] = ids[CREDS_SAVED] = id;
    else if (id != ids[CREDS_REAL] && id != ids[CREDS_SAVED])
        return refuse();
    ids[CREDS_EFFECTIVE] = ids[CREDS_FILES] = id;
    return 0;
}

int creds_set_two(uint32_t ids[CREDS_KINDS], uint32_t real, uint32_t effective, bool is_privileged)
{
    static const uint32_t none = (uint32_t)-1;
    uint32_t old_real = ids[CREDS_REAL];
    if (real != none && !is_privileged && real != ids[CREDS_REAL] && real != ids[CREDS_EFFECTIVE])
        return refuse();
    if (effective != none && !is_privileged && !is_one_of(ids, effective))
        return refuse();
    if (real != none)
        ids[CREDS_REAL] = real;
    if (effective != none)
        ids[CREDS_EFFECTIVE] = effective;
    if (real != none || (effective != none && effective != old_real))
        ids[CREDS_SAVED] = ids[CREDS_EFFECTIVE];
    ids[CREDS_FILES] = ids[CREDS_EFFECTIVE];
    return 0;
}

int creds_set_three(uint32_t ids[CREDS_KINDS], const uint32_t new_ids[3], bool is_privileged)
{
    for (int i = 0; i < 3; i++)
        if (new_ids[i] != (uint32_t)-1 && !is_privileged && !is_one_of(ids, new_ids[i]))
            return refuse();
    for (int i = 0; i < 3; i++)
        if (new_ids[i] != (uint32_t)-1)
            ids[i] = new_ids[i];
    ids[CREDS_FILES] = ids[CREDS_EFFECTIVE];
    return 0;
}

uint32_t creds_set_files(uint32_t ids[CREDS_KINDS], uint32_t id, bool is_privileged)
{
    uint32_t old = ids[CREDS_FILES];
    if (id != (uint32_t)-1 && (is_privileged || is_one_of(ids, id) || id == old))
        ids[CREDS_FILES] = id;
    return old;
}

bool creds_is_privileged(const struct creds *creds)
{
    return creds->uids[CREDS_EFFECTIVE] == 0 || creds->kept;
}

bool creds_has_group(const struct creds *creds, uint32_t gid)
{
    for (size_t i = 0; i < creds->group_count; i++)
        if (creds->groups[i] == gid)
            return true;
    return gid == creds->gids[CREDS_FILES] || gid == creds->gids[CREDS_EFFECTIVE];
}
