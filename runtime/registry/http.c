/*
 * Owns the way a file comes by HTTP: what is followed, what is tried again, and when it is given up. Called by
 * dfgen-fetch. Must not know what the file is for.
 */
#include "runtime/registry/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/url.h"
#include "runtime/registry/client.h"
#include "runtime/registry/retry.h"

enum { MAX_REDIRECTS = 10 };

struct download {
    struct client *client;
    int fd;
    int64_t limit;
    struct digest_state state;
    struct http_file *file;
};

/* How one request ended. */
struct outcome {
    char *error;        /* NULL: it is there */
    char *redirect;     /* where to go instead; malloc'd */
    bool may_pass;      /* another try may do better */
    int64_t delay_ms;   /* asked for by the server */
};

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

static int take(void *to, const void *piece, size_t len)
{
    struct download *download = to;
    if (fd_write_all(download->fd, piece, len) < 0)
        return -1;
    digest_add(&download->state, piece, len);
    download->file->size += (int64_t)len;
    return 0;
}

static struct outcome judge(const struct client_response *response, const char *url)
{
    struct outcome outcome = {.may_pass = response->may_pass};
    char number[32];
    if (response->error) {
        outcome.error = say(url, "%s", response->error);
    } else if (response->redirect) {
        outcome.redirect = xstrdup(response->redirect);
    } else if (response->status < 200 || response->status > 299) {
        snprintf(number, sizeof number, "%ld", response->status);
        outcome.error = say(url, "the server says %s", number);
        outcome.may_pass = client_status_may_pass(response->status);
        outcome.delay_ms = response->delay_ms;
    }
    return outcome;
}

/* One request, into the emptied file. */
static struct outcome request(struct download *download, const char *url)
{
    if (ftruncate(download->fd, 0) < 0 || lseek(download->fd, 0, SEEK_SET) < 0)
        return (struct outcome){.error = say(url, "cannot write: %s", strerror(errno))};
    struct client_request request = {.method = "GET", .url = url, .take = take, .to = download, .limit = download->limit};
    struct client_response response;
    download->file->size = 0;
    client_send(download->client, &request, &response);
    download->file->modified = response.modified;
    struct outcome outcome = judge(&response, url);
    client_response_free(&response);
    return outcome;
}

/* The request and where it leads. */
static struct outcome follow(struct download *download, const char *url)
{
    char *at = xstrdup(url);
    for (int i = 0;; i++) {
        struct outcome outcome = request(download, at);
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

static char *try_often(struct download *download, const char *url)
{
    struct retry retry = {0};
    for (;;) {
        digest_begin(&download->state);
        struct outcome outcome = follow(download, url);
        download->file->digest = digest_end(&download->state);
        if (!outcome.error)
            return NULL;
        if (!outcome.may_pass || !retry_wait(&retry, outcome.delay_ms))
            return outcome.error;
        free(outcome.error);
    }
}

char *http_get(const char *url, int fd, int64_t limit, struct http_file *file)
{
    if (!is_http(url))
        return say(url, "%s", "it is neither http nor https");
    struct download download = {.client = client_new(), .fd = fd, .limit = limit, .file = file};
    if (!download.client)
        return say(url, "%s", "libcurl does not start");
    char *error = try_often(&download, url);
    client_free(download.client);
    return error;
}
