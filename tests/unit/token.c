/* What a registry asks for in its WWW-Authenticate headers, and text of servers made fit to be shown. */
#include "runtime/registry/token.h"

#include "runtime/lib/arena.h"
#include "runtime/registry/client.h"

#include "tests/unit/unit.h"

static const struct row {
    const char *headers;
    int kind;
    const char *realm, *service, *scope;
    bool is_expired;
} rows[] = {
    {"HTTP/1.1 401\r\n\r\n", CHALLENGE_NONE, NULL, NULL, NULL, false},
    {"HTTP/1.1 401\r\nWWW-Authenticate: Basic realm=\"x\"\r\n", CHALLENGE_BASIC, NULL, NULL, NULL, false},
    {"HTTP/1.1 401\r\nwww-authenticate:   bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a:pull\"\r\n",
     CHALLENGE_BEARER, "https://a/t", "s", "repository:a:pull", false},
    {"X: y\r\nWWW-Authenticate: Basic realm=x\r\nWWW-Authenticate: Bearer realm=\"https://a/t\"\r\n", CHALLENGE_BEARER,
     "https://a/t", NULL, NULL, false},
    {"WWW-Authenticate: Bearer realm=\"https://a/t\"\r\nWWW-Authenticate: Basic realm=x\r\n", CHALLENGE_BEARER,
     "https://a/t", NULL, NULL, false},
    {"WWW-Authenticate: Bearer realm=https://a/t, service=s ,error=\"invalid_token\"\r\n", CHALLENGE_BEARER,
     "https://a/t", "s", NULL, true},
    {"WWW-Authenticate: Bearer REALM=\"a\\\"b\\\\c\",other=\"x, y=z\",Service=\"\"\r\n", CHALLENGE_BEARER, "a\"b\\c",
     "", NULL, false},
    {"WWW-Authenticate: Bearer realm=\"without an end\r\n", CHALLENGE_BEARER, "without an end", NULL, NULL, false},
    {"WWW-Authenticate: Bearer realm\r\n", CHALLENGE_BEARER, NULL, NULL, NULL, false},
    {"WWW-Authenticate: Bearer =,\"\\\r\n", CHALLENGE_BEARER, NULL, NULL, NULL, false},
    {"WWW-Authenticate: Negotiate\r\n", CHALLENGE_NONE, NULL, NULL, NULL, false},
    {"WWW-Authenticate-Other: Basic\r\n", CHALLENGE_NONE, NULL, NULL, NULL, false},
};

static void claim_text(const char *want, const char *got)
{
    UNIT_STR(want ? want : "(none)", got ? got : "(none)");
}

int main(void)
{
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client_response response = {0};
        buf_puts(&response.headers, rows[i].headers);
        unit_row("%s", rows[i].headers);
        struct challenge challenge = challenge_read(&arena, &response);
        UNIT_INT(rows[i].kind, challenge.kind);
        UNIT_INT(rows[i].is_expired, challenge.is_expired);
        claim_text(rows[i].realm, challenge.realm);
        claim_text(rows[i].service, challenge.service);
        claim_text(rows[i].scope, challenge.scope);
        client_response_free(&response);
    }
    unit_row("text of a server");
    UNIT_STR("a  [31mb", token_shown(&arena, "a\n\033[31mb"));
    UNIT_STR("  ", token_shown(&arena, "\xc3\xa4"));
    char *long_text = malloc(1001);
    memset(long_text, 'x', 1000);
    long_text[1000] = 0;
    UNIT_INT(300, (int)strlen(token_shown(&arena, long_text)));
    free(long_text);
    arena_free(&arena);
    return unit_end();
}
