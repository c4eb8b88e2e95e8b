/*
 * Files by HTTP and HTTPS: one GET, redirects and repeated tries included, into a descriptor.
 */
#ifndef DFGEN_REGISTRY_HTTP_H
#define DFGEN_REGISTRY_HTTP_H

#include <stdint.h>

#include "runtime/lib/digest.h"

struct http_file {
    struct digest digest;
    int64_t size;
    int64_t modified;   /* Last-Modified in seconds since 1970; 0: not said */
};

/*
 * Get url into fd, an empty file: at most limit bytes. A try that fails for a reason that may pass is repeated, and the
 * file is emptied before. Never from https to http, nor to any other scheme. NULL, or what went wrong: malloc'd,
 * without user and password.
 */
char *http_get(const char *url, int fd, int64_t limit, struct http_file *file);

#endif
