/*
 * Owns the conversation with one server: its scheme, its challenge, our answer to it, redirects, tries. Called by pull and push.
 * Must not know what is asked for. Credentials go to the server that asked and its token server, and nowhere else.
 */
#include "runtime/registry/session.h"

#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/registry/credentials.h"
#include "runtime/registry/hosts.h"
#include "runtime/registry/retry.h"
#include "runtime/registry/token.h"

enum { MAX_REDIRECTS = 10, MAX_HEADERS = 8, PING_LIMIT = 64 * 1024 };

/* What is known of a server: it is asked once in a process. */
struct server {
    const char *host;
    const char *base;           /* "https://registry.example"; NULL: it has not answered yet */
    struct challenge challenge;
};

/* A token, for whom and what. */
struct known_token {
    const char *host, *key, *scopes;
    struct token token;
};

/* What was found for a key: files are read, and helper programs run, once. */
struct known_credentials {
    const char *key, *why;
    struct credentials credentials;
};

struct registry {
    pthread_mutex_t lock;       /* over all below */
    struct arena arena;
    struct hosts hosts;
    const char *authfile;
    struct credentials given;   /* --creds */
    VEC(struct server *) servers;
    VEC(struct known_token *) tokens;
    VEC(struct known_credentials) credentials;
};

struct session {
    struct registry *registry;
    const struct place *place;
    struct client *client;
    struct server *server;
    const char *scopes;         /* the registry's arena's */
    char *authorization;        /* the header; NULL: none */
    char *problem;              /* why there is none, when there should be */
};

struct registry *registry_new(const json_t *settings, char **error)
{
    struct registry *registry = xcalloc(1, sizeof *registry);
    pthread_mutex_init(&registry->lock, NULL);
    const char *authfile = json_get_string(settings, "authfile", NULL);
    registry->authfile = authfile ? arena_strdup(&registry->arena, authfile) : NULL;
    const char *why = hosts_read(&registry->hosts, &registry->arena, settings);
    if (!why)
        return registry;
    *error = xstrdup(why);
    registry_free(registry);
    return NULL;
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    hosts_free(&registry->hosts);
    vec_free(&registry->servers);
    vec_free(&registry->tokens);
    vec_free(&registry->credentials);
    arena_free(&registry->arena);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

void registry_set_credentials(struct registry *registry, const char *text)
{
    size_t len = strcspn(text, ":");
    registry->given.user = arena_strndup(&registry->arena, text, len);
    registry->given.password = arena_strdup(&registry->arena, text[len] ? text + len + 1 : "");
}

char *registry_places(struct registry *registry, const char *repository, bool by_digest, bool for_push, struct places *places)
{
    pthread_mutex_lock(&registry->lock);
    const char *why = hosts_places(&registry->hosts, repository, by_digest, for_push, places);
    pthread_mutex_unlock(&registry->lock);
    return why ? xstrdup(why) : NULL;
}

static struct server *find_server(struct registry *registry, const char *host)
{
    for (size_t i = 0; i < registry->servers.count; i++)
        if (!strcmp(registry->servers.items[i]->host, host))
            return registry->servers.items[i];
    struct server *server = arena_alloc(&registry->arena, sizeof *server);
    server->host = host;
    vec_push(&registry->servers, server);
    return server;
}

struct session *session_new(struct registry *registry, const struct place *place, const char *actions)
{
    struct session *session = xcalloc(1, sizeof *session);
    *session = (struct session){.registry = registry, .place = place, .client = client_new()};
    if (!session->client)
        die("libcurl does not start");
    pthread_mutex_lock(&registry->lock);
    session->server = find_server(registry, place->host);
    session->scopes = arena_printf(&registry->arena, "repository:%s:%s", place->repository, actions);
    pthread_mutex_unlock(&registry->lock);
    return session;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    client_free(session->client);
    free(session->authorization);
    free(session->problem);
    free(session);
}

const struct place *session_place(const struct session *session)
{
    return session->place;
}

void session_read_also(struct session *session, const char *repository)
{
    struct registry *registry = session->registry;
    pthread_mutex_lock(&registry->lock);
    const char *more = arena_printf(&registry->arena, "repository:%s:pull", repository);
    if (!strstr(session->scopes, more))
        session->scopes = arena_printf(&registry->arena, "%s %s", session->scopes, more);
    pthread_mutex_unlock(&registry->lock);
}

/* --- who the server is --- */

static bool is_secure(const char *url)
{
    return !strncasecmp(url, "https://", 8);
}

/* Is url on the server of base, scheme and port included? */
static bool is_at(const char *url, const char *base)
{
    size_t len = strlen(base);
    return !strncasecmp(url, base, len) && (!url[len] || url[len] == '/' || url[len] == '?');
}

static void ping(struct session *session, const char *base, struct client_response *response)
{
    struct client_request request = {
        .method = "GET",
        .url = arena_printf(&session->registry->arena, "%s/v2/", base),
        .tls = &session->place->tls,
        .limit = PING_LIMIT,
    };
    client_send(session->client, &request, response);
}

/* https, or http where that is allowed and https is not spoken. The response says what went wrong, if something did. */
static void meet_once(struct session *session, struct client_response *response)
{
    struct registry *registry = session->registry;
    bool may_be_plain = session->place->is_insecure || session->place->is_local;
    const char *base = arena_printf(&registry->arena, "https://%s", session->place->host);
    ping(session, base, response);
    if (response->error && response->is_no_tls && may_be_plain) {
        client_response_free(response);
        base = arena_printf(&registry->arena, "http://%s", session->place->host);
        ping(session, base, response);
    }
    /* An answer of any kind tells that the server is there: some have nothing at /v2/. */
    if (!response->error && !client_status_may_pass(response->status)) {
        session->server->challenge = challenge_read(&registry->arena, response);
        session->server->base = base;
    }
}

/* The lock is held: others that need the server wait for the answer. */
static bool meet(struct session *session, struct client_response *response)
{
    struct retry retry = {0};
    while (!session->server->base) {
        meet_once(session, response);
        if (session->server->base) {
            client_response_free(response);
            break;
        }
        bool again = response->error ? response->may_pass : client_status_may_pass(response->status);
        if (!again || !retry_wait(&retry, response->delay_ms))
            return false;
        client_response_free(response);
    }
    return true;
}

/* --- who we are --- */

/* The server's certificate authorities hold for its token server and for where it sends us; our own certificate is for it alone. */
static struct client_tls foreign_tls(const struct session *session)
{
    struct client_tls tls = session->place->tls;
    tls.certificate = tls.key = NULL;
    return tls;
}

static const char *find_credentials(struct session *session, struct credentials *credentials)
{
    struct registry *registry = session->registry;
    *credentials = registry->given;
    if (registry->given.user)
        return NULL;
    struct known_credentials known = {.key = session->place->key};
    for (size_t i = 0; i < registry->credentials.count; i++) {
        if (strcmp(registry->credentials.items[i].key, known.key))
            continue;
        *credentials = registry->credentials.items[i].credentials;
        return registry->credentials.items[i].why;
    }
    known.why = credentials_find(&registry->arena, registry->authfile, registry->hosts.helpers.items,
                                 registry->hosts.helpers.count, known.key, credentials);
    known.credentials = *credentials;
    vec_push(&registry->credentials, known);
    return known.why;
}

static struct known_token *find_token(struct session *session)
{
    struct registry *registry = session->registry;
    for (size_t i = 0; i < registry->tokens.count; i++) {
        struct known_token *known = registry->tokens.items[i];
        if (!strcmp(known->host, session->place->host) && !strcmp(known->scopes, session->scopes) &&
            !strcmp(known->key, session->place->key))
            return known;
    }
    struct known_token *known = arena_alloc(&registry->arena, sizeof *known);
    *known = (struct known_token){session->place->host, session->place->key, session->scopes, {0}};
    vec_push(&registry->tokens, known);
    return known;
}

static const char *bearer(struct session *session, const struct credentials *credentials, const char **header)
{
    struct arena *arena = &session->registry->arena;
    const struct challenge *challenge = &session->server->challenge;
    struct known_token *known = find_token(session);
    const char *why = NULL;
    if (credentials->registry_token) {
        *header = arena_printf(arena, "Authorization: Bearer %s", credentials->registry_token);
        return NULL;
    }
    if (!challenge->realm || (!is_secure(challenge->realm) && strncasecmp(challenge->realm, "http://", 7)))
        return "it asks for a token and does not say where to get one";
    if (is_secure(session->server->base) && !is_secure(challenge->realm))
        return arena_printf(arena, "it sends us to %s for a token, which is not https: refused",
                            token_shown(arena, challenge->realm));
    bool is_own = is_at(challenge->realm, session->server->base);
    struct client_tls tls = is_own ? session->place->tls : foreign_tls(session);
    if (!token_is_good(&known->token))
        why = token_get(arena, session->client, &tls, challenge, session->scopes, credentials, &known->token);
    *header = why ? NULL : arena_printf(arena, "Authorization: Bearer %s", known->token.text);
    return why;
}

/* The header that the server wants. The lock is held. */
static void authorize(struct session *session)
{
    struct arena *arena = &session->registry->arena;
    struct credentials credentials;
    const char *header = NULL, *why = NULL;
    if (session->server->challenge.kind != CHALLENGE_NONE) {
        why = find_credentials(session, &credentials);
        if (!why && session->server->challenge.kind == CHALLENGE_BEARER)
            why = bearer(session, &credentials, &header);
        else if (!why && credentials.user)
            header = arena_printf(arena, "Authorization: %s", token_basic(arena, &credentials));
    }
    free(session->authorization);
    free(session->problem);
    session->authorization = header ? xstrdup(header) : NULL;
    session->problem = why ? xstrdup(why) : NULL;
}

/* The server is known and so is what it wants of us. False: response says why not. */
static bool prepare(struct session *session, struct client_response *response)
{
    pthread_mutex_lock(&session->registry->lock);
    bool is_met = meet(session, response);
    if (is_met) {
        authorize(session);
        if (session->problem)
            *response = (struct client_response){.error = xstrdup(session->problem)};
    }
    pthread_mutex_unlock(&session->registry->lock);
    return is_met && !session->problem;
}

/* 401 in spite of all: what we had has expired, or this is the first that we hear of it. */
static bool is_worth_a_new_token(struct session *session, const struct client_response *response)
{
    struct registry *registry = session->registry;
    pthread_mutex_lock(&registry->lock);
    struct challenge challenge = challenge_read(&registry->arena, response);
    bool is_new = challenge.kind == CHALLENGE_BEARER ||
                  (challenge.kind == CHALLENGE_BASIC && session->server->challenge.kind != CHALLENGE_BASIC);
    if (is_new) {
        session->server->challenge = challenge;
        /* Another thread may have got a new one meanwhile. */
        struct known_token *known = find_token(session);
        const char *old = session->authorization ? strstr(session->authorization, "Bearer ") : NULL;
        if (known->token.text && old && !strcmp(old + 7, known->token.text))
            known->token = (struct token){0};
    }
    pthread_mutex_unlock(&registry->lock);
    return is_new;
}

/* --- sending --- */

static void send_to(struct session *session, const struct client_request *request, const char *url,
                    struct client_response *response)
{
    const char *headers[MAX_HEADERS + 1];
    struct client_request sent = *request;
    bool is_own = is_at(url, session->server->base);
    struct client_tls tls = is_own ? session->place->tls : foreign_tls(session);
    size_t count = request->header_count < MAX_HEADERS ? request->header_count : MAX_HEADERS;
    if (count)
        memcpy(headers, request->headers, count * sizeof *headers);
    if (is_own && session->authorization)
        headers[count++] = session->authorization;
    sent.url = url;
    sent.tls = &tls;
    sent.headers = headers;
    sent.header_count = count;
    client_send(session->client, &sent, response);
}

static bool may_follow(const char *from, const char *to)
{
    bool is_http = is_secure(to) || !strncasecmp(to, "http://", 7);
    return is_http && (is_secure(to) || !is_secure(from));
}

/* One request and where it leads. A body goes along where the server says that the method stays. */
static void follow(struct session *session, const struct client_request *request, const char *url,
                   struct client_response *response)
{
    char *at = xstrdup(url);
    bool has_body = strcmp(request->method, "GET") && strcmp(request->method, "HEAD");
    for (int i = 0;; i++) {
        send_to(session, request, at, response);
        bool is_kept = !has_body || response->status == 307 || response->status == 308;
        if (response->error || !response->redirect || !is_kept)
            break;
        char *next = response->redirect, *why = NULL;
        response->redirect = NULL;
        if (!may_follow(at, next))
            why = xasprintf("it redirects to %.300s, which is not followed", next);
        else if (i == MAX_REDIRECTS)
            why = xasprintf("too many redirects; the last to %.300s", next);
        free(at);
        at = next;
        if (why) {
            response->error = why;
            break;
        }
        client_response_free(response);
    }
    free(at);
}

static char *address(const struct session *session, const char *url)
{
    return strstr(url, "://") ? xstrdup(url)
                              : xasprintf("%s/v2/%s/%s", session->server->base, session->place->repository, url);
}

void session_send(struct session *session, struct client_request *request, bool is_repeatable,
                  struct client_response *response)
{
    struct retry retry = {0};
    bool was_renewed = false;
    for (;;) {
        if (!prepare(session, response))
            return;
        char *url = address(session, request->url);
        follow(session, request, url, response);
        free(url);
        bool may_pass = response->error ? response->may_pass : client_status_may_pass(response->status);
        if (!response->error && response->status == 401 && !was_renewed && is_worth_a_new_token(session, response))
            was_renewed = true;
        else if (!is_repeatable || !may_pass || !retry_wait(&retry, response->delay_ms))
            return;
        client_response_free(response);
    }
}

bool session_is_ok(const struct client_response *response)
{
    return !response->error && response->status >= 200 && response->status <= 299;
}

char *session_location(const struct session *session, const struct client_response *response)
{
    char *value = client_header(response, "Location", 0);
    if (!value)
        return NULL;
    char *url = *value == '/' ? xasprintf("%s%s", session->server->base, value) : xstrdup(value);
    free(value);
    if (may_follow(session->server->base, url))
        return url;
    free(url);
    return NULL;
}

/* --- what is said of a failure --- */

static const struct {
    long from, to;
    const char *meaning, *remedy;
} remedies[] = {
    {401, 401, "it wants you to log in", "Log in with podman login or docker login, or name a file with --authfile"},
    {403, 403, "you may not", "Log in as somebody who may: podman login, docker login, or --authfile"},
    {404, 404, "there is no such thing", "Check the name and the tag"},
    {413, 413, "it takes nothing that large", "Ask who runs it for a higher limit"},
    {429, 429, "too many requests", "Wait, log in, or name a mirror in dfgen.ini: [registry \"NAME\"] mirror = HOST"},
    {500, 599, "it has a problem of its own", "Try again later, or name a mirror in dfgen.ini: [registry \"NAME\"] mirror = HOST"},
    {0, LONG_MAX, "this is no answer that a registry gives", "Is that a registry, and is no proxy in between?"},
};

static const char unreachable[] = "Is the name right, and the network there? Without one, images can be given with "
                                  "--build-context NAME=oci-layout:PATH or dfgen load";

/* {"errors":[{"code":…,"message":…}]} */
static char *own_words(struct arena *arena, const struct client_response *response)
{
    json_t *json = json_parse((struct span){buf_text(&response->text), response->text.len}, NULL);
    const json_t *first = json_array_get(json_object_get(json, "errors"), 0);
    const char *message = json_get_string(first, "message", ""), *code = json_get_string(first, "code", "");
    char *words = *message || *code ? xasprintf(" (%s%s%s)", code, *code && *message ? ": " : "", token_shown(arena, message)) : NULL;
    json_decref(json);
    return words ? words : xstrdup("");
}

/* Somebody was there and ended the connection: the alert that says why may be lost when we still send. */
static bool was_hung_up(const struct client_response *response)
{
    static const char *const others[] = {"certificate", "resolve", "onnect to", "refused", "said nothing", "roxy"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strstr(response->error, others[i]))
            return false;
    return !response->status && !response->is_no_tls;
}

/* What to do about a request that got no whole answer. */
static const char *error_remedy(const struct session *session, const struct client_response *response)
{
    if (client_wants_certificate(response))
        return "It wants a certificate of yours that it knows: put it and its key into certs.d (HOST/client.cert, "
               "HOST/client.key) or dfgen.ini ([registry \"HOST\"] cert = FILE, key = FILE)";
    if (!session->server->base && was_hung_up(response))
        return "Does it want a certificate of yours (certs.d: HOST/client.cert, HOST/client.key), or is a proxy in the "
               "way?";
    if (strstr(response->error, "certificate") || strstr(response->error, "SSL"))
        return "Put its authority into certs.d (HOST/ca.crt) or dfgen.ini ([registry \"HOST\"] ca = FILE), or accept "
               "any with insecure = true or --tls-verify=false";
    if (session->problem)
        return "Check the credentials (podman login, docker login, --authfile) and the token server";
    return response->status ? "Try again; if it stays so, ask who runs the registry" : unreachable;
}

char *session_failure(const struct session *session, const char *what, const struct client_response *response)
{
    struct arena arena = {0};
    char *failure;
    if (response->error) {
        failure = xasprintf("%s: cannot %s: %s. %s", session->place->host, what, token_shown(&arena, response->error),
                            error_remedy(session, response));
    } else {
        size_t i = 0;
        while (response->status < remedies[i].from || response->status > remedies[i].to)
            i++;
        char *words = own_words(&arena, response);
        const char *later = response->delay_ms ? arena_printf(&arena, ", and asks to wait for %lld seconds",
                                                              (long long)response->delay_ms / 1000) : "";
        failure = xasprintf("%s: cannot %s: it says %ld, %s%s%s. %s", session->place->host, what, response->status,
                            remedies[i].meaning, words, later, remedies[i].remedy);
        free(words);
    }
    arena_free(&arena);
    return failure;
}
