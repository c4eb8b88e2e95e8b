/*
 * Owns the merged view of layers: what a path is, what a folder holds. Called by whatever looks into a root file system, and by
 * tree_resolve.c and tree_digest.c, which stand on look-ups alone. Must not know how listings are written.
 *
 * A folder's state is, for each layer that has something below it, the range of its listing's lines that lie there. It is cut out of
 * the parent's state, so hidden layers are gone already and a search goes through a few lines instead of a whole listing. States are
 * kept: the next look-up in the same folder starts from there.
 */
#include "runtime/lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/span.h"
#include "runtime/lib/vec.h"

enum { BUCKETS = 1024 };

struct layer {
    struct list *list;
    int files;
};

/* Lines of one layer. */
struct part {
    size_t layer, from, to;
};

struct folder {
    struct folder *next;
    struct span path;
    const struct part *parts;   /* of what lies below it; the topmost layer first */
    size_t count;
};

struct memory {
    struct arena arena;
    struct folder *buckets[BUCKETS];
    struct part *parts;         /* room for a look-up's, one a layer */
};

struct tree {
    VEC(struct layer) layers;
    struct memory *memory;
};

/* Where the layers say a path is, topmost first. */
struct sight {
    bool exists, is_folder;
    bool is_listed;     /* else a folder that only follows from what is below it */
    size_t layer, line;
    size_t count;       /* of memory->parts: what lies below a folder; the topmost layer first */
};

struct tree *tree_new(void)
{
    struct tree *tree = xcalloc(1, sizeof *tree);
    tree->memory = xcalloc(1, sizeof *tree->memory);
    return tree;
}

static void forget(struct memory *memory)
{
    arena_free(&memory->arena);
    memset(memory->buckets, 0, sizeof memory->buckets);
}

void tree_add_layer(struct tree *tree, struct list *list, int files)
{
    vec_push(&tree->layers, (struct layer){list, files});
    forget(tree->memory);
    tree->memory->parts = xrealloc(tree->memory->parts, tree->layers.count, sizeof(struct part));
}

void tree_free(struct tree *tree)
{
    if (!tree)
        return;
    for (size_t i = 0; i < tree->layers.count; i++) {
        list_close(tree->layers.items[i].list);
        if (tree->layers.items[i].files >= 0)
            close(tree->layers.items[i].files);
    }
    vec_free(&tree->layers);
    forget(tree->memory);
    free(tree->memory->parts);
    free(tree->memory);
    free(tree);
}

size_t tree_layer_count(const struct tree *tree)
{
    return tree->layers.count;
}

const struct list *tree_layer_list(const struct tree *tree, size_t layer)
{
    return tree->layers.items[layer].list;
}

int tree_layer_files(const struct tree *tree, size_t layer)
{
    /* The root of a tree without layers is in none. */
    return layer < tree->layers.count ? tree->layers.items[layer].files : -1;
}

/* --- folders --- */

/* Entries of list [at, to) that lie below a path: between PATH/ and PATH0, '0' being the byte after '/'. */
static struct part lines_below(const struct list *list, size_t at, size_t to, const char *path)
{
    char bound[PATH_MAX + 1];
    size_t len = strlen(path);
    memcpy(bound, path, len);
    memcpy(bound + len, "0", 2);
    /* Nothing that begins with the path: most layers say so here, after one search. */
    if (at == to || list_compare(list, at, bound) >= 0)
        return (struct part){0, at, at};
    size_t end = list_lower_bound_in(list, bound, at, to);
    bound[len] = '/';
    return (struct part){0, list_lower_bound_in(list, bound, at, end), end};
}

/* What one layer says of a path. True: layers below this one count no more. */
static bool look_in(const struct tree *tree, const struct part *part, const char *path, struct sight *sight)
{
    const struct list *list = tree->layers.items[part->layer].list;
    size_t at = list_lower_bound_in(list, path, part->from, part->to);
    bool is_listed = at < part->to && list_compare(list, at, path) == 0;
    enum entry_type type = is_listed ? list_type(list, at) : ENTRY_DIR;
    if (type != ENTRY_DIR && type != ENTRY_OPAQUE) {
        /* Below a folder of an upper layer it is hidden. */
        if (!sight->exists && type != ENTRY_WHITEOUT)
            *sight = (struct sight){.exists = true, .is_listed = true, .layer = part->layer, .line = at};
        return true;
    }
    struct part below = lines_below(list, at + is_listed, part->to, path);
    below.layer = part->layer;
    if (!is_listed && below.from == below.to)
        return false;
    /* The topmost layer that lists the folder says what it is like. */
    if (!sight->exists || (is_listed && !sight->is_listed))
        sight->layer = part->layer;
    if (is_listed && !sight->is_listed)
        sight->line = at;
    sight->is_listed |= is_listed;
    sight->exists = sight->is_folder = true;
    if (below.from < below.to)
        tree->memory->parts[sight->count++] = below;
    return type == ENTRY_OPAQUE;
}

/* What a path is, given its parent folder. */
static struct sight look(const struct tree *tree, const struct folder *parent, const char *path)
{
    struct sight sight = {0};
    for (size_t i = 0; i < parent->count; i++)
        if (look_in(tree, &parent->parts[i], path, &sight))
            break;
    return sight;
}

/* The root's lines are all of each layer. */
static struct sight look_at_root(const struct tree *tree)
{
    struct sight sight = {.exists = true, .is_folder = true};
    for (size_t i = tree->layers.count; i-- > 0;) {
        const struct list *list = tree->layers.items[i].list;
        bool is_listed = list_count(list) && list_compare(list, 0, "") == 0;
        if (is_listed && !sight.is_listed) {
            sight.is_listed = true;
            sight.layer = i;
        }
        if (list_count(list) > is_listed)
            tree->memory->parts[sight.count++] = (struct part){i, is_listed, list_count(list)};
        if (is_listed && list_type(list, 0) == ENTRY_OPAQUE)
            break;
    }
    return sight;
}

static struct folder **find_bucket(const struct tree *tree, struct span path)
{
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < path.len; i++)
        value = (value ^ (unsigned char)path.text[i]) * 16777619u;
    return &tree->memory->buckets[value % BUCKETS];
}

static const struct folder *find_known(const struct tree *tree, struct span path)
{
    const struct folder *folder = *find_bucket(tree, path);
    while (folder && !span_equal(folder->path, path))
        folder = folder->next;
    return folder;
}

static const struct folder *remember(const struct tree *tree, struct span path, const struct sight *sight)
{
    struct memory *memory = tree->memory;
    struct folder **bucket = find_bucket(tree, path), *folder = arena_alloc(&memory->arena, sizeof *folder);
    struct part *parts = arena_array(&memory->arena, sight->count, sizeof *parts);
    if (sight->count)
        memcpy(parts, memory->parts, sight->count * sizeof *parts);
    *folder = (struct folder){*bucket, arena_span(&memory->arena, path), parts, sight->count};
    return *bucket = folder;
}

/* The state of a folder. What is no folder, or not there, has nothing below it. */
static const struct folder *find_folder(const struct tree *tree, struct span path)
{
    static const struct folder nothing;
    const struct folder *folder = find_known(tree, path);
    if (folder)
        return folder;
    if (path.len >= PATH_MAX)
        return &nothing;
    struct sight sight;
    if (!(folder = find_known(tree, (struct span){"", 0}))) {
        sight = look_at_root(tree);
        folder = remember(tree, (struct span){"", 0}, &sight);
    }
    char text[PATH_MAX];
    for (size_t len = 0; len < path.len; text[len] = '/') {
        size_t start = len + (len > 0);
        const char *slash = memchr(path.text + start, '/', path.len - start);
        size_t end = slash ? (size_t)(slash - path.text) : path.len;
        memcpy(text + start, path.text + start, end - start);
        text[len = end] = 0;
        const struct folder *next = find_known(tree, (struct span){text, len});
        if (!next) {
            sight = look(tree, folder, text);
            next = remember(tree, (struct span){text, len}, &sight);
        }
        folder = next;
    }
    return folder;
}

/* --- look-ups --- */

static struct sight look_from_above(const struct tree *tree, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!*path)
        return look_at_root(tree);
    if (strlen(path) >= PATH_MAX)
        return (struct sight){0};
    return look(tree, find_folder(tree, (struct span){path, slash ? (size_t)(slash - path) : 0}), path);
}

bool tree_lookup(const struct tree *tree, struct arena *arena, const char *path, struct tree_node *node, struct entry *entry)
{
    struct sight sight = look_from_above(tree, path);
    if (!sight.exists)
        return false;
    *node = (struct tree_node){.path = arena_strdup(arena, path), .layer = sight.layer};
    if (!sight.is_listed) {
        *entry = (struct entry){.path = node->path, .type = ENTRY_DIR, .mode = 0755};
        return true;
    }
    const struct list *list = tree->layers.items[sight.layer].list;
    list_entry(list, sight.line, arena, entry);
    if (entry->type == ENTRY_OPAQUE)
        entry->type = ENTRY_DIR;
    if (entry->type == ENTRY_HARDLINK) {
        /* The first name is of the same layer, whatever upper layers did to it: what they did not touch is still this file. */
        node->link_to = entry->target;
        list_entry(list, (size_t)list_find(list, node->link_to), arena, entry);
    }
    entry->path = node->path;
    return true;
}

/* --- children --- */

struct child {
    const char *name;
    size_t order;       /* 0: of the topmost layer */
    bool is_itself;     /* the line is the child's, not one of what is below it */
    bool is_whiteout;
};

struct children {
    struct child *items;
    size_t count, room;
};

/* The children that one layer names, some twice: "a" and "a/b" have "a-b" between them. */
static void add_children(const struct list *list, const struct part *part, size_t order, struct span folder,
                         struct arena *arena, struct children *children)
{
    size_t skip = folder.len + (folder.len > 0);
    for (size_t i = part->from; i < part->to;) {
        char *path = (char *)(uintptr_t)list_path(list, i, arena);
        struct child child = {.name = path + skip, .order = order};
        char *end = path + skip + strcspn(path + skip, "/");
        child.is_itself = !*end;
        child.is_whiteout = child.is_itself && list_type(list, i) == ENTRY_WHITEOUT;
        if (!child.is_itself) {
            /* '0' comes after '/': past all that is below the child. */
            char rest = end[1];
            memcpy(end, "0", 2);
            i = list_lower_bound_in(list, path, i + 1, part->to);
            memcpy(end, (char[]){0, rest}, 2);
        } else {
            i++;
        }
        vec_push(children, child);
    }
}

static int compare_children(const void *a, const void *b)
{
    const struct child *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    if (!order)
        order = x->order < y->order ? -1 : x->order > y->order;
    return order ? order : y->is_itself - x->is_itself;
}

size_t tree_children(const struct tree *tree, struct arena *arena, const char *path, const char *const **names)
{
    struct children children = {0};
    const struct folder *folder = find_folder(tree, span_of(path));
    for (size_t i = 0; i < folder->count; i++)
        add_children(tree->layers.items[folder->parts[i].layer].list, &folder->parts[i], i, folder->path, arena, &children);
    if (children.count)
        qsort(children.items, children.count, sizeof *children.items, compare_children);
    const char **out = arena_array(arena, children.count, sizeof *out);
    size_t count = 0;
    for (size_t i = 0; i < children.count; i++) {
        const struct child *child = &children.items[i];
        /* The topmost layer that knows the name decides. */
        if (i && !strcmp(child->name, children.items[i - 1].name))
            continue;
        if (!child->is_whiteout)
            out[count++] = child->name;
    }
    vec_free(&children);
    *names = out;
    return count;
}

/* --- files --- */

int tree_open_file(const struct tree *tree, const struct tree_node *node)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    const char *path = node->link_to ? node->link_to : node->path;
    autoclose int fd = -1;
    struct stat st;
    do
        fd = (int)syscall(SYS_openat2, tree->layers.items[node->layer].files, path, &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return -1;
    }
    return fd_take(&fd);
}
