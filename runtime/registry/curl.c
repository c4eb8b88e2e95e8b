/*
 * Owns libcurl: nobody else includes it. Called by http (files) and session (registries). Must not decide what is tried
 * again or followed. Redirects are left to the callers: libcurl's rule for https looks at the first address only.
 */
#include "runtime/registry/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "config.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

enum {
    CONNECT_SECONDS = 30,
    STALL_SECONDS = 60,
    LONGEST_STALL = 86400,
    WHOLE_STALLS = 10,              /* a document that takes as long as so many stalls is given up */
    TEXT_LIMIT = 64 * 1024,         /* of an error page */
    HEADER_LIMIT = 256 * 1024,
    BUFFER_SIZE = 256 * 1024,
    UPLOAD_BUFFER_SIZE = 512 * 1024,
    BUNDLE_LIMIT = 16 * 1024 * 1024,
};

struct client {
    CURL *curl;
};

/* A request under way. */
struct transfer {
    CURL *curl;
    const struct client_request *request;
    struct client_response *response;
    int64_t sent, taken;
    int64_t moved, moved_at;    /* bytes both ways, and when the last of them (CLOCK_MONOTONIC, ms) */
    int64_t stall_ms;           /* as long without a byte is too long */
    bool is_stalled;
    int read_error;
    struct buf authorities;
    char message[CURL_ERROR_SIZE];
};

static pthread_once_t started = PTHREAD_ONCE_INIT;
static CURLcode start_result;

static void start(void)
{
    start_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct client *client_new(void)
{
    pthread_once(&started, start);
    CURL *curl = start_result == CURLE_OK ? curl_easy_init() : NULL;
    if (!curl)
        return NULL;
    struct client *client = xmalloc(sizeof *client);
    client->curl = curl;
    return client;
}

void client_free(struct client *client)
{
    if (client)
        curl_easy_cleanup(client->curl);
    free(client);
}

/* --- what libcurl calls --- */

static long status_of(CURL *curl)
{
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t take_text(struct transfer *transfer, const char *data, size_t len, bool is_body)
{
    struct buf *text = &transfer->response->text;
    size_t limit = is_body ? (size_t)transfer->request->limit : TEXT_LIMIT;
    if (len > limit - text->len) {
        if (is_body) {
            transfer->response->is_too_big = true;
            return 0;
        }
        /* Of an error page, the beginning is enough: its end may never come. */
        buf_add(text, data, limit - text->len);
        return 0;
    }
    buf_add(text, data, len);
    return len;
}

/* The body of an error page or a redirect is not the file. */
static size_t take_body(char *data, size_t size, size_t count, void *to)
{
    struct transfer *transfer = to;
    size_t len = size * count;
    long status = status_of(transfer->curl);
    bool is_body = status >= 200 && status <= 299;
    if (!is_body || !transfer->request->take)
        return take_text(transfer, data, len, is_body);
    curl_off_t announced = -1;
    curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if ((int64_t)len > transfer->request->limit - transfer->taken || announced > transfer->request->limit) {
        transfer->response->is_too_big = true;
        return 0;
    }
    transfer->response->status = status;
    if (transfer->request->take(transfer->request->to, data, len) < 0) {
        transfer->response->write_error = errno;
        return 0;
    }
    transfer->taken += (int64_t)len;
    return len;
}

static size_t take_header(char *data, size_t size, size_t count, void *to)
{
    struct transfer *transfer = to;
    struct buf *headers = &transfer->response->headers;
    size_t len = size * count;
    /* A line of status begins another answer: what a proxy or "100 Continue" said before does not count. */
    if (len > 5 && !memcmp(data, "HTTP/", 5))
        buf_clear(headers);
    if (len > HEADER_LIMIT - headers->len)
        return 0;
    buf_add(headers, data, len);
    return len;
}

static size_t give_body(char *data, size_t size, size_t count, void *from)
{
    struct transfer *transfer = from;
    const struct client_request *request = transfer->request;
    int64_t left = request->size - transfer->sent, room = (int64_t)(size * count);
    size_t len = (size_t)(left < room ? left : room);
    if (request->data)
        memcpy(data, (const char *)request->data + transfer->sent, len);
    else if (fd_pread_all(request->fd, data, len, request->offset + transfer->sent) < 0) {
        transfer->read_error = errno;
        return CURL_READFUNC_ABORT;
    }
    transfer->sent += (int64_t)len;
    return len;
}

/* libcurl sends a body again on another connection when the kept one turns out to be dead. */
static int rewind_body(void *from, curl_off_t offset, int origin)
{
    struct transfer *transfer = from;
    if (origin != SEEK_SET || offset < 0 || offset > transfer->request->size)
        return CURL_SEEKFUNC_FAIL;
    transfer->sent = offset;
    return CURL_SEEKFUNC_OK;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Called once a second at least. libcurl's own limit is of a speed, which a first burst keeps up for long. */
static int watch(void *of, curl_off_t total_down, curl_off_t down, curl_off_t total_up, curl_off_t up)
{
    struct transfer *transfer = of;
    (void)total_down, (void)total_up;
    if (down + up != transfer->moved) {
        transfer->moved = down + up;
        transfer->moved_at = now_ms();
    }
    transfer->is_stalled = now_ms() - transfer->moved_at > transfer->stall_ms;
    return transfer->is_stalled;
}

/* --- setting up --- */

/* The system's authorities and others as one text: libcurl takes a file of them in place of its own. */
static char *set_authorities(struct transfer *transfer, const char *more)
{
#if LIBCURL_VERSION_NUM >= 0x075400
    CURL *curl = transfer->curl;
    char *bundle = getenv("SSL_CERT_FILE");
    if (!bundle)
        curl_easy_getinfo(curl, CURLINFO_CAINFO, &bundle);
    if (bundle && file_read_at(AT_FDCWD, bundle, &transfer->authorities, BUNDLE_LIMIT) < 0 && errno != ENOENT)
        return xasprintf("cannot read the certificate authorities in %s: %s", bundle, strerror(errno));
    buf_putc(&transfer->authorities, '\n');
    buf_puts(&transfer->authorities, more);
    struct curl_blob blob = {transfer->authorities.data, transfer->authorities.len, CURL_BLOB_NOCOPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    return NULL;
#else
    (void)transfer, (void)more;
    return xstrdup("this dfgen was built with a libcurl older than 7.84, which takes no certificate authorities of a "
                   "registry: put them where SSL_CERT_FILE says");
#endif
}

static char *set_tls(struct transfer *transfer)
{
    CURL *curl = transfer->curl;
    const struct client_tls *tls = transfer->request->tls;
    /* The variables that OpenSSL's own programs know, which libcurl leaves to its callers. */
    if (getenv("SSL_CERT_FILE"))
        curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    if (getenv("SSL_CERT_DIR"))
        curl_easy_setopt(curl, CURLOPT_CAPATH, getenv("SSL_CERT_DIR"));
    if (!tls)
        return NULL;
    if (tls->is_unchecked) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (tls->certificate)
        curl_easy_setopt(curl, CURLOPT_SSLCERT, tls->certificate);
    if (tls->key)
        curl_easy_setopt(curl, CURLOPT_SSLKEY, tls->key);
    return tls->authorities && !tls->is_unchecked ? set_authorities(transfer, tls->authorities) : NULL;
}

static void set_body(struct transfer *transfer)
{
    CURL *curl = transfer->curl;
    const struct client_request *request = transfer->request;
    if (!strcmp(request->method, "HEAD"))
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (!strcmp(request->method, "GET") || !strcmp(request->method, "HEAD"))
        return;
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->size);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_SIZE);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_body);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
}

/* How long a server may say nothing; the user's word counts before ours. */
static char *set_times(struct transfer *transfer)
{
    CURL *curl = transfer->curl;
    const struct client_request *request = transfer->request;
    const char *given = getenv("DFGEN_NETWORK_TIMEOUT");
    long seconds = request->stall_seconds ? request->stall_seconds : STALL_SECONDS, connect = CONNECT_SECONDS;
    if (given && *given) {
        char *end;
        seconds = strtol(given, &end, 10);
        if (*end || seconds < 1 || seconds > LONGEST_STALL)
            return xasprintf("DFGEN_NETWORK_TIMEOUT is \"%s\": a number of seconds is wanted, 1 to %d", given,
                             LONGEST_STALL);
        connect = seconds;
    }
    transfer->stall_ms = seconds * 1000;
    transfer->moved_at = now_ms();
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, connect);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    /* Byte by byte nothing stalls. A file may take its time, a document may not. */
    if (!request->take && !request->size)
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, seconds * WHOLE_STALLS);
    return NULL;
}

static char *set_up(struct transfer *transfer)
{
    CURL *curl = transfer->curl;
    const struct client_request *request = transfer->request;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->message);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "dfgen/" DFGEN_VERSION);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)BUFFER_SIZE);
    curl_easy_setopt(curl, CURLOPT_FILETIME, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
    /* Each thread has a connection of its own; streams of one would share its window. */
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    set_body(transfer);
    char *error = set_times(transfer);
    return error ? error : set_tls(transfer);
}

static struct curl_slist *make_headers(const struct client_request *request)
{
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < request->header_count; i++) {
        list = curl_slist_append(list, request->headers[i]);
        if (!list)
            die("out of memory");
    }
    return list;
}

/* --- the answer --- */

static bool may_pass(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

/* OpenSSL's words for an answer in plain HTTP. */
static bool speaks_no_tls(const struct transfer *transfer, CURLcode code)
{
    return code == CURLE_SSL_CONNECT_ERROR && (strstr(transfer->message, "wrong version number") ||
                                               strstr(transfer->message, "packet length too long") ||
                                               strstr(transfer->message, "http request"));
}

static void judge(const struct transfer *transfer, CURLcode code)
{
    struct client_response *response = transfer->response;
    response->status = status_of(transfer->curl);
    bool is_page = response->status && (response->status < 200 || response->status > 299);
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && is_page))
        return;
    response->is_no_tls = speaks_no_tls(transfer, code);
    if (response->is_too_big)
        response->error = xstrdup("it is larger than dfgen takes");
    else if (response->write_error)
        response->error = xasprintf("cannot write: %s", strerror(response->write_error));
    else if (transfer->read_error)
        response->error = xasprintf("cannot read what is sent: %s", strerror(transfer->read_error));
    else if (transfer->is_stalled)
        response->error = xasprintf("it has said nothing for %lld seconds", (long long)transfer->stall_ms / 1000);
    else
        response->error = xstrdup(*transfer->message ? transfer->message : curl_easy_strerror(code));
    response->may_pass = (may_pass(code) || transfer->is_stalled) && !response->is_no_tls &&
                         !client_wants_certificate(response);
}

static void read_answer(const struct transfer *transfer)
{
    struct client_response *response = transfer->response;
    char *redirect = NULL;
    curl_off_t wait = 0, modified = -1;
    curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_URL, &redirect);
    curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &wait);
    curl_easy_getinfo(transfer->curl, CURLINFO_FILETIME_T, &modified);
    if (response->status >= 300 && response->status <= 399 && redirect)
        response->redirect = xstrdup(redirect);
    response->delay_ms = wait > 0 && wait < INT32_MAX ? (int64_t)wait * 1000 : 0;
    response->modified = modified < 0 ? 0 : (int64_t)modified;
}

void client_send(struct client *client, const struct client_request *request, struct client_response *response)
{
    struct transfer transfer = {.curl = client->curl, .request = request, .response = response};
    *response = (struct client_response){0};
    struct curl_slist *headers = make_headers(request);
    response->error = set_up(&transfer);
    if (!response->error) {
        curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
        judge(&transfer, curl_easy_perform(client->curl));
        read_answer(&transfer);
    }
    curl_slist_free_all(headers);
    buf_free(&transfer.authorities);
}
