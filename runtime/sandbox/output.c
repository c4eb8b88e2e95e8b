/*
 * Owns the log of a RUN and the last lines that are shown when it fails. Called by the sandbox and by dfgen-run. Memory does not grow with
 * the output. Must not know why the payload ended.
 */
#include "runtime/sandbox/output.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/span.h"
#include "runtime/lib/step.h"

enum { RING = 32 * 1024, TAIL_LINES = 40, TAIL_WIDTH = 2000 };

void output_begin(struct output *output, int log)
{
    *output = (struct output){.log = log, .last = xmalloc(RING)};
}

int output_add(struct output *output, const char *data, size_t len)
{
    int result = fd_write_all(output->log, data, len);
    if (len > RING) {
        output->end += len - RING;
        data += len - RING;
        len = RING;
    }
    size_t at = output->end % RING, first = len < RING - at ? len : RING - at;
    memcpy(output->last + at, data, first);
    memcpy(output->last, data + first, len - first);
    output->end += len;
    return result;
}

/* Where the last lines begin in text. */
static size_t tail_start(const char *text, size_t len)
{
    int lines = 0;
    size_t at = len;
    if (at && text[at - 1] == '\n')
        at--;
    while (at && !(text[at - 1] == '\n' && ++lines == TAIL_LINES))
        at--;
    return at;
}

/* The length of an escape sequence (CSI, OSC or two bytes) at text. */
static size_t escape_length(const char *text, size_t len)
{
    size_t at = 2;
    if (len < 2)
        return len;
    if (text[1] == '[')
        while (at < len && (text[at] < '@' || text[at] > '~'))
            at++;
    else if (text[1] == ']')
        while (at < len && text[at] != '\a' && text[at] != '\033')
            at++;
    else
        return 2;
    return at < len ? at + 1 : len;
}

/* One line as a terminal would leave it: after the last carriage return, no escape sequences, no other controls. */
static void add_line(struct buf *out, const char *line, size_t len)
{
    while (len && line[len - 1] == '\r')
        len--;
    for (size_t i = len; i-- > 0;)
        if (line[i] == '\r') {
            line += i + 1;
            len -= i + 1;
            break;
        }
    struct buf kept = {0};
    for (size_t i = 0; i < len && i < TAIL_WIDTH;) {
        unsigned char c = (unsigned char)line[i];
        if (c == '\033') {
            i += escape_length(line + i, len - i);
            continue;
        }
        if (c == '\t' || (c >= ' ' && c != 0x7f))
            buf_putc(&kept, (char)c);
        i++;
    }
    /* Controls of more than one byte, and what is no text. */
    step_add_visible(out, (struct span){buf_text(&kept), kept.len}, "");
    buf_free(&kept);
    buf_putc(out, '\n');
}

void output_tail(const struct output *output, const char *prefix, struct buf *out)
{
    struct buf text = {0};
    size_t kept = output->end < RING ? output->end : RING, at = (output->end - kept) % RING;
    size_t first = kept < RING - at ? kept : RING - at;
    buf_add(&text, output->last + at, first);
    buf_add(&text, output->last, kept - first);
    for (size_t start = tail_start(buf_text(&text), text.len); start < text.len;) {
        const char *line = text.data + start, *end = memchr(line, '\n', text.len - start);
        size_t len = end ? (size_t)(end - line) : text.len - start;
        buf_puts(out, prefix);
        add_line(out, line, len);
        start += len + 1;
    }
    buf_free(&text);
}

void output_end(struct output *output)
{
    free(output->last);
    output->last = NULL;
}
