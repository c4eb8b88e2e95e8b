/*
 * Owns the common part of every step: its step file, its edge, its place for messages. Called by the files that
 * plan one kind of step each. Must not know what a step does.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/opts.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "gen/source.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/json.h"

enum { DESCRIPTION_WIDTH = 100 };

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
           (value >= 0x2060 && value <= 0x206f) || value == 0xfeff || value == 0x061c || value == 0x2028 || value == 0x2029;
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

const char *plan_where(struct arena *arena, struct place place)
{
    const char *name = place.source ? place.source->name : "Dockerfile";
    return arena_printf(arena, "%s:%d", plan_printable(arena, span_of(name), 0), place.line);
}

void plan_place(struct plan *plan, place_seq *places, const struct place_note *note)
{
    struct arena scratch = {0};
    const char *where = note->where ? note->where : plan_where(&scratch, note->place);
    const char *text = plan_printable(&scratch, note->text, 0);
    struct buf out = {0};
    buf_puts(&out, "{\"label\":");
    json_bytes_add(&out, span_of(note->label));
    buf_puts(&out, ",\"text\":");
    json_bytes_add(&out, span_of(text));
    buf_puts(&out, ",\"where\":");
    json_bytes_add(&out, span_of(where));
    buf_putc(&out, '}');
    struct span said = {out.data, out.len}, last = {"", 0};
    if (places->count)
        last = places->items[places->count - 1].text;
    /* Of a step and of its layer it is the same. */
    struct span noted = span_equal(last, said) ? last : arena_span(plan->arena, said);
    seq_push(plan->arena, places, (struct place_text){arena_strdup(plan->arena, note->name), noted});
    buf_free(&out);
    arena_free(&scratch);
}

static int compare_places(const void *a, const void *b)
{
    return strcmp(((const struct place_text *)a)->name, ((const struct place_text *)b)->name);
}

void plan_places_write(struct plan *plan, const char *path, const place_seq *places)
{
    struct buf text = {0};
    if (places->count)
        qsort(places->items, places->count, sizeof *places->items, compare_places);
    buf_putc(&text, '{');
    for (size_t i = 0; i < places->count; i++) {
        if (i)
            buf_putc(&text, ',');
        json_bytes_add(&text, span_of(places->items[i].name));
        buf_putc(&text, ':');
        buf_add(&text, places->items[i].text.text, places->items[i].text.len);
    }
    buf_puts(&text, "}\n");
    outbox_add(plan->outbox, path, &text);
}

struct plan_step plan_step_begin_text(struct plan *plan, enum rule rule, const char *base, const char *label,
                                      struct span text)
{
    struct arena *arena = plan->arena, scratch = {0};
    /* As much as can be shown of it: a character has at most four bytes. */
    size_t shown = text.len < 4 * DESCRIPTION_WIDTH ? text.len : 4 * DESCRIPTION_WIDTH;
    const char *visible = plan_printable(&scratch, (struct span){text.text, shown}, 0);
    const char *whole = arena_printf(&scratch, "[%s] %s", label, visible);
    const char *description = plan_printable(arena, span_of(whole), DESCRIPTION_WIDTH);
    arena_free(&scratch);
    struct plan_step step = {.plan = plan, .base = base, .json = json_object()};
    step.edge = graph_edge(plan->graph, rule, arena_printf(arena, "%s.json", base), description);
    vec_push(&step.edge->inputs, step.edge->step);
    /* What serves all images has the settings of all. */
    size_t len = strlen(plan->unit->opts->own);
    bool is_own = !strncmp(base, plan->unit->opts->own, len) && base[len] == '/';
    vec_push(&step.edge->order_only, is_own ? plan->settings_file : opts_state(plan->root, "settings.json"));
    const char *last = strrchr(base, '/');
    vec_push(&step.edge->order_only, arena_printf(arena, "%.*s/places.json", (int)(last - base), base));
    return step;
}

struct plan_step plan_step_begin(struct planned *planned, struct plan *plan, enum rule rule, const char *name, const char *label,
                                 const struct action *action)
{
    struct place_note note = {name, label, action->place, action->text, NULL};
    plan_place(plan, &planned->places, &note);
    const char *base = arena_printf(plan->arena, "%s/%s", planned->folder, name);
    return plan_step_begin_text(plan, rule, base, label, action->text);
}

void plan_step_line(struct plan_step *step, const char *role, const char *const *words, size_t count)
{
    struct buf line = {0};
    buf_puts(&line, role);
    for (size_t i = 0; i < count; i++) {
        buf_putc(&line, ' ');
        escape_add(&line, span_of(words[i]), true);
    }
    json_bytes_add(&step->in, (struct span){line.data, line.len});
    buf_putc(&step->in, ',');
    buf_free(&line);
}

void plan_step_root(struct plan_step *step, const stamp_seq *root)
{
    for (size_t i = 0; i < root->count; i++) {
        plan_step_line(step, "root", &root->items[i], 1);
        graph_add_path(&step->edge->inputs, root->items[i]);
    }
}

void plan_step_stage(struct plan_step *step, const stamp_seq *root)
{
    plan_step_line(step, "stage", root->items, root->count);
    for (size_t i = 0; i < root->count; i++)
        graph_add_path(&step->edge->inputs, root->items[i]);
}

void plan_step_force(struct plan_step *step)
{
    json_object_set_new(step->json, "nonce", json_string(step->plan->opts->nonce));
}

void plan_step_context(struct plan_step *step, const char *folder, struct buf *list)
{
    step->list = arena_printf(step->plan->arena, "%s.list", step->base);
    step->list_folder = folder;
    step->list_text = *list;
    *list = (struct buf){0};
    vec_push(&step->edge->inputs, step->list);
}

void plan_step_text(const struct plan_step *step, struct buf *out)
{
    struct buf in = {0};
    buf_putc(&in, '[');
    buf_add(&in, step->in.data, step->in.len ? step->in.len - 1 : 0);
    buf_putc(&in, ']');
    struct json_member rows[] = {step->text, {"in", {in.data, in.len}}, step->text};
    size_t count = 1 + (step->text.key != NULL);
    bool is_first = count == 2 && strcmp(step->text.key, "in") < 0;
    json_write_with(step->json, is_first ? rows : rows + 1, count, out);
    buf_free(&in);
}

const char *plan_step_end(struct plan_step *step, const char *out)
{
    struct plan *plan = step->plan;
    const char *known = plan_share(step, out);
    if (known) {
        edge_free(step->edge);
        buf_free(&step->list_text);
        buf_free(&step->in);
        json_decref(step->json);
        return known;
    }
    if (step->list) {
        const char *words[] = {step->list_folder, step->list, opts_state(plan->root, "options.json")};
        plan_step_line(step, "context", words, *plan->root->prefix ? 3 : 2);
        outbox_add(plan->outbox, step->list, &step->list_text);
    }
    plan_step_line(step, "out", &out, 1);
    vec_push(&step->edge->outputs, out);
    struct buf text = {0};
    plan_step_text(step, &text);
    outbox_add(plan->outbox, step->edge->step, &text);
    graph_add(plan->graph, step->edge);
    buf_free(&step->in);
    json_decref(step->json);
    return out;
}
