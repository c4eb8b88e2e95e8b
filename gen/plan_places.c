/*
 * Owns what is said of steps: where in its Dockerfile each stands, as a line of one file that helpers look into
 * (runtime/lib/step_places.c), and text made fit to be shown. Called by whoever plans a step. Must not know what steps
 * do.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"

/* Bytes of the UTF-8 character at text and its value; 0 when there is none. */
static size_t decode(const unsigned char *text, size_t len, uint32_t *value)
{
    unsigned char c = text[0];
    size_t need = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!need || need > len)
        return 0;
    *value = need == 1 ? c : c & (0xffu >> (need + 1));
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *value = *value << 6 | (text[i] & 0x3f);
    }
    return need;
}

/* Marks that turn the direction of what is around them, or hide in it. */
static bool is_deceptive(uint32_t value)
{
    return (value >= 0x200b && value <= 0x200f) || (value >= 0x202a && value <= 0x202e) ||
           (value >= 0x2060 && value <= 0x206f) || value == 0xfeff || value == 0x061c || value == 0x2028 ||
           value == 0x2029;
}

const char *plan_printable(struct arena *arena, struct span text, size_t limit)
{
    struct buf out = {0};
    size_t shown = 0;
    for (size_t i = 0; i < text.len;) {
        if (limit && shown == limit) {
            buf_puts(&out, "...");
            break;
        }
        uint32_t value = 0;
        const unsigned char *at = (const unsigned char *)text.text + i;
        size_t len = decode(at, text.len - i, &value);
        if (*at == '\t' || *at == '\n')
            buf_putc(&out, ' ');
        else if (!len || value < 0x20 || (value >= 0x7f && value < 0xa0) || is_deceptive(value))
            for (size_t k = 0; k < (len ? len : 1); k++)
                buf_printf(&out, "\\x%02x", at[k]);
        else
            buf_add(&out, at, len);
        i += len ? len : 1;
        shown++;
    }
    const char *result = arena_strdup(arena, buf_text(&out));
    buf_free(&out);
    return result;
}

static const char *where_of(struct arena *arena, const struct place_note *note)
{
    if (note->where)
        return note->where;
    const char *name = note->place.source ? note->place.source->name : "Dockerfile";
    return arena_printf(arena, "%s:%d", plan_printable(arena, span_of(name), 0), note->place.line);
}

/* A path below the state folder as it begins a line. */
static void add_key(const struct plan *plan, struct buf *out, const char *base)
{
    json_bytes_add(out, span_of(base + strlen(plan->root->state) + 1));
}

void plan_place(struct plan *plan, const char *base, const struct place_note *note)
{
    struct arena scratch = {0};
    struct buf out = {0};
    add_key(plan, &out, base);
    buf_puts(&out, ":{\"label\":");
    json_bytes_add(&out, span_of(note->label));
    buf_puts(&out, ",\"text\":");
    json_bytes_add(&out, span_of(plan_printable(&scratch, note->text, 0)));
    buf_puts(&out, ",\"where\":");
    json_bytes_add(&out, span_of(where_of(&scratch, note)));
    buf_putc(&out, '}');
    vec_push(&plan->places, arena_span(plan->arena, (struct span){out.data, out.len}));
    buf_free(&out);
    arena_free(&scratch);
}

void plan_places_drop(struct plan *plan, const char *folder)
{
    struct buf key = {0};
    size_t kept = 0;
    add_key(plan, &key, folder);
    key.data[key.len - 1] = '/';
    for (size_t i = 0; i < plan->places.count; i++) {
        struct span line = plan->places.items[i];
        if (line.len < key.len || memcmp(line.text, key.data, key.len) != 0)
            plan->places.items[kept++] = line;
    }
    plan->places.count = kept;
    buf_free(&key);
}

static int compare_lines(const void *a, const void *b)
{
    const struct span *left = a, *right = b;
    int order = memcmp(left->text, right->text, left->len < right->len ? left->len : right->len);
    return order ? order : (left->len > right->len) - (left->len < right->len);
}

void plan_places_write(struct plan *plan)
{
    struct buf text = {0};
    /* By bytes: a line is found by halving. */
    if (plan->places.count)
        qsort(plan->places.items, plan->places.count, sizeof *plan->places.items, compare_lines);
    buf_puts(&text, "{\n");
    for (size_t i = 0; i < plan->places.count; i++) {
        buf_add(&text, plan->places.items[i].text, plan->places.items[i].len);
        buf_puts(&text, i + 1 < plan->places.count ? ",\n" : "\n");
    }
    buf_puts(&text, "}\n");
    outbox_add(plan->outbox, plan->places_file, &text);
}
