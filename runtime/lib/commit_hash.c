/*
 * Owns the reading of files that a layer may get: which of them, by how many threads, what their digests are. Called
 * by commit. Must not know what counts as a change.
 */
#include "runtime/lib/commit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/vec.h"
#include "runtime/lib/xattrs.h"

#include "runtime/lib/commit_internal.h"

enum {
    MAX_THREADS = 8,
    THREAD_FILES = 32,              /* fewer files and bytes than these are hashed by one thread */
    THREAD_BYTES = 4 * 1024 * 1024,
};

static int by_inode(const void *a, const void *b, void *data)
{
    const struct commit *commit = data;
    const struct found *x = &commit->found.items[*(const size_t *)a], *y = &commit->found.items[*(const size_t *)b];
    if (x->st.st_ino != y->st.st_ino)
        return x->st.st_ino < y->st.st_ino ? -1 : 1;
    return strcmp(x->path, y->path);
}

bool commit_same_inode(const struct commit *commit, size_t i, size_t j)
{
    const struct found *found = commit->found.items;
    const size_t *linked = commit->linked.items;
    return found[linked[i]].st.st_ino == found[linked[j]].st.st_ino;
}

/* Only where it decides whether there is a change. */
static void choose_doubtful(struct commit *commit)
{
    for (size_t i = 0; i < commit->found.count; i++) {
        const struct found *found = &commit->found.items[i];
        if (S_ISREG(found->st.st_mode) && found->maybe_same)
            vec_push(&commit->hashed, i);
        if (S_ISREG(found->st.st_mode) && found->st.st_nlink > 1)
            vec_push(&commit->linked, i);
    }
    if (commit->linked.count)
        qsort_r(commit->linked.items, commit->linked.count, sizeof(size_t), by_inode, commit);
}

/* What is to be read: every file, those with several names once. */
static void choose_files(struct commit *commit)
{
    for (size_t i = 0; i < commit->found.count; i++) {
        const struct found *found = &commit->found.items[i];
        if (!S_ISREG(found->st.st_mode))
            continue;
        if (found->st.st_nlink > 1) {
            vec_push(&commit->linked, i);
        } else {
            vec_push(&commit->hashed, i);
            commit->bytes += found->st.st_size;
        }
    }
    if (commit->linked.count)
        qsort_r(commit->linked.items, commit->linked.count, sizeof(size_t), by_inode, commit);
    for (size_t i = 0; i < commit->linked.count; i++)
        if (i == 0 || !commit_same_inode(commit, i - 1, i)) {
            vec_push(&commit->hashed, commit->linked.items[i]);
            commit->bytes += commit->found.items[commit->linked.items[i]].st.st_size;
        }
}

struct hashing {
    struct commit *commit;
    atomic_size_t next;
    atomic_size_t failed;   /* index + 1 of a file that could not be read */
    atomic_int error;
};

static int hash_file(struct commit *commit, struct found *found)
{
    int64_t size;
    autoclose int fd = openat(commit->upper, found->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -1 : digest_fd(fd, &found->digest, &size);
}

static void *hash_files(void *data)
{
    struct hashing *hashing = data;
    struct commit *commit = hashing->commit;
    for (size_t i; (i = atomic_fetch_add(&hashing->next, 1)) < commit->hashed.count;) {
        if (hash_file(commit, &commit->found.items[commit->hashed.items[i]]) < 0) {
            atomic_store(&hashing->error, errno);
            atomic_store(&hashing->failed, commit->hashed.items[i] + 1);
            break;
        }
    }
    return NULL;
}

static size_t thread_count(const struct commit *commit)
{
    cpu_set_t cpus;
    if (commit->hashed.count < THREAD_FILES && commit->bytes < THREAD_BYTES)
        return 1;
    size_t count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;
    if (count > commit->hashed.count)
        count = commit->hashed.count;
    return count > MAX_THREADS ? MAX_THREADS : count;
}

static int hash_all(struct commit *commit)
{
    struct hashing hashing = {.commit = commit};
    pthread_t threads[MAX_THREADS];
    size_t wanted = thread_count(commit), started = 0;
    while (started + 1 < wanted && pthread_create(&threads[started], NULL, hash_files, &hashing) == 0)
        started++;
    hash_files(&hashing);
    while (started)
        pthread_join(threads[--started], NULL);
    size_t failed = atomic_load(&hashing.failed);
    if (!failed)
        return 0;
    errno = atomic_load(&hashing.error);
    return commit_fail(commit, commit->found.items[failed - 1].path);
}

static void share_digests(struct commit *commit)
{
    struct found *found = commit->found.items;
    const size_t *linked = commit->linked.items;
    for (size_t i = 1; i < commit->linked.count; i++)
        if (commit_same_inode(commit, i - 1, i))
            found[linked[i]].digest = found[linked[i - 1]].digest;
}

int commit_hash(struct commit *commit, bool reads_all)
{
    if (reads_all)
        choose_files(commit);
    else
        choose_doubtful(commit);
    if (hash_all(commit) < 0)
        return -1;
    if (reads_all)
        share_digests(commit);
    return 0;
}
