#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a */
static size_t hash(const char *text, size_t length)
{
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(sum ^ sum >> 32);
}

/* The slot that holds the word, or the free one where it belongs. */
static struct word *find(struct word *slots, size_t size, const char *text, size_t length)
{
    for (size_t i = hash(text, length);; i++) {
        struct word *slot = &slots[i & (size - 1)];
        if (!slot->text || (strncmp(slot->text, text, length) == 0 && !slot->text[length]))
            return slot;
    }
}

static int grow(struct table *table)
{
    size_t size = table->size ? table->size * 2 : 1024;
    struct word *slots = calloc(size, sizeof *slots);
    if (!slots)
        return -1;
    for (size_t i = 0; i < table->size; i++)
        if (table->slots[i].text)
            *find(slots, size, table->slots[i].text, strlen(table->slots[i].text)) = table->slots[i];
    free(table->slots);
    table->slots = slots;
    table->size = size;
    return 0;
}

int table_count(struct table *table, const char *text, size_t length)
{
    if (table->used * 2 >= table->size && grow(table) < 0)
        return -1;
    struct word *slot = find(table->slots, table->size, text, length);
    if (!slot->text) {
        slot->text = strndup(text, length);
        if (!slot->text)
            return -1;
        table->used++;
    }
    slot->count++;
    return 0;
}

static int by_count(const void *a, const void *b)
{
    const struct word *left = a, *right = b;
    if (!left->text || !right->text)
        return !left->text - !right->text;
    if (left->count != right->count)
        return left->count < right->count ? 1 : -1;
    return strcmp(left->text, right->text);
}

void table_sort(struct table *table)
{
    if (table->size)
        qsort(table->slots, table->size, sizeof *table->slots, by_count);
}
