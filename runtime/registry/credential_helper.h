/* docker-credential-NAME programs: the host on their standard input, JSON on their output. */
#ifndef DFGEN_REGISTRY_CREDENTIAL_HELPER_H
#define DFGEN_REGISTRY_CREDENTIAL_HELPER_H

struct arena;
struct credentials;

/* Ask one for a server. NULL, or what is wrong; that it knows none is nothing wrong. */
const char *credential_helper_ask(struct arena *arena, const char *name, const char *server, struct credentials *found);

#endif
