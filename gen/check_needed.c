/*
 * Owns which stages the checks look at. Called by check. Must not know rules. stage finds the same with base images at
 * hand and their triggers; checks do without.
 */
#include "gen/diag.h"

#include "gen/ast.h"

#include "gen/check_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gen/mount.h"
#include "gen/opts.h"
#include "gen/word.h"
#include "runtime/lib/arena.h"

struct named {
    struct span name;   /* lower case, as the parser leaves it */
    size_t index;
};

struct names {
    struct named *items;    /* by name, then index */
    size_t count;
};

static int compare_text(struct span a, struct span b)
{
    int order = memcmp(a.text, b.text, a.len < b.len ? a.len : b.len);
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_named(const void *left, const void *right)
{
    const struct named *a = left, *b = right;
    int order = compare_text(a->name, b->name);
    return order ? order : a->index < b->index ? -1 : a->index > b->index;
}

static struct names sort_names(struct checker *checker)
{
    const struct dockerfile *file = checker->file;
    struct names names = {.items = arena_array(checker->arena, file->stage_count, sizeof *names.items)};
    for (size_t i = 0; i < file->stage_count; i++)
        if (file->stages[i].name.len)
            names.items[names.count++] = (struct named){file->stages[i].name, i};
    qsort(names.items, names.count, sizeof *names.items, compare_named);
    return names;
}

/* The last stage of that name, in any case, before another; SIZE_MAX: none. */
static size_t find(struct checker *checker, const struct names *names, struct span name, size_t before)
{
    char *lower = arena_strndup(checker->arena, name.text, name.len);
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    struct named wanted = {{lower, name.len}, before};
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_named(&names->items[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low && span_equal(names->items[low - 1].name, wanted.name) ? names->items[low - 1].index : SIZE_MAX;
}

/* COPY --from takes numbers, too. */
static size_t find_source(struct checker *checker, const struct names *names, struct span name, size_t before)
{
    char *end, *text = arena_strndup(checker->arena, name.text, name.len);
    unsigned long number = strtoul(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end)
        return number < before ? number : SIZE_MAX;
    return find(checker, names, name, before);
}

static void find_bases(struct checker *checker, const struct names *names)
{
    const struct dockerfile *file = checker->file;
    struct word_env env = {scope_lookup, &checker->globals, &checker->spent};
    for (size_t i = 0; i < file->stage_count; i++) {
        struct word_result image = word_expand(checker->arena, file->stages[i].image, file->escape, WORD_ONE, &env);
        checker->base[i] = image.error || !image.text.len ? SIZE_MAX : find(checker, names, image.text, i);
    }
}

static void look_at(struct checker *checker, size_t index)
{
    if (index != SIZE_MAX)
        checker->is_looked_at[index] = true;
}

static void mark_uses(struct checker *checker, const struct names *names, size_t index)
{
    const struct stage_ast *stage = &checker->file->stages[index];
    look_at(checker, checker->base[index]);
    for (size_t i = 0; i < stage->insn_count; i++) {
        const struct insn *insn = &stage->insns[i];
        for (size_t k = 0; k < insn->flag_count; k++) {
            const struct flag *flag = &insn->flags[k];
            struct mount mount;
            if (insn->kind == INSN_COPY && !strcmp(flag->name, "from"))
                look_at(checker, find_source(checker, names, flag->value, index));
            else if (insn->kind == INSN_RUN && !strcmp(flag->name, "mount") &&
                     !mount_parse(checker->arena, flag->value, checker->file->escape, NULL, &mount) && mount.from.len)
                look_at(checker, find(checker, names, mount.from, index));
        }
    }
}

void check_find_stages(struct checker *checker, bool all_stages)
{
    size_t count = checker->file->stage_count;
    const char *target = checker->opts->target;
    struct names names = sort_names(checker);
    checker->base = arena_array(checker->arena, count, sizeof *checker->base);
    checker->is_looked_at = arena_array(checker->arena, count, sizeof *checker->is_looked_at);
    find_bases(checker, &names);
    bool has_target = target && *target;
    if (all_stages && !has_target)
        memset(checker->is_looked_at, true, count);
    else
        look_at(checker, has_target ? find(checker, &names, span_of(target), count) : count - 1);
    /* What a stage uses stands above it. */
    for (size_t i = count; i-- > 0;)
        if (checker->is_looked_at[i])
            mark_uses(checker, &names, i);
}
