/*
 * Owns blobs that come from a registry into the store: several at a time, resumed where a connection was cut, hashed while they
 * are written. Called by dfgen-registry and dfgen-base. Nothing enters the store but what has its digest.
 */
#include "runtime/registry/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/store.h"
#include "runtime/registry/hosts.h"
#include "runtime/registry/retry.h"
#include "runtime/registry/session.h"

enum { AT_A_TIME = 6, PROGRESS = 1024 * 1024, MAX_FAILURES = 2 };

/* A blob on its way into a file. */
struct arriving {
    const struct pull_blob *blob;
    const struct client_response *response;
    struct digest_state state;
    int fd;
    int64_t size;           /* so far */
    int64_t most;           /* that any try came to, in steps of PROGRESS */
    bool is_first;          /* no byte of this answer has come yet */
    bool is_elsewhere;      /* the server sent another part than it was asked for */
};

static int64_t limit_of(const struct pull_blob *blob)
{
    return blob->size >= 0 ? blob->size : blob->limit;
}

static int start_over(struct arriving *arriving)
{
    digest_end(&arriving->state);
    digest_begin(&arriving->state);
    arriving->size = 0;
    return ftruncate(arriving->fd, 0) < 0 || lseek(arriving->fd, 0, SEEK_SET) < 0 ? -1 : 0;
}

/* A server that does not know ranges sends all, with 200. */
static int begin_answer(struct arriving *arriving)
{
    arriving->is_first = false;
    if (!arriving->size)
        return 0;
    if (arriving->response->status != 206)
        return start_over(arriving);
    char *range = client_header(arriving->response, "Content-Range", 0);
    char *want = xasprintf("bytes %" PRId64 "-", arriving->size);
    arriving->is_elsewhere = !range || strncmp(range, want, strlen(want)) != 0;
    free(range);
    free(want);
    errno = EPROTO;
    return arriving->is_elsewhere ? -1 : 0;
}

static int take(void *to, const void *piece, size_t len)
{
    struct arriving *arriving = to;
    if (arriving->is_first && begin_answer(arriving) < 0)
        return -1;
    if ((int64_t)len > limit_of(arriving->blob) - arriving->size) {
        errno = EFBIG;
        return -1;
    }
    if (fd_write_all(arriving->fd, piece, len) < 0)
        return -1;
    digest_add(&arriving->state, piece, len);
    arriving->size += (int64_t)len;
    return 0;
}

/* One request, from where the last one ended. */
static void ask(struct session *session, struct arriving *arriving, struct client_response *response)
{
    char *url = xasprintf("blobs/%s", arriving->blob->digest), *range = xasprintf("Range: bytes=%" PRId64 "-", arriving->size);
    const char *const headers[] = {range};
    struct client_request request = {.method = "GET", .url = url, .headers = headers, .header_count = arriving->size > 0,
                                     .take = take, .to = arriving, .limit = INT64_MAX};
    arriving->response = response;
    arriving->is_first = true;
    session_send(session, &request, false, response);
    /* A range that cannot be had is no reason to give up. */
    if (response->status == 416 && arriving->size && start_over(arriving) == 0)
        response->may_pass = true;
    free(range);
    free(url);
}

static char *what_of(const char *repository, const struct pull_blob *blob)
{
    return xasprintf("get blob %s of %s", blob->digest, repository);
}

/* NULL, or why it is not the blob. */
static char *check(struct session *session, const char *repository, struct arriving *arriving)
{
    const struct pull_blob *blob = arriving->blob;
    struct digest digest = digest_end(&arriving->state);
    char hex[DIGEST_HEX + 1], *why = NULL;
    digest_hex(&digest, hex);
    if (blob->size >= 0 && blob->size != arriving->size)
        why = xasprintf("it has %" PRId64 " bytes, its descriptor says %" PRId64, arriving->size, blob->size);
    else if (strcmp(hex, blob->digest + 7))
        why = xasprintf("its content has digest sha256:%s", hex);
    if (!why)
        return NULL;
    char *error = xasprintf("%s: blob %s of %s is damaged: %s. Try again, or take the image from elsewhere",
                            session_place(session)->host, blob->digest, repository, why);
    free(why);
    return error;
}

static char *failure(struct session *session, const char *repository, const struct store *store, struct arriving *arriving,
                     const struct client_response *response)
{
    const struct pull_blob *blob = arriving->blob;
    const char *host = session_place(session)->host;
    if (response->write_error == EFBIG)
        return xasprintf("%s: blob %s of %s is longer than the %" PRId64 " bytes %s. Try again, or take the image from elsewhere",
                         host, blob->digest, repository, limit_of(blob),
                         blob->size >= 0 ? "that its descriptor says" : "that dfgen takes");
    if (response->write_error && !arriving->is_elsewhere)
        return xasprintf("cannot write blob %s of %s to the store %s: %s", blob->digest, repository, store->path,
                         strerror(response->write_error));
    char *what = what_of(repository, blob), *error = session_failure(session, what, response);
    free(what);
    return error;
}

/* An answer without a length may end anywhere: the rest may be asked for. */
static bool is_cut(const struct arriving *arriving, int64_t before)
{
    return arriving->size < arriving->blob->size && arriving->size > before;
}

/* Another try? Those that come further than any before do not count. */
static bool try_again(struct arriving *arriving, struct retry *retry, int64_t delay)
{
    if (arriving->size - arriving->most >= PROGRESS) {
        arriving->most = arriving->size;
        *retry = (struct retry){0};
    }
    return retry_wait(retry, delay);
}

/* All of it, with as many tries as it is worth. */
static char *receive(struct session *session, const char *repository, const struct store *store, struct arriving *arriving)
{
    struct retry retry = {0};
    for (;;) {
        struct client_response response;
        int64_t before = arriving->size;
        ask(session, arriving, &response);
        if (session_is_ok(&response)) {
            client_response_free(&response);
            if (is_cut(arriving, before) && try_again(arriving, &retry, 0))
                continue;
            return check(session, repository, arriving);
        }
        bool may_pass = response.may_pass || arriving->is_elsewhere ||
                        (!response.error && client_status_may_pass(response.status));
        int64_t delay = response.delay_ms;
        char *error = failure(session, repository, store, arriving, &response);
        client_response_free(&response);
        if (arriving->is_elsewhere && start_over(arriving) < 0)
            may_pass = false;
        arriving->is_elsewhere = false;
        if (!may_pass || !try_again(arriving, &retry, delay)) {
            digest_end(&arriving->state);
            return error;
        }
        free(error);
    }
}

static char *get_from(struct session *session, const char *repository, struct store *store, const struct pull_blob *blob)
{
    struct store_tmp tmp;
    if (store_tmp_make(store, &tmp) < 0)
        return xasprintf("cannot write to the store %s: %s", store->path, strerror(errno));
    struct arriving arriving = {.blob = blob, .fd = openat(tmp.dir, "blob", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    char *error = NULL;
    if (arriving.fd < 0) {
        error = xasprintf("cannot write to the store %s: %s", store->path, strerror(errno));
    } else {
        digest_begin(&arriving.state);
        error = receive(session, repository, store, &arriving);
        close(arriving.fd);
    }
    if (!error && store_blob_commit(store, &tmp, "blob", blob->digest) < 0)
        error = xasprintf("cannot put blob %s into the store %s: %s", blob->digest, store->path, strerror(errno));
    store_tmp_drop(store, &tmp);
    return error;
}

/* --- many --- */

struct pulling {
    struct registry *registry;
    struct store *store;
    const char *repository;
    const struct places *places;
    unsigned *failures;     /* of each place */
    const struct pull_blob *blobs;
    size_t count, next;
    char *error;
    pthread_mutex_t lock;
};

/* A mirror that failed twice is not waited for again and again; the registry itself is the last, and always asked. */
static bool is_given_up(struct pulling *pulling, size_t place)
{
    pthread_mutex_lock(&pulling->lock);
    bool is_last = place + 1 == pulling->places->items.count, is_bad = pulling->failures[place] >= MAX_FAILURES;
    pthread_mutex_unlock(&pulling->lock);
    return is_bad && !is_last;
}

static void note_failure(struct pulling *pulling, size_t place)
{
    pthread_mutex_lock(&pulling->lock);
    pulling->failures[place]++;
    pthread_mutex_unlock(&pulling->lock);
}

static char *get_blob(struct pulling *pulling, struct session **sessions, const struct pull_blob *blob)
{
    char *error = NULL;
    if (blob->size > blob->limit)
        return xasprintf("%s: blob %s of %s has %" PRId64 " bytes by its descriptor, more than the %" PRId64 " that dfgen takes",
                         pulling->places->items.items[0].host, blob->digest, pulling->repository, blob->size, blob->limit);
    for (size_t i = 0; i < pulling->places->items.count; i++) {
        char *old = error;
        if (is_given_up(pulling, i))
            continue;
        if (!sessions[i])
            sessions[i] = session_new(pulling->registry, &pulling->places->items.items[i], "pull");
        error = get_from(sessions[i], pulling->repository, pulling->store, blob);
        if (error && old) {
            char *both = xasprintf("%s; and %s", old, error);
            free(error);
            error = both;
        }
        free(old);
        if (!error)
            break;
        note_failure(pulling, i);
    }
    return error;
}

static const struct pull_blob *take_next(struct pulling *pulling)
{
    pthread_mutex_lock(&pulling->lock);
    const struct pull_blob *blob = pulling->error || pulling->next == pulling->count ? NULL : &pulling->blobs[pulling->next++];
    pthread_mutex_unlock(&pulling->lock);
    return blob;
}

static void *work(void *data)
{
    struct pulling *pulling = data;
    struct session **sessions = xcalloc(pulling->places->items.count + 1, sizeof *sessions);
    for (const struct pull_blob *blob; (blob = take_next(pulling));) {
        char *error = store_has_blob(pulling->store, blob->digest) ? NULL : get_blob(pulling, sessions, blob);
        pthread_mutex_lock(&pulling->lock);
        if (error && !pulling->error)
            pulling->error = error;
        else
            free(error);
        pthread_mutex_unlock(&pulling->lock);
    }
    for (size_t i = 0; i < pulling->places->items.count; i++)
        session_free(sessions[i]);
    free(sessions);
    return NULL;
}

/* The network, not the processor, is what is waited for: more threads than cores. */
static void run_workers(struct pulling *pulling, size_t count)
{
    pthread_t threads[AT_A_TIME];
    size_t started = 0;
    while (started + 1 < count && pthread_create(&threads[started], NULL, work, pulling) == 0)
        started++;
    work(pulling);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

char *pull_blobs(struct registry *registry, struct store *store, const char *repository, const struct pull_blob *blobs,
                 size_t count)
{
    struct places places = {0};
    char *error = registry_places(registry, repository, true, false, &places);
    if (!error && count) {
        struct pulling pulling = {.registry = registry, .store = store, .repository = repository, .places = &places,
                                  .blobs = blobs, .count = count,
                                  .failures = xcalloc(places.items.count, sizeof *pulling.failures)};
        pthread_mutex_init(&pulling.lock, NULL);
        run_workers(&pulling, count < AT_A_TIME ? count : AT_A_TIME);
        pthread_mutex_destroy(&pulling.lock);
        free(pulling.failures);
        error = pulling.error;
    }
    vec_free(&places.items);
    return error;
}
