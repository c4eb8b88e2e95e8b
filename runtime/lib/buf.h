/* A growing string of bytes, always followed by a NUL that does not count. Zero it to begin: struct buf b = {0}; */
#ifndef DFGEN_BUF_H
#define DFGEN_BUF_H

#include <stddef.h>

struct buf {
    char *data; /* NULL until something is added */
    size_t len;
    size_t room;
};

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Make room for len more bytes and return where they go; the caller adds what it wrote to buf->len. */
char *buf_room(struct buf *buf, size_t len);

/* The text, "" when empty; good until the next change. */
const char *buf_text(const struct buf *buf);

/* The text as a malloc'd string that the caller frees; buf is empty afterwards. */
char *buf_take(struct buf *buf);

/* Empty it but keep the memory. */
void buf_clear(struct buf *buf);
void buf_free(struct buf *buf);

#endif
