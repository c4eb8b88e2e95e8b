/*
 * Requests to the repositories of registries: who is asked, as whom, what is followed and what is tried again. The protocol's
 * verbs are pull.c's and push.c's.
 */
#ifndef DFGEN_REGISTRY_SESSION_H
#define DFGEN_REGISTRY_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/registry/client.h"

struct json_t;
struct place;
struct places;

/* All that a process knows of registries: settings, credentials, tokens. Threads share it. */
struct registry;

/* settings: "registry" of settings.json, may be NULL. NULL: *error (malloc'd) says why. */
struct registry *registry_new(const struct json_t *settings, char **error);
void registry_free(struct registry *registry);
/* --creds USER[:PASSWORD]: before all files. Kept in memory only. */
void registry_set_credentials(struct registry *registry, const char *text);

/* hosts_places for a process: places live as long as the registry. NULL, or what is wrong, malloc'd. */
char *registry_places(struct registry *registry, const char *repository, bool by_digest, bool for_push, struct places *places);

/* One thread's way to one place. */
struct session;

/* actions: "pull" or "pull,push". */
struct session *session_new(struct registry *registry, const struct place *place, const char *actions);
void session_free(struct session *session);
const struct place *session_place(const struct session *session);
/* Ask for the right to read another repository of the server, too. */
void session_read_also(struct session *session, const char *repository);

/*
 * Send a request: its url is a path behind the repository ("manifests/latest"), or an address of the same server that it gave
 * itself. is_repeatable: a failure that may pass is tried again here (then take must not be set, or start anew by itself).
 * The answer may be any; session_is_ok tells.
 */
void session_send(struct session *session, struct client_request *request, bool is_repeatable,
                  struct client_response *response);
bool session_is_ok(const struct client_response *response);

/* "HOST: cannot WHAT: WHY. REMEDY", malloc'd. what: "get the manifest of docker.io/library/busybox:latest". */
char *session_failure(const struct session *session, const char *what, const struct client_response *response);

/* The answer's address for what follows: the Location header, absolute; malloc'd. NULL: there is none or it leads elsewhere than it may. */
char *session_location(const struct session *session, const struct client_response *response);

#endif
