/*
 * Owns the set of digests, and finding them in text. Called by the rest of the room. Must not know what they name.
 */
#include "runtime/gc/digests.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/die.h"

enum { FIRST_ROOM = 1024 };

/* A digest is as random as a hash gets. The slot that has it, or the free one where it would go. */
static size_t slot_of(const struct digest_set *set, const struct digest *digest)
{
    uint64_t hash;
    memcpy(&hash, digest->bytes, sizeof hash);
    size_t slot = hash & (set->room - 1);
    while (set->taken[slot] && memcmp(&set->slots[slot], digest, sizeof *digest))
        slot = (slot + 1) & (set->room - 1);
    return slot;
}

static void grow(struct digest_set *set)
{
    struct digest_set larger = {.room = set->room ? set->room * 2 : FIRST_ROOM};
    larger.slots = xcalloc(larger.room, sizeof *larger.slots);
    larger.taken = xcalloc(larger.room, sizeof *larger.taken);
    for (size_t i = 0; i < set->room; i++)
        if (set->taken[i])
            digest_set_add(&larger, &set->slots[i]);
    digest_set_free(set);
    *set = larger;
}

bool digest_set_add(struct digest_set *set, const struct digest *digest)
{
    if (set->count * 2 >= set->room)
        grow(set);
    size_t slot = slot_of(set, digest);
    if (set->taken[slot])
        return false;
    set->taken[slot] = true;
    set->slots[slot] = *digest;
    set->count++;
    return true;
}

bool digest_set_has(const struct digest_set *set, const struct digest *digest)
{
    return set->room && set->taken[slot_of(set, digest)];
}

void digest_set_free(struct digest_set *set)
{
    free(set->slots);
    free(set->taken);
    *set = (struct digest_set){0};
}

void digests_in(const char *text, size_t len, void (*see)(void *data, const struct digest *digest), void *data)
{
    const char *at = text, *end = text + len;
    while (at < end && (at = memchr(at, ':', (size_t)(end - at)))) {
        struct digest digest;
        size_t before = (size_t)(at - text);
        bool is_id = (before >= 6 && !memcmp(at - 6, "sha256", 6)) || (before >= 4 && !memcmp(at - 4, "tree", 4));
        at++;
        if (is_id && end - at >= DIGEST_HEX && digest_parse(at, &digest)) {
            see(data, &digest);
            at += DIGEST_HEX;
        }
    }
}
