/*
 * Owns what is asked of an answer once it is there. Called by those who send requests. Must not know libcurl: the twin
 * without it (curl_null.c) needs this as well.
 */
#include "runtime/registry/client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/lib/die.h"

void client_response_free(struct client_response *response)
{
    free(response->error);
    free(response->redirect);
    buf_free(&response->text);
    buf_free(&response->headers);
}

char *client_header(const struct client_response *response, const char *name, size_t n)
{
    size_t len = strlen(name);
    for (const char *line = buf_text(&response->headers); *line;) {
        size_t end = strcspn(line, "\r\n");
        if (end > len && line[len] == ':' && !strncasecmp(line, name, len) && !n--) {
            const char *value = line + len + 1;
            value += strspn(value, " \t");
            size_t size = (size_t)(line + end - value);
            while (size && (value[size - 1] == ' ' || value[size - 1] == '\t'))
                size--;
            return xstrndup(value, size);
        }
        line += end;
        line += strspn(line, "\r\n");
    }
    return NULL;
}

bool client_status_may_pass(long status)
{
    return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505);
}

/* OpenSSL's words for the alerts that a server sends; Go's says "bad" where there is none at all. */
bool client_wants_certificate(const struct client_response *response)
{
    static const char *const alerts[] = {"alert certificate required", "alert bad certificate", "alert unknown ca",
                                         "alert certificate unknown"};
    for (size_t i = 0; response->error && i < sizeof alerts / sizeof *alerts; i++)
        if (strstr(response->error, alerts[i]))
            return true;
    return false;
}
