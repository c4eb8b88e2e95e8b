/*
 * Owns steps that several images or platforms have in common: the same step file, inputs and packing give one edge.
 * Called by plan_step and plan. Must not know what a step does.
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

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/json.h"
#include "runtime/lib/vec.h"

struct shared_step {
    struct digest key;
    const char *out;            /* NULL: taken back */
    const struct unit *unit;    /* NULL: any (a layer) */
};

struct shared {
    VEC(struct shared_step) steps;
    size_t *slots;              /* number of a step, and 1; hashed by key */
    size_t room;
};

struct shared *shared_new(struct arena *arena)
{
    return arena_alloc(arena, sizeof(struct shared));
}

void shared_free(struct shared *shared)
{
    if (!shared)
        return;
    vec_free(&shared->steps);
    free(shared->slots);
}

/* Where a key's step is or would be; there is always room. */
static size_t *find_slot(const struct shared *shared, const struct digest *key)
{
    size_t hash;
    memcpy(&hash, key->bytes, sizeof hash);
    for (size_t i = hash % shared->room;; i = (i + 1) % shared->room) {
        size_t number = shared->slots[i];
        if (!number || !memcmp(&shared->steps.items[number - 1].key, key, sizeof *key))
            return &shared->slots[i];
    }
}

static void make_room(struct shared *shared)
{
    if (shared->steps.count * 2 < shared->room)
        return;
    free(shared->slots);
    shared->room = shared->room ? shared->room * 2 : 1024;
    shared->slots = xcalloc(shared->room, sizeof *shared->slots);
    for (size_t i = 0; i < shared->steps.count; i++)
        *find_slot(shared, &shared->steps.items[i].key) = i + 1;
}

/* The step with this key; a new one has the output that is given. *is_new says which. */
static struct shared_step *note(struct shared *shared, const struct shared_step *step, bool *is_new)
{
    make_room(shared);
    size_t *slot = find_slot(shared, &step->key);
    *is_new = !*slot;
    if (*is_new) {
        vec_push(&shared->steps, *step);
        *slot = shared->steps.count;
    }
    struct shared_step *found = &shared->steps.items[*slot - 1];
    if (!found->out) {
        *found = *step;
        *is_new = true;
    }
    return found;
}

/* What the step is, wherever its own files lie. */
static struct digest key_of(const struct plan_step *step)
{
    struct buf text = {0};
    struct digest_state state;
    plan_step_text(step, &text);
    digest_begin(&state);
    digest_add_field(&state, rule_names[step->edge->rule]);
    digest_add_field(&state, buf_text(&text));
    digest_add_field(&state, step->list ? step->list_folder : "");
    digest_add(&state, buf_text(&step->list_text), step->list_text.len);
    digest_add_field(&state, step->plan->layer_text);
    buf_free(&text);
    return digest_end(&state);
}

const char *plan_share(struct plan_step *step, const char *out)
{
    struct shared *shared = step->plan->shared;
    enum rule rule = step->edge->rule;
    if (!shared || (rule != RULE_COPY && rule != RULE_RUN && rule != RULE_RUN_LOCAL && rule != RULE_FETCH))
        return NULL;
    bool is_new;
    const struct shared_step *found = note(shared, &(struct shared_step){key_of(step), out, step->plan->unit}, &is_new);
    /* Equal steps in one file stay apart: each has its place and its log. */
    return is_new || found->unit == step->plan->unit ? NULL : found->out;
}

bool plan_share_layer(struct plan *plan, const char *stamp)
{
    struct digest_state state;
    bool is_new;
    if (!plan->shared)
        return false;
    digest_begin(&state);
    digest_add_field(&state, "layer");
    digest_add_field(&state, stamp);
    note(plan->shared, &(struct shared_step){digest_end(&state), stamp, NULL}, &is_new);
    return !is_new;
}

size_t shared_count(const struct shared *shared)
{
    return shared ? shared->steps.count : 0;
}

void shared_take_back(struct shared *shared, size_t count)
{
    for (size_t i = count; shared && i < shared->steps.count; i++)
        shared->steps.items[i].out = NULL;
}
