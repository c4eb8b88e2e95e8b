/*
 * Owns which stages use which: index errors, cycles, and what the target needs (reference/dockerfile.md §4). Called by
 * stage.c. Must not know what is copied or mounted.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

static void add_use(struct resolver *resolver, struct stage *stage, struct span name, bool takes_numbers,
                    struct place place)
{
    struct stage *used;
    if (name.len && stage_find_source(resolver, name, takes_numbers, place, &used) && used)
        seq_push(resolver->arena, &stage->uses, (struct stage_use){used, place, false});
}

void needed_scan(struct resolver *resolver, struct stage *stage, const struct insn *insn)
{
    for (size_t i = 0; i < insn->flag_count; i++) {
        const struct flag *flag = &insn->flags[i];
        if (insn->kind == INSN_COPY && !strcmp(flag->name, "from"))
            add_use(resolver, stage, flag->value, true, flag->place);
        if (insn->kind != INSN_RUN || strcmp(flag->name, "mount"))
            continue;
        struct mount mount;
        const char *error = mount_parse(resolver->arena, flag->value, resolver->file->escape, NULL, &mount);
        if (error)
            diag_error(resolver->diag, flag->place, "%s", error);
        else
            add_use(resolver, stage, mount.from, false, flag->place);
    }
}

/* A way through the stages: where it stands in each. */
struct visit {
    struct stage *stage;
    size_t next;            /* of its uses */
};

/* The way from the first stage that was looked at to the use that closes the circle: each line of it may be the wrong one. */
static void say_circle(struct resolver *resolver, const struct stage_use *use, const struct visit *path, size_t depth)
{
    struct buf lines = {0};
    for (size_t i = 0; i < depth; i++)
        buf_printf(&lines, "%sline %d", i ? ", " : "", path[i].stage->uses.items[path[i].next - 1].place.line);
    diag_error(resolver->diag, use->place, "circular dependency detected on stage: %s (%s)", use->stage->name,
               buf_text(&lines));
    buf_free(&lines);
}

void needed_check_cycles(struct resolver *resolver)
{
    enum { NEW, OPEN, DONE };
    size_t count = resolver->stages->count;
    unsigned char *state = arena_alloc(resolver->arena, count);
    struct visit *path = arena_array(resolver->arena, count + 1, sizeof *path);
    for (size_t i = 0; i < count; i++) {
        size_t depth = 0;
        if (state[i] == NEW) {
            state[i] = OPEN;
            path[depth++] = (struct visit){&resolver->stages->items[i], 0};
        }
        while (depth) {
            struct visit *top = &path[depth - 1];
            if (top->next == top->stage->uses.count) {
                state[top->stage->index] = DONE;
                depth--;
                continue;
            }
            const struct stage_use *use = &top->stage->uses.items[top->next++];
            if (use->is_base)
                continue;
            if (state[use->stage->index] == OPEN)
                say_circle(resolver, use, path, depth);
            if (state[use->stage->index] != NEW)
                continue;
            state[use->stage->index] = OPEN;
            path[depth++] = (struct visit){use->stage, 0};
        }
    }
}

void needed_mark(struct resolver *resolver)
{
    SEQ(struct stage *) queue = {0};
    resolver->stages->target->is_needed = true;
    seq_push(resolver->arena, &queue, resolver->stages->target);
    for (size_t i = 0; i < queue.count; i++) {
        struct stage *stage = resolver->stage = queue.items[i];
        /* Its triggers may name further stages. */
        stage_enter(resolver);
        for (size_t k = 0; k < stage->uses.count; k++) {
            struct stage *used = stage->uses.items[k].stage;
            if (used->is_needed)
                continue;
            used->is_needed = true;
            seq_push(resolver->arena, &queue, used);
        }
    }
}
