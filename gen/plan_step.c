/*
 * Owns the common part of every step: its step file, its edge. Called by the files that
 * plan one kind of step each. Must not know what a step does.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/json.h"

enum { DESCRIPTION_WIDTH = 100 };

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
    vec_push(&step.edge->order_only, plan->places_file);
    return step;
}

struct plan_step plan_step_begin(struct planned *planned, struct plan *plan, enum rule rule, const char *name, const char *label,
                                 const struct action *action)
{
    const char *base = arena_printf(plan->arena, "%s/%s", planned->folder, name);
    plan_place(plan, base, &(struct place_note){label, action->place, action->text, NULL});
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

void plan_step_pack(struct plan_step *step, struct plan_pack *pack, const char *member)
{
    step->pack = pack;
    step->member = member;
    step->edge->step = arena_printf(step->plan->arena, "%s/%s", pack->file, member);
    step->edge->inputs.items[0] = pack->file;
}

void plan_pack_end(struct plan *plan, struct plan_pack *pack)
{
    pack->text.data[0] = '{';
    buf_puts(&pack->text, "}\n");
    outbox_add(plan->outbox, pack->file, &pack->text);
}

/* The members' texts stand behind commas; the first one's becomes the brace. */
static void put_into_pack(struct plan_step *step, const struct buf *text)
{
    struct buf *out = &step->pack->text;
    buf_putc(out, ',');
    json_bytes_add(out, span_of(step->member));
    buf_putc(out, ':');
    buf_add(out, text->data, text->len - 1);
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
    if (step->pack)
        put_into_pack(step, &text);
    else
        outbox_add(plan->outbox, step->edge->step, &text);
    buf_free(&text);
    graph_add(plan->graph, step->edge);
    buf_free(&step->in);
    json_decref(step->json);
    return out;
}
