/*
 * Owns challenges and the exchange of credentials for tokens (distribution spec, Docker's token and oauth2 protocols). Called by
 * session. Must not know what a token is used for.
 */
#include "runtime/registry/token.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"
#include "runtime/registry/client.h"
#include "runtime/registry/credentials.h"
#include "runtime/registry/retry.h"

enum {
    ANSWER_LIMIT = 1024 * 1024,
    DEFAULT_LIFE = 60,          /* what the protocol says when the answer does not */
    LEAST_LIFE = 10,            /* left, for a token to be used again */
    SHOWN_LIMIT = 300,
    MAX_REDIRECTS = 5,
};

const char *token_shown(struct arena *arena, const char *text)
{
    char *shown = arena_strndup(arena, text, strnlen(text, SHOWN_LIMIT));
    for (char *c = shown; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = ' ';
    return shown;
}

/* --- challenges --- */

/* NAME=VALUE or NAME="VALUE" from *at on, moved behind it and its comma. False: there is none. */
static bool read_parameter(struct arena *arena, const char **at, const char **name, const char **value)
{
    const char *c = *at + strspn(*at, " \t,");
    size_t len = strcspn(c, "= \t,");
    if (!len || c[len] != '=')
        return false;
    *name = arena_strndup(arena, c, len);
    c += len + 1;
    struct buf text = {0};
    if (*c == '"') {
        for (c++; *c && *c != '"'; c++) {
            c += *c == '\\' && c[1];
            buf_putc(&text, *c);
        }
        c += *c == '"';
    } else {
        for (; *c && *c != ',' && *c != ' '; c++)
            buf_putc(&text, *c);
    }
    *value = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    *at = c;
    return true;
}

static struct challenge read_bearer(struct arena *arena, const char *at)
{
    struct challenge challenge = {.kind = CHALLENGE_BEARER};
    const char *name, *value;
    while (read_parameter(arena, &at, &name, &value)) {
        if (!strcasecmp(name, "realm"))
            challenge.realm = value;
        else if (!strcasecmp(name, "service"))
            challenge.service = value;
        else if (!strcasecmp(name, "scope"))
            challenge.scope = value;
        else if (!strcasecmp(name, "error"))
            challenge.is_expired = !strcmp(value, "invalid_token");
    }
    return challenge;
}

struct challenge challenge_read(struct arena *arena, const struct client_response *response)
{
    struct challenge best = {.kind = CHALLENGE_NONE};
    char *value;
    for (size_t i = 0; (value = client_header(response, "WWW-Authenticate", i)); i++) {
        if (!strncasecmp(value, "Bearer ", 7))
            best = read_bearer(arena, value + 7);
        else if (!strncasecmp(value, "Basic", 5) && best.kind == CHALLENGE_NONE)
            best.kind = CHALLENGE_BASIC;
        free(value);
    }
    return best;
}

/* --- asking --- */

const char *token_basic(struct arena *arena, const struct credentials *credentials)
{
    const char *plain = arena_printf(arena, "%s:%s", credentials->user, credentials->password);
    size_t len = strlen(plain);
    unsigned char *text = arena_alloc(arena, len / 3 * 4 + 8);
    EVP_EncodeBlock(text, (const unsigned char *)plain, (int)len);
    return arena_printf(arena, "Basic %s", text);
}

static void add_encoded(struct buf *out, const char *text)
{
    for (; *text; text++) {
        bool is_plain = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9') ||
                        strchr("-._~", *text);
        if (is_plain)
            buf_putc(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}

static void add_field(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    buf_printf(out, "%s%s=", out->len ? "&" : "", name);
    add_encoded(out, value);
}

/* Each scope is a parameter of its own. */
static void add_scopes(struct buf *out, struct arena *arena, const char *scopes)
{
    char *rest = arena_strdup(arena, scopes);
    for (char *scope; (scope = strsep(&rest, " "));)
        if (*scope)
            add_field(out, "scope", scope);
}

static const char *bad_answer(struct arena *arena, const struct challenge *challenge, const char *why)
{
    return arena_printf(arena, "the token server %s %s", token_shown(arena, challenge->realm), why);
}

static const char *read_token(struct arena *arena, const struct challenge *challenge, const struct client_response *response,
                              struct token *token)
{
    json_t *json = json_parse((struct span){buf_text(&response->text), response->text.len}, NULL);
    const char *text = json_get_string(json, "token", json_get_string(json, "access_token", ""));
    int64_t life = json_get_int(json, "expires_in", DEFAULT_LIFE);
    const char *why = !json   ? "did not answer with JSON: is a proxy or a login page in the way?"
                      : !*text ? "gave no token"
                      : strpbrk(text, " \r\n") ? "gave a token with blanks in it"
                                               : NULL;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    token->text = arena_strdup(arena, text);
    token->expires = (int64_t)now.tv_sec + (life < DEFAULT_LIFE ? DEFAULT_LIFE : life > 86400 ? 86400 : life);
    json_decref(json);
    return why ? bad_answer(arena, challenge, why) : NULL;
}

bool token_is_good(const struct token *token)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return token->text && token->expires - (int64_t)now.tv_sec > LEAST_LIFE;
}

/* The request with the tries that it is worth. */
static const char *ask(struct arena *arena, struct client *client, const struct challenge *challenge,
                       const struct client_request *request, struct token *token)
{
    struct retry retry = {0};
    for (;;) {
        struct client_response response;
        client_send(client, request, &response);
        bool again = response.error ? response.may_pass : client_status_may_pass(response.status);
        int64_t delay = response.delay_ms;
        const char *why;
        if (response.error)
            why = bad_answer(arena, challenge, arena_printf(arena, "cannot be asked: %s", response.error));
        else if (response.status == 200)
            why = read_token(arena, challenge, &response, token);
        else
            why = bad_answer(arena, challenge, arena_printf(arena, "says %ld: %s", response.status,
                                                            token_shown(arena, buf_text(&response.text))));
        client_response_free(&response);
        if (!why || !again || !retry_wait(&retry, delay))
            return why;
    }
}

const char *token_get(struct arena *arena, struct client *client, const struct client_tls *tls,
                      const struct challenge *challenge, const char *scopes, const struct credentials *credentials,
                      struct token *token)
{
    struct buf query = {0};
    const char *basic = NULL, *is_form = "Content-Type: application/x-www-form-urlencoded";
    add_field(&query, "service", challenge->service);
    if (credentials->identity_token) {
        /* oauth2: one parameter holds all scopes, and what is secret is in the body. */
        add_field(&query, "scope", scopes);
        add_field(&query, "grant_type", "refresh_token");
        add_field(&query, "client_id", "dfgen");
        add_field(&query, "refresh_token", credentials->identity_token);
    } else {
        add_scopes(&query, arena, scopes);
        if (credentials->user) {
            add_field(&query, "account", credentials->user);
            basic = arena_printf(arena, "Authorization: %s", token_basic(arena, credentials));
        }
    }
    const char *headers[] = {credentials->identity_token ? is_form : basic};
    bool is_post = credentials->identity_token != NULL;
    const char *mark = strchr(challenge->realm, '?') ? "&" : "?";
    struct client_request request = {
        .method = is_post ? "POST" : "GET",
        .url = is_post ? challenge->realm : arena_printf(arena, "%s%s%s", challenge->realm, mark, buf_text(&query)),
        .headers = headers,
        .header_count = headers[0] != NULL,
        .tls = tls,
        .limit = ANSWER_LIMIT,
        .data = is_post ? buf_text(&query) : NULL,
        .size = is_post ? (int64_t)query.len : 0,
    };
    const char *why = ask(arena, client, challenge, &request, token);
    buf_free(&query);
    return why;
}
