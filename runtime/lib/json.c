/*
 * Owns JSON text: reading with limits, writing canonically, and carrying bytes that are no UTF-8.
 * Called by whatever has a file in JSON. Knows no file's members.
 */
#include "runtime/lib/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

static bool is_deeper(json_t *value, int depth)
{
    bool result = depth < 0;
    const char *key;
    json_t *below;
    size_t i;
    if (result)
        return true;
    json_object_foreach(value, key, below)
        result |= (json_is_object(below) || json_is_array(below)) && is_deeper(below, depth - 1);
    json_array_foreach(value, i, below)
        result |= (json_is_object(below) || json_is_array(below)) && is_deeper(below, depth - 1);
    return result;
}

json_t *json_parse(struct span text, char **error)
{
    json_error_t why;
    json_t *value = json_loadb(text.text ? text.text : "", text.len, JSON_REJECT_DUPLICATES, &why);
    if (!value && error)
        *error = xasprintf("line %d, column %d: %s", why.line, why.column, why.text);
    /* jansson has a limit of its own, for its stack; this one is for others, who read what we pass on. */
    if (value && is_deeper(value, JSON_DEPTH - 1)) {
        json_decref(value);
        value = NULL;
        if (error)
            *error = xasprintf("lists and objects are nested deeper than %d", JSON_DEPTH);
    }
    return value;
}

json_t *json_read_at(int dir, const char *path, size_t limit, char **error)
{
    struct buf text = {0};
    json_t *value = NULL;
    if (file_read_at(dir, path, &text, limit) < 0) {
        if (error)
            *error = xstrdup(strerror(errno));
    } else {
        value = json_parse((struct span){buf_text(&text), text.len}, error);
    }
    buf_free(&text);
    return value;
}

static int add_text(const char *text, size_t len, void *out)
{
    buf_add(out, text, len);
    return 0;
}

static void add_value(const json_t *value, struct buf *out)
{
    if (json_dump_callback(value, add_text, out, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        die("out of memory");
}

void json_write(const json_t *value, struct buf *out)
{
    add_value(value, out);
    buf_putc(out, '\n');
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_key(const char *key, bool is_first, struct buf *out)
{
    json_t *text = json_string(key);
    if (!is_first)
        buf_putc(out, ',');
    add_value(text, out);
    buf_putc(out, ':');
    json_decref(text);
}

void json_write_with(const json_t *object, const struct json_member *members, size_t count, struct buf *out)
{
    size_t known = json_object_size(object), next = 0;
    const char **keys = xcalloc(known + 1, sizeof *keys), *key;
    json_t *value;
    known = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        keys[known++] = key;
    qsort(keys, known, sizeof *keys, compare_keys);
    buf_putc(out, '{');
    for (size_t i = 0; i < known || next < count;) {
        bool is_text = i == known || (next < count && strcmp(members[next].key, keys[i]) < 0);
        add_key(is_text ? members[next].key : keys[i], i + next == 0, out);
        if (is_text) {
            buf_add(out, members[next].text.text, members[next].text.len);
            next++;
        } else {
            add_value(json_object_get(object, keys[i++]), out);
        }
    }
    buf_puts(out, "}\n");
    free(keys);
}

/* Bytes of the UTF-8 character at text, 0 when there is none. */
static size_t utf8_length(const unsigned char *text, size_t len)
{
    unsigned char c = text[0];
    size_t need = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!need || need > len)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] > 0x9f) || (c == 0xf0 && text[1] < 0x90) ||
        (c == 0xf4 && text[1] > 0x8f))
        return 0;
    return need;
}

/* U+10FF00 to U+10FFFF: F4 8F BC 80 to F4 8F BF BF. */
static bool is_carrier(const unsigned char *text, size_t len)
{
    return len == 4 && text[0] == 0xf4 && text[1] == 0x8f && text[2] >= 0xbc;
}

static void add_carried(struct buf *out, unsigned char byte)
{
    unsigned char text[4] = {0xf4, 0x8f, (unsigned char)(0xbc | byte >> 6), (unsigned char)(0x80 | (byte & 0x3f))};
    buf_add(out, text, sizeof text);
}

static json_t *string_of(struct buf *text)
{
    json_t *value = json_stringn(buf_text(text), text->len);
    if (!value)
        die("out of memory");
    buf_free(text);
    return value;
}

json_t *json_bytes(struct span text)
{
    struct buf out = {0};
    const unsigned char *bytes = (const unsigned char *)text.text;
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_length(bytes + i, text.len - i);
        if (len && !is_carrier(bytes + i, len)) {
            buf_add(&out, bytes + i, len);
        } else {
            len = len ? len : 1;
            for (size_t k = 0; k < len; k++)
                add_carried(&out, bytes[i + k]);
        }
        i += len;
    }
    return string_of(&out);
}

void json_bytes_add(struct buf *out, struct span text)
{
    bool is_plain = true;
    for (size_t i = 0; i < text.len; i++)
        is_plain &= text.text[i] >= ' ' && text.text[i] < 0x7f && text.text[i] != '"' && text.text[i] != '\\';
    if (!is_plain) {
        json_t *value = json_bytes(text);
        add_value(value, out);
        json_decref(value);
        return;
    }
    buf_putc(out, '"');
    buf_add(out, text.text, text.len);
    buf_putc(out, '"');
}

struct span json_bytes_value(struct arena *arena, const json_t *value)
{
    const unsigned char *bytes = (const unsigned char *)json_string_value(value);
    size_t len = json_string_length(value), at = 0;
    char *out = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len;) {
        size_t step = utf8_length(bytes + i, len - i);
        if (is_carrier(bytes + i, step)) {
            out[at++] = (char)((bytes[i + 2] & 3) << 6 | (bytes[i + 3] & 0x3f));
        } else {
            step = step ? step : 1;
            memcpy(out + at, bytes + i, step);
            at += step;
        }
        i += step;
    }
    out[at] = 0;
    return (struct span){out, at};
}

json_t *json_text(struct span text)
{
    struct buf out = {0};
    const unsigned char *bytes = (const unsigned char *)text.text;
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_length(bytes + i, text.len - i);
        if (len)
            buf_add(&out, bytes + i, len);
        else
            buf_puts(&out, "\xef\xbf\xbd");
        i += len ? len : 1;
    }
    return string_of(&out);
}

const char *json_get_string(const json_t *object, const char *key, const char *fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : fallback;
}

int64_t json_get_int(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_get_bool(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}
