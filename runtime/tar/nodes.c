/*
 * Owns the map from paths to what a layer's tar put there. Called by unpack. Must not touch a disk. Removing a folder costs the same
 * whatever is in it: what lies below carries the count of its birth and is dead when an ancestor was emptied later.
 */
#include "runtime/tar/nodes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/list.h"
#include "runtime/tar/read.h"

enum { LINKS_MAX = 255 };

struct nodes {
    struct arena arena;
    struct node **table;    /* open addressing; room is a power of two, at most half full */
    size_t room, count;
    uint64_t seed;          /* an archive made to collide does not know it */
    uint64_t clock;
    bool was_emptied;
};

struct nodes *nodes_new(void)
{
    struct nodes *nodes = xcalloc(1, sizeof *nodes);
    nodes->room = 1024;
    nodes->table = xcalloc(nodes->room, sizeof *nodes->table);
    if (getrandom(&nodes->seed, sizeof nodes->seed, 0) < 0)
        nodes->seed = (uintptr_t)nodes;
    return nodes;
}

void nodes_free(struct nodes *nodes)
{
    if (!nodes)
        return;
    arena_free(&nodes->arena);
    free(nodes->table);
    free(nodes);
}

struct arena *nodes_arena(struct nodes *nodes)
{
    return &nodes->arena;
}

static struct node **slot(const struct nodes *nodes, const char *path, size_t len)
{
    uint64_t hash = nodes->seed;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)path[i]) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 29;
    }
    for (size_t i = hash & (nodes->room - 1);; i = (i + 1) & (nodes->room - 1)) {
        struct node *node = nodes->table[i];
        if (!node || (!strncmp(node->path, path, len) && !node->path[len]))
            return &nodes->table[i];
    }
}

static void grow(struct nodes *nodes)
{
    struct node **old = nodes->table;
    size_t room = nodes->room;
    nodes->room *= 2;
    nodes->table = xcalloc(nodes->room, sizeof *nodes->table);
    for (size_t i = 0; i < room; i++) {
        if (old[i])
            *slot(nodes, old[i]->path, strlen(old[i]->path)) = old[i];
    }
    free(old);
}

static bool is_alive(const struct nodes *nodes, const struct node *node)
{
    if (!node->inode)
        return false;
    if (!nodes->was_emptied)
        return true;
    for (size_t len = strlen(node->path); len;) {
        while (len && node->path[--len] != '/')
            ;
        const struct node *above = *slot(nodes, node->path, len);
        if (above && above->emptied > node->born)
            return false;
    }
    return true;
}

static struct node *find(const struct nodes *nodes, const char *path, size_t len)
{
    struct node *node = *slot(nodes, path, len);
    return node && is_alive(nodes, node) ? node : NULL;
}

struct node *nodes_find(const struct nodes *nodes, const char *path)
{
    return find(nodes, path, strlen(path));
}

static bool is_folder(const struct inode *inode)
{
    return inode->entry->type == ENTRY_DIR || inode->entry->type == ENTRY_OPAQUE;
}

struct node *nodes_put(struct nodes *nodes, const char *path, struct inode *inode)
{
    struct node **where = slot(nodes, path, strlen(path));
    if (!*where) {
        *where = arena_alloc(&nodes->arena, sizeof **where);
        (*where)->path = arena_strdup(&nodes->arena, path);
        struct node *made = *where;
        if (++nodes->count * 2 > nodes->room)
            grow(nodes);
        where = slot(nodes, made->path, strlen(made->path));
    }
    struct node *node = *where;
    bool was_there = is_alive(nodes, node);
    if (!was_there)
        node->hides_lower = false;
    nodes->clock++;
    if (was_there && is_folder(node->inode) && !is_folder(inode)) {
        node->emptied = nodes->clock;
        nodes->was_emptied = true;
    }
    if (!is_folder(inode))
        node->hides_lower = true;
    node->inode = inode;
    node->born = nodes->clock;
    return node;
}

const char *nodes_resolve(const struct nodes *nodes, const char *path, char *out)
{
    char rest[2 * TAR_NAME_MAX];
    size_t len = 0;
    int links = 0;
    if (strlen(path) >= TAR_NAME_MAX)
        return "a name longer than 4095 bytes";
    strcpy(rest, path);
    for (char *at = rest;;) {
        at += strspn(at, "/");
        size_t part = strcspn(at, "/");
        const char *behind = at + part + strspn(at + part, "/");
        if (!part)
            break;
        if (part == 1 && *at == '.') {
            at += part;
            continue;
        }
        if (part == 2 && !memcmp(at, "..", 2)) {
            while (len && out[--len] != '/')
                ;
            at += part;
            continue;
        }
        size_t before = len;
        if (len + part + 2 > TAR_NAME_MAX)
            return "a name longer than 4095 bytes";
        if (len)
            out[len++] = '/';
        memcpy(out + len, at, part);
        len += part;
        at += part;
        const struct node *node = *behind ? find(nodes, out, len) : NULL;
        if (!node || node->inode->entry->type != ENTRY_SYMLINK)
            continue;
        /* The link's text takes its place; an absolute one begins at the layer's root. */
        const char *target = node->inode->entry->target;
        size_t target_len = strlen(target), behind_len = strlen(behind);
        if (++links > LINKS_MAX)
            return "too many symbolic links on the way";
        if (target_len + behind_len + 2 > sizeof rest)
            return "a name longer than 4095 bytes";
        len = *target == '/' ? 0 : before;
        memmove(rest + target_len + 1, behind, behind_len + 1);
        memcpy(rest, target, target_len);
        rest[target_len] = '/';
        at = rest;
    }
    out[len] = 0;
    return NULL;
}

static int by_path(const void *a, const void *b)
{
    return strcmp((*(struct node *const *)a)->path, (*(struct node *const *)b)->path);
}

struct node **nodes_sorted(struct nodes *nodes, size_t *count)
{
    struct node **sorted = arena_array(&nodes->arena, nodes->count + 1, sizeof *sorted);
    *count = 0;
    for (size_t i = 0; i < nodes->room; i++) {
        if (nodes->table[i] && is_alive(nodes, nodes->table[i]))
            sorted[(*count)++] = nodes->table[i];
    }
    qsort(sorted, *count, sizeof *sorted, by_path);
    return sorted;
}
