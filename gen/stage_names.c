/*
 * Owns the look-up of stages by name and number. Called by the rest of stage. Must not know what a stage is looked up
 * for.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"

struct name_entry {
    struct span name;
    struct stage *stage;
};

static int compare_spans(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.text, b.text, len) : 0;
    return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_entries(const void *left, const void *right)
{
    const struct name_entry *a = left, *b = right;
    int order = compare_spans(a->name, b->name);
    return order ? order : a->stage->index < b->stage->index ? -1 : a->stage->index > b->stage->index;
}

void stage_index_names(struct resolver *resolver)
{
    struct stages *stages = resolver->stages;
    resolver->names = arena_array(resolver->arena, stages->count, sizeof *resolver->names);
    for (size_t i = 0; i < stages->count; i++)
        if (stages->items[i].ast->name.len)
            resolver->names[resolver->name_count++] =
                (struct name_entry){stages->items[i].ast->name, &stages->items[i]};
    if (resolver->name_count)
        qsort(resolver->names, resolver->name_count, sizeof *resolver->names, compare_entries);
}

struct stage *stage_find(const struct resolver *resolver, struct span name, size_t before)
{
    /* The first entry that is behind (name, before). */
    size_t low = 0, high = resolver->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct name_entry *entry = &resolver->names[middle];
        int order = compare_spans(entry->name, name);
        if (order < 0 || (order == 0 && entry->stage->index < before))
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low > 0 && span_equal(resolver->names[low - 1].name, name);
    return is_found ? resolver->names[low - 1].stage : NULL;
}

/* A decimal integer as Go's Atoi takes it. */
static bool read_number(struct span text, long long *number)
{
    char copy[32];
    size_t digits = text.len && (text.text[0] == '+' || text.text[0] == '-');
    if (text.len == digits || text.len >= sizeof copy)
        return false;
    for (size_t i = digits; i < text.len; i++)
        if (text.text[i] < '0' || text.text[i] > '9')
            return false;
    memcpy(copy, text.text, text.len);
    copy[text.len] = 0;
    errno = 0;
    *number = strtoll(copy, NULL, 10);
    return errno == 0;
}

bool stage_find_source(struct resolver *resolver, struct span name, bool takes_numbers, struct place place,
                       struct stage **stage)
{
    long long number;
    *stage = NULL;
    if (takes_numbers && read_number(name, &number)) {
        if (number < 0 || (unsigned long long)number >= resolver->stages->count) {
            diag_error(resolver->diag, place, "invalid stage index %lld", number);
            return false;
        }
        *stage = &resolver->stages->items[number];
        return true;
    }
    char *lower = arena_strndup(resolver->arena, name.text, name.len);
    for (char *c = lower; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    *stage = stage_find(resolver, span_of(lower), SIZE_MAX);
    return true;
}
