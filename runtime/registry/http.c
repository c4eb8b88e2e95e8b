/*
 * Owns the way a file comes by HTTP: what is followed, what is tried again, and when it is given up. Called by
 * dfgen-fetch. Must not know what the file is for. Redirects are followed here and not by libcurl, whose rule for https
 * looks at the first address only.
 */
#include "runtime/registry/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/url.h"

enum {
    CONNECT_SECONDS = 30,
    STALL_SECONDS = 60,
    MAX_REDIRECTS = 10,
    TRIES = 5,
    FIRST_DELAY_MS = 200,       /* doubled each time */
    LONGEST_DELAY_MS = 30000,   /* whatever Retry-After says */
};

struct transfer {
    CURL *curl;
    int fd;
    int64_t size, limit;
    struct digest_state state;
    bool is_too_big;
    int write_error;
    char message[CURL_ERROR_SIZE];
};

/* How one request ended. */
struct outcome {
    char *error;        /* NULL: it is there */
    char *redirect;     /* where to go instead; malloc'd */
    bool may_pass;      /* another try may do better */
    int64_t delay_ms;   /* asked for by the server */
};

/* A body that is not the file's (an error page, a redirect's) goes nowhere. */
static size_t take_body(char *data, size_t size, size_t count, void *to)
{
    struct transfer *transfer = to;
    size_t len = size * count;
    long code = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code < 200 || code > 299)
        return len;
    if ((int64_t)len > transfer->limit - transfer->size) {
        transfer->is_too_big = true;
        return 0;
    }
    if (fd_write_all(transfer->fd, data, len) < 0) {
        transfer->write_error = errno;
        return 0;
    }
    digest_add(&transfer->state, data, len);
    transfer->size += (int64_t)len;
    return len;
}

static bool is_secure(const char *url)
{
    return !strncasecmp(url, "https://", 8);
}

static bool is_http(const char *url)
{
    return is_secure(url) || !strncasecmp(url, "http://", 7);
}

static char *say(const char *url, const char *format, const char *detail)
{
    struct buf text = {0};
    buf_puts(&text, "cannot get ");
    url_add_public(&text, span_of(url));
    buf_puts(&text, ": ");
    char *reason = xasprintf(format, detail);
    url_add_public(&text, span_of(reason));
    free(reason);
    return buf_take(&text);
}

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
    case CURLE_RECV_ERROR:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return true;
    default:
        return false;
    }
}

static void configure_curl(struct transfer *transfer, const char *url)
{
    CURL *curl = transfer->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->message);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "dfgen/" DFGEN_VERSION);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_FILETIME, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    /* The variables that OpenSSL's own programs know, which libcurl leaves to its callers. */
    if (getenv("SSL_CERT_FILE"))
        curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    if (getenv("SSL_CERT_DIR"))
        curl_easy_setopt(curl, CURLOPT_CAPATH, getenv("SSL_CERT_DIR"));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
}

static struct outcome judge_status(const struct transfer *transfer, const char *url)
{
    struct outcome outcome = {0};
    char number[32], *redirect = NULL;
    long code = 0;
    curl_off_t wait = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 200 && code <= 299)
        return outcome;
    curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_URL, &redirect);
    if (code >= 300 && code <= 399 && redirect) {
        outcome.redirect = xstrdup(redirect);
        return outcome;
    }
    snprintf(number, sizeof number, "%ld", code);
    outcome.error = say(url, "the server says %s", number);
    outcome.may_pass = code == 429 || code >= 500;
    curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &wait);
    outcome.delay_ms = wait > LONGEST_DELAY_MS / 1000 ? LONGEST_DELAY_MS : (int64_t)wait * 1000;
    return outcome;
}

/* One request, into the emptied file. */
static struct outcome request(struct transfer *transfer, const char *url)
{
    if (ftruncate(transfer->fd, 0) < 0 || lseek(transfer->fd, 0, SEEK_SET) < 0)
        return (struct outcome){.error = say(url, "cannot write: %s", strerror(errno))};
    transfer->size = 0;
    transfer->message[0] = 0;
    configure_curl(transfer, url);
    CURLcode code = curl_easy_perform(transfer->curl);
    if (transfer->is_too_big)
        return (struct outcome){.error = say(url, "it is larger than %s", "dfgen takes")};
    if (transfer->write_error)
        return (struct outcome){.error = say(url, "cannot write: %s", strerror(transfer->write_error))};
    if (code == CURLE_OK)
        return judge_status(transfer, url);
    const char *message = *transfer->message ? transfer->message : curl_easy_strerror(code);
    return (struct outcome){.error = say(url, "%s", message), .may_pass = may_pass(code)};
}

/* The request and where it leads. */
static struct outcome follow(struct transfer *transfer, const char *url)
{
    char *at = xstrdup(url);
    for (int i = 0;; i++) {
        struct outcome outcome = request(transfer, at);
        if (outcome.error || !outcome.redirect) {
            free(at);
            return outcome;
        }
        const char *wrong = !is_http(outcome.redirect) || (is_secure(at) && !is_secure(outcome.redirect))
                                ? "it redirects to %s, which is not followed"
                            : i == MAX_REDIRECTS ? "too many redirects; the last to %s"
                                                 : NULL;
        free(at);
        at = outcome.redirect;
        if (wrong) {
            outcome = (struct outcome){.error = say(url, wrong, at)};
            free(at);
            return outcome;
        }
    }
}

static void wait_ms(int64_t delay)
{
    struct timespec time = {.tv_sec = delay / 1000, .tv_nsec = delay % 1000 * 1000000};
    while (nanosleep(&time, &time) < 0 && errno == EINTR)
        ;
}

static char *try_often(struct transfer *transfer, const char *url, struct digest *digest)
{
    int64_t delay = FIRST_DELAY_MS;
    for (int i = 1;; i++, delay *= 2) {
        digest_begin(&transfer->state);
        struct outcome outcome = follow(transfer, url);
        *digest = digest_end(&transfer->state);
        if (!outcome.error)
            return NULL;
        if (!outcome.may_pass || i == TRIES)
            return outcome.error;
        free(outcome.error);
        wait_ms(outcome.delay_ms > delay ? outcome.delay_ms : delay);
    }
}

char *http_get(const char *url, int fd, int64_t limit, struct http_file *file)
{
    if (!is_http(url))
        return say(url, "%s", "it is neither http nor https");
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return say(url, "%s", "libcurl does not start");
    struct transfer transfer = {.curl = curl_easy_init(), .fd = fd, .limit = limit};
    if (!transfer.curl)
        die("out of memory");
    char *error = try_often(&transfer, url, &file->digest);
    curl_off_t modified = -1;
    curl_easy_getinfo(transfer.curl, CURLINFO_FILETIME_T, &modified);
    file->modified = modified < 0 ? 0 : (int64_t)modified;
    file->size = transfer.size;
    curl_easy_cleanup(transfer.curl);
    curl_global_cleanup();
    return error;
}
