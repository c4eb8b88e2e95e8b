/*
 * Owns hashing, over OpenSSL's EVP (which uses the processor's SHA extensions). Called by whatever names content.
 * Knows nothing of where bytes come from.
 */
#include "runtime/lib/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/die.h"

enum { CHUNK = 128 * 1024 };

/* Fetched once: looking the algorithm up for every hash costs more than hashing a small file. */
static const EVP_MD *sha256(void)
{
    static EVP_MD *md;
    if (!md && !(md = EVP_MD_fetch(NULL, "SHA256", NULL)))
        die("OpenSSL has no SHA256");
    return md;
}

void digest_begin(struct digest_state *state)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestInit_ex(context, sha256(), NULL) != 1)
        die("cannot start a SHA-256 digest");
    state->context = context;
}

void digest_add(struct digest_state *state, const void *data, size_t len)
{
    if (EVP_DigestUpdate(state->context, data, len) != 1)
        die("cannot continue a SHA-256 digest");
}

void digest_add_field(struct digest_state *state, const char *text)
{
    digest_add(state, text, strlen(text) + 1);
}

struct digest digest_end(struct digest_state *state)
{
    struct digest digest;
    if (EVP_DigestFinal_ex(state->context, digest.bytes, NULL) != 1)
        die("cannot end a SHA-256 digest");
    EVP_MD_CTX_free(state->context);
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
