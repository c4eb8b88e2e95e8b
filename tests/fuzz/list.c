/* Fuzz entry: any bytes as a layer's listing. When it is taken as one, every entry is decoded and found again by its path. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/list.h"
#include "tests/fuzz/fuzz.h"

static void look_at(const struct list *list, size_t i, struct arena *arena)
{
    struct entry entry;
    size_t sum = 0;
    list_entry(list, i, arena, &entry);
    for (size_t k = 0; k < entry.xattr_count; k++)
        sum += strlen(entry.xattrs[k].name) + strlen(entry.xattrs[k].hex);
    sum += entry.target ? strlen(entry.target) : 0;
    if (sum == SIZE_MAX || strcmp(entry.path, list_path(list, i, arena)) || entry.type != list_type(list, i))
        abort();
    if (list_compare(list, i, entry.path) || list_find(list, entry.path) != (int64_t)i || list_lower_bound(list, entry.path) != i)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    const char *why = NULL;
    char *text = malloc(size ? size : 1);
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    struct list *list = list_from_text(text, size, &why);
    if (!list && !why)
        abort();
    for (size_t i = 0; list && i < list_count(list); i++)
        look_at(list, i, &arena);
    list_close(list);
    arena_free(&arena);
    return 0;
}
