/*
 * Owns the digest of what lies at a path of a tree: the same for the same merged view, however layers make it up. Called by helpers whose
 * key counts another stage's files. Stands on look-ups; knows no layers.
 */
#include "runtime/lib/tree.h"

#include <inttypes.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"

enum { CHUNK = 64 * 1024 };

struct summing {
    const struct tree *tree;
    struct digest_state state;
    struct buf chunk;       /* hashing piece by piece costs more than the hash */
    size_t skip;            /* bytes of a path above the name that counts */
};

/* One entry, each field ended by a NUL. Which names are links to one file is no content: a layer in between may have parted them. */
static void add_entry(struct summing *sum, const struct entry *entry)
{
    struct buf *out = &sum->chunk;
    const char *name = entry->path + sum->skip;
    buf_add(out, name, strlen(name) + 1);
    buf_printf(out, "%c %04o %" PRIu32 " %" PRIu32 " ", entry->type, (unsigned)entry->mode, entry->uid, entry->gid);
    if (entry->type == ENTRY_FILE) {
        buf_printf(out, "%" PRId64 " ", entry->size);
        buf_add(out, entry->digest.bytes, sizeof entry->digest.bytes);
    } else if (entry->type == ENTRY_SYMLINK) {
        buf_puts(out, entry->target);
    } else if (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK) {
        buf_printf(out, "%" PRIu32 ":%" PRIu32, entry->major, entry->minor);
    }
    buf_putc(out, 0);
    for (size_t i = 0; i < entry->xattr_count; i++)
        buf_printf(out, "%s=%s%c", entry->xattrs[i].name, entry->xattrs[i].hex, 0);
    buf_putc(out, 0);
    if (out->len >= CHUNK) {
        digest_add(&sum->state, out->data, out->len);
        buf_clear(out);
    }
}

static void add_below(struct summing *sum, struct arena *arena, const char *path)
{
    const char *const *names;
    size_t count = tree_children(sum->tree, arena, path, &names);
    for (size_t i = 0; i < count; i++) {
        struct tree_node node;
        struct entry entry;
        if (!tree_lookup(sum->tree, arena, path_join(arena, path, names[i]), &node, &entry))
            continue;
        add_entry(sum, &entry);
        if (entry.type == ENTRY_DIR)
            add_below(sum, arena, entry.path);
    }
}

void tree_digest(const struct tree *tree, const char *path, struct digest *digest)
{
    struct arena arena = {0};
    struct summing sum = {.tree = tree, .skip = strlen(path)};
    struct tree_node node;
    struct entry entry;
    digest_begin(&sum.state);
    if (tree_lookup(tree, &arena, path, &node, &entry)) {
        add_entry(&sum, &entry);
        if (entry.type == ENTRY_DIR)
            add_below(&sum, &arena, path);
    }
    digest_add(&sum.state, buf_text(&sum.chunk), sum.chunk.len);
    *digest = digest_end(&sum.state);
    buf_free(&sum.chunk);
    arena_free(&arena);
}
