/*
 * What a registry asks for when it says 401, and the tokens that were got for it. Tokens are kept in memory only, and never
 * outlive their time.
 */
#ifndef DFGEN_REGISTRY_TOKEN_H
#define DFGEN_REGISTRY_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct client;
struct client_response;
struct client_tls;
struct credentials;

struct challenge {
    enum { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER } kind;
    const char *realm, *service, *scope;    /* bearer; NULL: not said */
    bool is_expired;                        /* error="invalid_token" */
};

/* From the WWW-Authenticate headers; bearer is taken before basic. */
struct challenge challenge_read(struct arena *arena, const struct client_response *response);

struct token {
    const char *text;   /* the arena's */
    int64_t expires;    /* CLOCK_MONOTONIC, seconds */
};

/*
 * Ask the challenge's realm for a token. scopes: "repository:NAME:pull", several separated by spaces. NULL, or what went wrong
 * (the arena's).
 */
const char *token_get(struct arena *arena, struct client *client, const struct client_tls *tls,
                      const struct challenge *challenge, const char *scopes, const struct credentials *credentials,
                      struct token *token);
bool token_is_good(const struct token *token);

/* "Basic dXNlcjpwYXNz" */
const char *token_basic(struct arena *arena, const struct credentials *credentials);

/* Text that a server sent, fit to be shown: printable, one line, not long. */
const char *token_shown(struct arena *arena, const char *text);

#endif
