/*
 * Owns the growing byte string. Called by everything that composes text or reads files.
 * Knows nothing of what the bytes mean.
 */
#include "runtime/lib/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/die.h"

char *buf_room(struct buf *buf, size_t len)
{
    if (len > SIZE_MAX / 2 - buf->len - 1)
        die("out of memory");
    size_t need = buf->len + len + 1;
    if (need > buf->room) {
        buf->room = need < 64 ? 64 : need + need / 2;
        buf->data = xrealloc(buf->data, buf->room, 1);
    }
    return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    char *end = buf_room(buf, len);
    if (len)
        memcpy(end, data, len);
    buf->len += len;
    buf->data[buf->len] = 0;
}

void buf_puts(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_putc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        die("cannot format a message");
    vsnprintf(buf_room(buf, (size_t)len), (size_t)len + 1, format, again);
    va_end(again);
    buf->len += (size_t)len;
}

const char *buf_text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    char *text = buf->data ? buf->data : xstrdup("");
    *buf = (struct buf){0};
    return text;
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = 0;
}

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}
