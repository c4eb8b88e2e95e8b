/* SHA-256, the only digest that dfgen makes (sha512 is only checked, by the registry code). */
#ifndef DFGEN_DIGEST_H
#define DFGEN_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_SIZE = 32, DIGEST_HEX = 64 };

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

/* A running hash. digest_begin allocates; digest_end gives the result and frees. */
struct digest_state {
    void *context;
};

void digest_begin(struct digest_state *state);
void digest_add(struct digest_state *state, const void *data, size_t len);
/* The text and its terminating NUL, so that two fields never run together. */
void digest_add_field(struct digest_state *state, const char *text);
struct digest digest_end(struct digest_state *state);

struct digest digest_of(const void *data, size_t len);

/* Hash what fd has from its offset on; *size gets the bytes read. -1 with errno. */
int digest_fd(int fd, struct digest *digest, int64_t *size);

/* 64 lower-case hex digits and a NUL. */
void digest_hex(const struct digest *digest, char hex[DIGEST_HEX + 1]);
/* From 64 lower-case hex digits exactly at text; false when it is something else. */
bool digest_parse(const char *text, struct digest *digest);
/* text is "sha256:" and 64 lower-case hex digits, whole. */
bool digest_is_valid_name(const char *text);

#endif
