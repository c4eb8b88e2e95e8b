/* The twin of curl.c where configure did not find libcurl, or was told not to use it. */
#include "runtime/registry/client.h"

#include <stdlib.h>

#include "runtime/lib/die.h"

struct client {
    char nothing;
};

struct client *client_new(void)
{
    return xcalloc(1, sizeof(struct client));
}

void client_free(struct client *client)
{
    free(client);
}

void client_send(struct client *client, const struct client_request *request, struct client_response *response)
{
    (void)client, (void)request;
    *response = (struct client_response){.error = xstrdup("this dfgen was built without libcurl")};
}
