/* The twin of http.c where configure did not find libcurl, or was told not to use it. */
#include "runtime/registry/http.h"

#include "runtime/lib/buf.h"
#include "runtime/lib/url.h"

char *http_get(const char *url, int fd, int64_t limit, struct http_file *file)
{
    (void)fd, (void)limit, (void)file;
    struct buf text = {0};
    buf_puts(&text, "cannot get ");
    url_add_public(&text, span_of(url));
    buf_puts(&text, ": this dfgen was built without libcurl");
    return buf_take(&text);
}
