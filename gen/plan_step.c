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

void plan_place(json_t *places, const char *name, const char *label, const char *where, const char *text)
{
    json_object_set_new(places, name, json_pack("{s:s,s:s,s:s}", "label", label, "where", where, "text", text));
}

struct plan_step plan_step_begin_text(struct plan *plan, enum rule rule, const char *base, const char *label, const char *text)
{
    struct arena *arena = plan->arena;
    const char *description =
        plan_printable(arena, span_of(arena_printf(arena, "[%s] %s", label, text)), DESCRIPTION_WIDTH);
    struct plan_step step = {.plan = plan, .base = base, .json = json_object()};
    json_object_set_new(step.json, "in", json_array());
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
    const char *text = plan_printable(plan->arena, action->text, 0);
    plan_place(planned->places, name, label, plan_where(plan->arena, action->place), text);
    return plan_step_begin_text(plan, rule, arena_printf(plan->arena, "%s/%s", planned->folder, name), label, text);
}

void plan_step_line(struct plan_step *step, const char *role, const char *const *words, size_t count)
{
    struct buf line = {0};
    buf_puts(&line, role);
    for (size_t i = 0; i < count; i++) {
        buf_putc(&line, ' ');
        escape_add(&line, span_of(words[i]), true);
    }
    json_array_append_new(json_object_get(step->json, "in"), json_bytes((struct span){line.data, line.len}));
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

const char *plan_step_end(struct plan_step *step, const char *out)
{
    struct plan *plan = step->plan;
    const char *known = plan_share(step, out);
    if (known) {
        edge_free(step->edge);
        buf_free(&step->list_text);
        json_decref(step->json);
        return known;
    }
    if (step->list) {
        plan_step_line(step, "context", (const char *[]){step->list_folder, step->list}, 2);
        outbox_add(plan->outbox, step->list, &step->list_text);
    }
    plan_step_line(step, "out", &out, 1);
    vec_push(&step->edge->outputs, out);
    outbox_add_json(plan->outbox, step->edge->step, step->json);
    graph_add(plan->graph, step->edge);
    json_decref(step->json);
    return out;
}
