/*
 * Owns what a helper says of its step when it cannot go on. Called by helpers and step.c. Whatever the Dockerfile and file names hold,
 * a terminal is not given orders, and a line cannot pass for another message.
 */
#include <jansson.h>

#include "runtime/lib/step.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/step_internal.h"

/* Length of the printable UTF-8 character at text, 0 when it is none: broken, or a control. */
static size_t printable(const unsigned char *text, size_t len)
{
    unsigned char c = text[0];
    size_t need = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!need || need > len || c < ' ' || c == 0x7f)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    /* U+0080 to U+009F, U+202A to U+202E, U+2066 to U+2069: controls, and those that turn the text around. */
    bool is_control = (c == 0xc2 && text[1] < 0xa0) ||
                      (c == 0xe2 && text[1] == 0x80 && text[2] >= 0xaa && text[2] <= 0xae) ||
                      (c == 0xe2 && text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9);
    return is_control ? 0 : need;
}

void step_add_visible(struct buf *out, struct span text, const char *newline)
{
    const unsigned char *bytes = (const unsigned char *)text.text;
    for (size_t i = 0; i < text.len;) {
        size_t len = printable(bytes + i, text.len - i);
        if (len)
            buf_add(out, bytes + i, len);
        else if (bytes[i] == '\n')
            buf_puts(out, newline);
        else if (bytes[i] == '\t')
            buf_putc(out, '\t');
        else
            buf_printf(out, "\\x%02x", bytes[i]);
        i += len ? len : 1;
    }
}

void step_die(const struct step *step, const char *format, ...)
{
    int saved = errno;
    size_t len = strlen(format);
    char *message;
    va_list args;
    va_start(args, format);
    if (vasprintf(&message, format, args) < 0)
        die("out of memory");
    va_end(args);
    struct buf out = {0};
    if (step->where && *step->where)
        buf_printf(&out, "%s: %s: ", step->where, step->text);
    else
        buf_printf(&out, "%s: %s: ", program_name, step->file);
    step_add_visible(&out, span_of(message), "\n    ");
    if (len && format[len - 1] == ':')
        buf_printf(&out, " %s", strerror(saved));
    buf_putc(&out, '\n');
    /* In one piece: other helpers write to the same terminal. */
    fd_write_all(STDERR_FILENO, out.data, out.len);
    exit(EXIT_BUILD);
}
