/*
 * Owns the way of a blob to a registry: is it there, can it be mounted, else upload. Called by push. In one piece first; in chunks
 * when that is refused or was cut, going on from where the server says it is. Must not know manifests.
 */
#include "runtime/registry/push.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/die.h"
#include "runtime/registry/hosts.h"
#include "runtime/registry/retry.h"
#include "runtime/registry/session.h"

enum { AT_A_TIME = 6, CHUNK = 32 * 1024 * 1024, COMMIT_SECONDS = 600, TEXT_LIMIT = 64 * 1024 };

/* A blob on its way. */
struct leaving {
    const struct push *push;
    const struct push_blob *blob;
    struct session *session;
    int fd;
    char *location;         /* of the upload under way; NULL: none */
    int64_t sent;           /* what the server has of it */
    int64_t chunk;          /* bytes of one, but for the last */
    bool in_chunks;
    bool is_done;
};

static void send_request(struct leaving *leaving, struct client_request *request, bool is_repeatable,
                         struct client_response *response)
{
    /* A server may need a while to put a large blob away. */
    request->stall_seconds = COMMIT_SECONDS;
    request->limit = TEXT_LIMIT;
    session_send(leaving->session, request, is_repeatable, response);
}

static char *failure(const struct leaving *leaving, const struct client_response *response)
{
    char *what = xasprintf("send blob %s to %s", leaving->blob->digest, leaving->push->repository);
    char *error = session_failure(leaving->session, what, response);
    free(what);
    return error;
}

static void take_location(struct leaving *leaving, const struct client_response *response)
{
    char *location = session_location(leaving->session, response);
    if (!location)
        return;
    free(leaving->location);
    leaving->location = location;
}

/* --- the steps; each: NULL or what went wrong --- */

static char *look(struct leaving *leaving)
{
    char *url = xasprintf("blobs/%s", leaving->blob->digest), *error = NULL;
    struct client_request request = {.method = "HEAD", .url = url};
    struct client_response response;
    send_request(leaving, &request, true, &response);
    leaving->is_done = session_is_ok(&response);
    if (!leaving->is_done && (response.error || response.status != 404))
        error = failure(leaving, &response);
    client_response_free(&response);
    free(url);
    return error;
}

static bool is_beside(const struct push *push, const char *repository)
{
    size_t host = strcspn(push->repository, "/") + 1;
    return !strncmp(repository, push->repository, host) && strcmp(repository, push->repository) != 0;
}

/* A repository of the same server that has the blob. */
static const char *mount_from(const struct leaving *leaving)
{
    const struct push *push = leaving->push;
    size_t host = strcspn(push->repository, "/") + 1;
    if (push->source && is_beside(push, push->source))
        return push->source + host;
    for (size_t i = 0; i < push->origin_count; i++) {
        const struct push_origin *origin = &push->origins[i];
        if (!strcmp(origin->digest, leaving->blob->digest) && is_beside(push, origin->repository))
            return origin->repository + host;
    }
    return NULL;
}

/* A server may want no chunk smaller than that. */
static void take_chunk_size(struct leaving *leaving, const struct client_response *response)
{
    char *value = client_header(response, "OCI-Chunk-Min-Length", 0);
    long long least = value ? strtoll(value, NULL, 10) : 0;
    if (least > leaving->chunk)
        leaving->chunk = least;
    free(value);
}

/* Begin an upload, or have it mounted from another repository (NULL: from none): 201 says that it was. */
static void ask_upload(struct leaving *leaving, const char *from, struct client_response *response)
{
    const char *digest = leaving->blob->digest;
    char *url = from ? xasprintf("blobs/uploads/?mount=%s&from=%s", digest, from) : xstrdup("blobs/uploads/");
    struct client_request request = {.method = "POST", .url = url, .data = ""};
    send_request(leaving, &request, true, response);
    free(url);
}

static char *begin(struct leaving *leaving)
{
    const char *from = mount_from(leaving);
    char *error = NULL;
    struct client_response response;
    ask_upload(leaving, from, &response);
    /* To have no right there, or no such thing, is no reason to give up. */
    if (from && !response.error && response.status >= 400 && response.status <= 499 && response.status != 429) {
        client_response_free(&response);
        ask_upload(leaving, NULL, &response);
    }
    leaving->sent = 0;
    take_location(leaving, &response);
    take_chunk_size(leaving, &response);
    leaving->is_done = session_is_ok(&response) && response.status == 201;
    if (!session_is_ok(&response))
        error = failure(leaving, &response);
    else if (!leaving->is_done && !leaving->location)
        error = xasprintf("%s: cannot send blob %s to %s: it gives no address to send it to. Is that a registry?",
                          session_place(leaving->session)->host, leaving->blob->digest, leaving->push->repository);
    client_response_free(&response);
    return error;
}

/* The end of the upload, with all that is not there yet as its body. */
static void finish(struct leaving *leaving, struct client_response *response)
{
    const struct push_blob *blob = leaving->blob;
    char *url = xasprintf("%s%cdigest=%s", leaving->location, strchr(leaving->location, '?') ? '&' : '?', blob->digest);
    static const char *const headers[] = {"Content-Type: application/octet-stream"};
    struct client_request request = {.method = "PUT", .url = url, .headers = headers, .header_count = 1, .fd = leaving->fd,
                                     .offset = leaving->sent, .size = blob->size - leaving->sent};
    if (!request.size)
        request.data = "";
    send_request(leaving, &request, false, response);
    leaving->is_done = session_is_ok(response);
    free(url);
}

static void send_chunk(struct leaving *leaving, struct client_response *response)
{
    int64_t left = leaving->blob->size - leaving->sent, size = left < leaving->chunk ? left : leaving->chunk;
    char *range = xasprintf("Content-Range: %" PRId64 "-%" PRId64, leaving->sent, leaving->sent + size - 1);
    const char *const headers[] = {"Content-Type: application/octet-stream", range};
    struct client_request request = {.method = "PATCH", .url = leaving->location, .headers = headers, .header_count = 2,
                                     .fd = leaving->fd, .offset = leaving->sent, .size = size};
    send_request(leaving, &request, false, response);
    if (session_is_ok(response)) {
        leaving->sent += size;
        take_location(leaving, response);
    }
    free(range);
}

/* What the server has of the upload: "Range: 0-N". False: it does not know it any more. */
static bool ask_progress(struct leaving *leaving)
{
    struct client_request request = {.method = "GET", .url = leaving->location};
    struct client_response response;
    send_request(leaving, &request, true, &response);
    bool is_known = session_is_ok(&response);
    char *range = is_known ? client_header(&response, "Range", 0) : NULL;
    const char *dash = range ? strchr(range, '-') : NULL;
    long long last = dash ? strtoll(dash + 1, NULL, 10) : -1;
    leaving->sent = last > 0 && last < leaving->blob->size ? last + 1 : 0;
    if (is_known)
        take_location(leaving, &response);
    client_response_free(&response);
    free(range);
    return is_known;
}

/* One try at what is left. The response is the last request's. */
static void upload(struct leaving *leaving, struct client_response *response)
{
    while (leaving->in_chunks && leaving->sent < leaving->blob->size) {
        send_chunk(leaving, response);
        if (!session_is_ok(response))
            return;
        client_response_free(response);
    }
    finish(leaving, response);
}

/* Too large for one request, or a request that this server does not do so. */
static bool wants_chunks(const struct client_response *response)
{
    return response->status == 413 || response->status == 405 || response->status == 501;
}

static char *transfer(struct leaving *leaving)
{
    struct retry retry = {0};
    char *error = begin(leaving);
    if (!error && !leaving->is_done && leaving->fd < 0)
        error = push_open_blob(leaving->push, leaving->blob->digest, leaving->blob->size, &leaving->fd);
    while (!error && !leaving->is_done) {
        struct client_response response;
        int64_t before = leaving->sent;
        upload(leaving, &response);
        bool is_new_way = wants_chunks(&response) && !leaving->in_chunks;
        bool may_pass = response.error ? response.may_pass : client_status_may_pass(response.status) || response.status == 416;
        int64_t delay = response.delay_ms;
        if (!leaving->is_done)
            error = failure(leaving, &response);
        client_response_free(&response);
        if (!error)
            break;
        if (leaving->sent > before)
            retry = (struct retry){0};
        if (!is_new_way && (!may_pass || !retry_wait(&retry, delay)))
            break;
        free(error);
        leaving->in_chunks = true;
        error = is_new_way || !ask_progress(leaving) ? begin(leaving) : NULL;
    }
    return error;
}

static char *send_blob(const struct push *push, struct session *session, const struct push_blob *blob)
{
    struct leaving leaving = {.push = push, .blob = blob, .session = session, .fd = -1, .chunk = CHUNK};
    char *error = look(&leaving);
    /* What a mount may spare is not fetched yet. */
    if (!error && !leaving.is_done && !push->source)
        error = push_open_blob(push, blob->digest, blob->size, &leaving.fd);
    if (!error && !leaving.is_done)
        error = transfer(&leaving);
    if (leaving.fd >= 0)
        close(leaving.fd);
    free(leaving.location);
    return error;
}

/* --- many --- */

struct pushing {
    const struct push *push;
    const struct place *place;
    const struct push_blob *blobs;
    size_t count, next;
    char *error;
    pthread_mutex_t lock;
};

static const struct push_blob *take_next(struct pushing *pushing)
{
    pthread_mutex_lock(&pushing->lock);
    const struct push_blob *blob = pushing->error || pushing->next == pushing->count ? NULL : &pushing->blobs[pushing->next++];
    pthread_mutex_unlock(&pushing->lock);
    return blob;
}

static void *work(void *data)
{
    struct pushing *pushing = data;
    const struct push *push = pushing->push;
    struct session *session = session_new(push->registry, pushing->place, "pull,push");
    size_t host = strcspn(push->repository, "/") + 1;
    if (push->source && is_beside(push, push->source))
        session_read_also(session, push->source + host);
    for (size_t i = 0; i < push->origin_count; i++)
        if (is_beside(push, push->origins[i].repository))
            session_read_also(session, push->origins[i].repository + host);
    for (const struct push_blob *blob; (blob = take_next(pushing));) {
        char *error = send_blob(push, session, blob);
        pthread_mutex_lock(&pushing->lock);
        if (error && !pushing->error)
            pushing->error = error;
        else
            free(error);
        pthread_mutex_unlock(&pushing->lock);
    }
    session_free(session);
    return NULL;
}

char *push_blobs(const struct push *push, const struct push_blob *blobs, size_t count)
{
    struct places places = {0};
    char *error = registry_places(push->registry, push->repository, true, true, &places);
    if (!error) {
        struct pushing pushing = {.push = push, .place = &places.items.items[0], .blobs = blobs, .count = count};
        pthread_t threads[AT_A_TIME];
        size_t started = 0, most = count < AT_A_TIME ? count : AT_A_TIME;
        pthread_mutex_init(&pushing.lock, NULL);
        while (started + 1 < most && pthread_create(&threads[started], NULL, work, &pushing) == 0)
            started++;
        work(&pushing);
        for (size_t i = 0; i < started; i++)
            pthread_join(threads[i], NULL);
        pthread_mutex_destroy(&pushing.lock);
        error = pushing.error;
    }
    vec_free(&places.items);
    return error;
}
