/*
 * Owns the writing of N.list: which entries of a context a step may read. Called by gen. Must not look at the context.
 */
#include "runtime/lib/context.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/list.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/span.h"
#include "runtime/lib/vec.h"

struct listed {
    const char *path, *target;
    mode_t mode;
    char type;
};

struct context_list {
    struct arena arena;
    VEC(struct listed) entries;
    struct buf patterns;
};

struct context_list *context_list_begin(void)
{
    return xcalloc(1, sizeof(struct context_list));
}

void context_list_add(struct context_list *list, const struct entry *entry)
{
    /* Whoever walks names a folder's parents again and again: the last one seen is the likely one. */
    if (list->entries.count && !strcmp(list->entries.items[list->entries.count - 1].path, entry->path))
        return;
    struct listed listed = {.mode = entry->mode, .type = (char)entry->type};
    listed.path = arena_strdup(&list->arena, entry->path);
    if (entry->type == ENTRY_SYMLINK)
        listed.target = arena_strdup(&list->arena, entry->target);
    vec_push(&list->entries, listed);
}

void context_list_add_missing(struct context_list *list, const char *path, const struct pattern_list *patterns)
{
    vec_push(&list->entries, (struct listed){.path = arena_strdup(&list->arena, path), .type = '?'});
    bool is_first = !list->patterns.len;
    for (size_t i = 0; patterns && is_first && i < pattern_list_count(patterns); i++) {
        buf_puts(&list->patterns, "i\t-\t");
        escape_add(&list->patterns, span_of(pattern_list_text(patterns, i)), false);
        buf_putc(&list->patterns, '\n');
    }
}

static int compare(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : (unsigned char)x->type - (unsigned char)y->type;
}

void context_list_finish(struct context_list *list, struct buf *text)
{
    const struct listed *last = NULL;
    if (list->entries.count)
        qsort(list->entries.items, list->entries.count, sizeof *list->entries.items, compare);
    buf_puts(text, "dfgen-files 1\n");
    for (size_t i = 0; i < list->entries.count; i++) {
        const struct listed *entry = &list->entries.items[i];
        if (last && !strcmp(last->path, entry->path) && last->type == entry->type)
            continue;
        last = entry;
        char mode[8] = {entry->type, '\t', '-', '\t'};
        size_t len = 4;
        if (entry->type != '?') {
            for (int k = 0; k < 4; k++)
                mode[2 + k] = (char)('0' + (entry->mode >> (9 - 3 * k) & 7));
            mode[6] = '\t';
            len = 7;
        }
        buf_add(text, mode, len);
        escape_add(text, span_of(entry->path), false);
        if (entry->target) {
            buf_putc(text, '\t');
            escape_add(text, span_of(entry->target), false);
        }
        buf_putc(text, '\n');
    }
    buf_add(text, buf_text(&list->patterns), list->patterns.len);
    buf_free(&list->patterns);
    vec_free(&list->entries);
    arena_free(&list->arena);
    free(list);
}
