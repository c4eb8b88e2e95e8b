/*
 * Owns hashing, over OpenSSL (which uses the processor's SHA extensions). Called by whatever names content.
 * Knows nothing of where bytes come from.
 *
 * OpenSSL's own functions for SHA-256, not EVP: EVP reads configuration files and sets up providers first, which takes a
 * helper longer than all the rest of a look-up. These cannot fail.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "runtime/lib/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/die.h"

enum { CHUNK = 128 * 1024 };

void digest_begin(struct digest_state *state)
{
    SHA256_CTX *context = xmalloc(sizeof *context);
    SHA256_Init(context);
    state->context = context;
}

void digest_add(struct digest_state *state, const void *data, size_t len)
{
    SHA256_Update(state->context, data, len);
}

void digest_add_field(struct digest_state *state, const char *text)
{
    digest_add(state, text, strlen(text) + 1);
}

struct digest digest_end(struct digest_state *state)
{
    struct digest digest;
    SHA256_Final(digest.bytes, state->context);
    free(state->context);
    state->context = NULL;
    return digest;
}

struct digest digest_of(const void *data, size_t len)
{
    struct digest_state state;
    digest_begin(&state);
    digest_add(&state, data, len);
    return digest_end(&state);
}

int digest_fd(int fd, struct digest *digest, int64_t *size)
{
    static _Thread_local char chunk[CHUNK];
    struct digest_state state;
    digest_begin(&state);
    *size = 0;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            int saved = errno;
            *digest = digest_end(&state);
            errno = saved;
            return got < 0 ? -1 : 0;
        }
        digest_add(&state, chunk, (size_t)got);
        *size += got;
    }
}

void digest_hex(const struct digest *digest, char hex[DIGEST_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < DIGEST_SIZE; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex[DIGEST_HEX] = 0;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_parse(const char *text, struct digest *digest)
{
    for (int i = 0; i < DIGEST_SIZE; i++) {
        int high = nibble(text[2 * i]);
        int low = high < 0 ? -1 : nibble(text[2 * i + 1]);
        if (low < 0)
            return false;
        digest->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool digest_is_valid_name(const char *text)
{
    struct digest digest;
    return strlen(text) == 7 + DIGEST_HEX && !strncmp(text, "sha256:", 7) && digest_parse(text + 7, &digest);
}
