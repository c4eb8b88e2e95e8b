/* Characters of UTF-8 text and their classes, the same in every locale. */
#ifndef DFGEN_UNICODE_H
#define DFGEN_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/lib/span.h"

enum { UNICODE_BAD = 0xfffd }; /* what a byte that is no UTF-8 decodes to; its length is 1 */

/* The character that begins at text[at] (at < text.len) and its length in bytes. */
uint32_t unicode_next(struct span text, size_t at, size_t *len);
/* The bytes of a character; returns how many. */
size_t unicode_encode(uint32_t code, char out[4]);

bool unicode_is_space(uint32_t code);
bool unicode_is_digit(uint32_t code);
bool unicode_is_letter(uint32_t code);
/* Printable by Go's %q: shown as it is, not as an escape. */
bool unicode_is_printable(uint32_t code);

/* Without white space at the left, or at both ends. */
struct span unicode_trim_left(struct span text);
struct span unicode_trim(struct span text);

#endif
