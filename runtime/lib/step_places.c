/*
 * Owns the way to what is said of a step: its line of places.json, a file that holds one for each step of a build.
 * Called by step.c. Must not know what a kind of step does.
 */
#include <jansson.h>

#include "runtime/lib/step.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step_internal.h"

enum { PIECE = 4096 };

/* Lines sorted by their bytes: each begins with a step's name as JSON has it, and ":". */
struct lines {
    int fd;
    int64_t size;
};

/* Behind the first line end at or after an offset. */
static int64_t next_line(const struct lines *lines, int64_t at)
{
    char piece[PIECE];
    while (at < lines->size) {
        size_t want = lines->size - at < PIECE ? (size_t)(lines->size - at) : PIECE;
        if (fd_pread_all(lines->fd, piece, want, at) < 0)
            break;
        const char *end = memchr(piece, '\n', want);
        if (end)
            return at + (end - piece) + 1;
        at += (int64_t)want;
    }
    return lines->size;
}

/* Is the line that begins at an offset before (< 0) or behind (> 0) the one that begins with key? 0: it is that one. */
static int compare_line(const struct lines *lines, int64_t at, const struct buf *key)
{
    char piece[PIECE];
    size_t done = 0;
    while (done < key->len) {
        int64_t left = lines->size - at - (int64_t)done;
        size_t want = key->len - done < PIECE ? key->len - done : PIECE;
        want = left < (int64_t)want ? (size_t)left : want;
        if (!want || fd_pread_all(lines->fd, piece, want, at + (int64_t)done) < 0)
            return -1;
        int order = memcmp(piece, key->data + done, want);
        if (order)
            return order;
        done += want;
    }
    return 0;
}

/* Where the line is that begins with key; -1: there is none. */
static int64_t find_line(const struct lines *lines, const struct buf *key)
{
    int64_t low = next_line(lines, 0), high = lines->size;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int64_t at = middle == low ? low : next_line(lines, middle - 1);
        int order = at < high ? compare_line(lines, at, key) : 1;
        if (!order)
            return at;
        if (order > 0)
            high = middle;
        else
            low = next_line(lines, at);
    }
    return -1;
}

static json_t *read_place(const struct lines *lines, const struct buf *key)
{
    struct buf text = {0};
    int64_t at = find_line(lines, key), start = at + (int64_t)key->len, end = at < 0 ? 0 : next_line(lines, at);
    if (at < 0 || end <= start)
        return NULL;
    size_t len = (size_t)(end - start);
    buf_room(&text, len);
    json_t *place = fd_pread_all(lines->fd, text.data, len, start) < 0
                        ? NULL
                        : json_loadb(text.data, len, JSON_DISABLE_EOF_CHECK, NULL);
    buf_free(&text);
    return place;
}

/* A layer is spoken of as the step that made it. */
static struct span name_of(const struct step *step, const char *places)
{
    static const char suffix[] = ".layer";
    size_t tail = sizeof suffix - 1;
    struct span name = span_of(step->base + (path_base(places) - places));
    if (name.len > tail && !memcmp(name.text + name.len - tail, suffix, tail))
        name.len -= tail;
    return name;
}

static json_t *find_place(const struct step *step)
{
    const char *path = step_common_file(step, "places.json");
    struct buf key = {0};
    struct stat st;
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    json_bytes_add(&key, name_of(step, path));
    buf_putc(&key, ':');
    json_t *place = read_place(&(struct lines){fd, st.st_size}, &key);
    buf_free(&key);
    return place;
}

/* As it can be shown: one line. */
static const char *place_text(struct step *step, const json_t *place, const char *key, const char *fallback)
{
    const json_t *value = json_object_get(place, key);
    if (!json_is_string(value))
        return fallback;
    struct span text = json_bytes_value(step->arena, value);
    const char *newline = text.len ? memchr(text.text, '\n', text.len) : NULL;
    struct buf out = {0};
    step_add_visible(&out, newline ? (struct span){text.text, (size_t)(newline - text.text)} : text, "");
    if (newline)
        buf_puts(&out, " ...");
    const char *shown = arena_strdup(step->arena, buf_text(&out));
    buf_free(&out);
    return shown;
}

/* Places are for messages only: without them a step is called by its file. */
void step_load_place(struct step *step)
{
    json_t *place = find_place(step);
    step->label = place_text(step, place, "label", step->base);
    step->where = place_text(step, place, "where", "");
    step->text = place_text(step, place, "text", step->kind);
    if (step->member)
        step->text = arena_printf(step->arena, "%s %s", step->text, step->member);
    json_decref(place);
}
