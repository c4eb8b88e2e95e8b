/* Owns names by hash. Called by what keeps variables and labels. Must not know what is kept under them. */
#include "gen/names.h"

#include "runtime/lib/arena.h"

enum { ROOM_MIN = 32 };

/* The name's slot, or the free one where it would be; there is always room. */
static uint32_t *find_slot(const struct name_index *names, struct span name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.text[i]) * 16777619u;
    for (size_t i = hash & (names->room - 1);; i = (i + 1) & (names->room - 1)) {
        uint32_t *slot = &names->slots[i];
        if (!*slot || span_equal(names->items.items[*slot - 1], name))
            return slot;
    }
}

/* At most half of the slots are taken. */
static void make_room(struct name_index *names, struct arena *arena)
{
    if ((names->items.count + 1) * 2 <= names->room)
        return;
    names->room = names->room ? names->room * 2 : ROOM_MIN;
    names->slots = arena_array(arena, names->room, sizeof *names->slots);
    for (size_t i = 0; i < names->items.count; i++) {
        uint32_t *slot = find_slot(names, names->items.items[i]);
        if (!*slot)
            *slot = (uint32_t)i + 1;
    }
}

void names_add(struct name_index *names, struct arena *arena, struct span name)
{
    make_room(names, arena);
    uint32_t *slot = find_slot(names, name);
    seq_push(arena, &names->items, name);
    if (*slot)
        names->has_twins = true;
    else
        *slot = (uint32_t)names->items.count;
}

bool names_find(const struct name_index *names, struct span name, size_t *number)
{
    uint32_t slot = names->room ? *find_slot(names, name) : 0;
    *number = slot ? slot - 1 : 0;
    return slot != 0;
}
