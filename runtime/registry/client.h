/*
 * One HTTP request and its answer, over libcurl. Follows nothing, repeats nothing, knows no server: http.c and session.c
 * decide. Without libcurl (curl_null.c) every request fails and says so. Proxies are those of the environment.
 */
#ifndef DFGEN_REGISTRY_CLIENT_H
#define DFGEN_REGISTRY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/lib/buf.h"

/* A connection kept for the next request. One thread at a time. */
struct client;

/* NULL: libcurl does not start. */
struct client *client_new(void);
void client_free(struct client *client);

/* How a server proves who it is, and we. */
struct client_tls {
    bool is_unchecked;              /* any certificate will do */
    const char *authorities;        /* PEM text beside the system's; NULL: none */
    const char *certificate, *key;  /* files; NULL: none */
};

struct client_request {
    const char *method;             /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE" */
    const char *url;
    const char *const *headers;     /* lines without their end; the last is NULL */
    size_t header_count;
    const struct client_tls *tls;   /* NULL: the system's authorities */
    int stall_seconds;              /* without a byte, it is given up; 0: 60. DFGEN_NETWORK_TIMEOUT counts before it */
    /* What is sent: data, or size bytes of fd from offset on. */
    const void *data;
    int fd;
    int64_t offset, size;
    /* Where the body of a 2xx answer goes: -1 with errno stops. The response has status and headers by then. NULL: to response->text. */
    int (*take)(void *to, const void *piece, size_t len);
    void *to;
    int64_t limit;                  /* of that body */
};

struct client_response {
    long status;            /* 0: there was no answer */
    char *error;            /* why not, or why the body is not whole; NULL: all is there. Malloc'd */
    bool may_pass;          /* another try may do better */
    bool is_no_tls;         /* the server does not speak TLS */
    bool is_too_big;
    int write_error;        /* errno of take */
    struct buf text;        /* a body that take did not get; of one that is no 2xx, the beginning */
    struct buf headers;     /* of the last answer, as they came */
    char *redirect;         /* absolute, of a 3xx; NULL: none. Malloc'd */
    int64_t delay_ms;       /* Retry-After; 0: not said */
    int64_t modified;       /* Last-Modified, seconds since 1970; 0: not said */
};

/* response is cleared first; client_response_free frees what is in it. */
void client_send(struct client *client, const struct client_request *request, struct client_response *response);
void client_response_free(struct client_response *response);

/* The n-th header of that name: its value, malloc'd; NULL: there is none. */
char *client_header(const struct client_response *response, const char *name, size_t n);

/* A status that another try may change. */
bool client_status_may_pass(long status);
/* Did the server end it because we have no certificate, or none that it knows? */
bool client_wants_certificate(const struct client_response *response);

#endif
