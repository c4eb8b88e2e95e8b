/*
 * Owns the escaping of names in files of lines and fields. Called by the readers and writers of listings, context lists and
 * step inputs. Knows no format beyond that.
 */
#include "runtime/lib/escape.h"

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

void escape_add(struct buf *out, struct span text, bool space)
{
    /* Nearly always there is nothing to escape. */
    if (text.len && !memchr(text.text, '\t', text.len) && !memchr(text.text, '\n', text.len) &&
        !memchr(text.text, '\\', text.len) && !(space && memchr(text.text, ' ', text.len))) {
        buf_add(out, text.text, text.len);
        return;
    }
    size_t done = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.text[i];
        const char *escape = c == '\t' ? "\\011" : c == '\n' ? "\\012" : c == '\\' ? "\\134" :
                             c == ' ' && space ? "\\040" : NULL;
        if (!escape)
            continue;
        buf_add(out, text.text + done, i - done);
        buf_add(out, escape, 4);
        done = i + 1;
    }
    buf_add(out, text.text + done, text.len - done);
}

char *escape_undo(struct arena *arena, struct span text, bool space)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.text[i];
        if (c == '\\') {
            int byte = text.len - i >= 4 ? escape_byte(text.text + i, space) : -1;
            if (byte < 0)
                return NULL;
            c = (char)byte;
            i += 3;
        }
        if (!c)
            return NULL;
        out[len++] = c;
    }
    return out;
}
