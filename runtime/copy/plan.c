/*
 * Owns the rules of destinations: what goes where, what it replaces, what its metadata are. Called by dfgen-copy's
 * main. Works on listings alone; must not open a file.
 */
#include "runtime/lib/list.h"

#include "runtime/copy/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/copy/mode.h"
#include "runtime/copy/owner.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/path.h"
#include "runtime/lib/sources.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

#include "runtime/copy/plan_internal.h"

static int fail(const struct plan *plan, const char **error, const char *what, const char *path)
{
    *error = arena_printf(plan->arena, "%s: /%s", what, path);
    return -1;
}

/* --- entries by path --- */

static uint32_t *find_slot(const struct plan *plan, const char *path)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *at = path; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    size_t i = (hash ^ hash >> 32) & (plan->slot_count - 1);
    while (plan->slots[i] && strcmp(plan->entries.items[plan->slots[i] - 1].entry.path, path))
        i = (i + 1) & (plan->slot_count - 1);
    return &plan->slots[i];
}

static void grow_slots(struct plan *plan)
{
    free(plan->slots);
    plan->slot_count = plan->slot_count ? 2 * plan->slot_count : 256;
    plan->slots = xcalloc(plan->slot_count, sizeof *plan->slots);
    for (size_t i = 0; i < plan->entries.count; i++)
        *find_slot(plan, plan->entries.items[i].entry.path) = (uint32_t)i + 1;
}

static struct plan_entry *find(const struct plan *plan, const char *path)
{
    uint32_t slot = plan->slot_count ? *find_slot(plan, path) : 0;
    struct plan_entry *entry = slot ? &plan->entries.items[slot - 1] : NULL;
    return entry && !entry->is_gone ? entry : NULL;
}

/* Put an entry at its path, over what the plan has there. Returns its number. */
static size_t put(struct plan *plan, const struct plan_entry *entry)
{
    if (2 * (plan->entries.count + 1) > plan->slot_count)
        grow_slots(plan);
    uint32_t *slot = find_slot(plan, entry->entry.path);
    if (*slot) {
        plan->entries.items[*slot - 1] = *entry;
        return *slot - 1;
    }
    vec_push(&plan->entries, *entry);
    *slot = (uint32_t)plan->entries.count;
    return plan->entries.count - 1;
}

/* --- what is there --- */

enum { SCRATCH_USES = 512 };

enum there { THERE_NOTHING, THERE_FOLDER, THERE_OTHER };

static bool is_hidden(const struct plan *plan, const char *path)
{
    if (!plan->hides_lower)
        return false;
    char *above = arena_strdup(plan->arena, path);
    for (;;) {
        struct plan_entry *entry = find(plan, above);
        if (entry && (entry->hides_lower || entry->entry.type != ENTRY_DIR))
            return true;
        char *slash = strrchr(above, '/');
        if (!slash)
            return false;
        *slash = 0;
    }
}

/* What the root had and the plan did not change; its strings live as long as the arena. */
static bool look_below(const struct plan *plan, struct arena *arena, const char *path, struct entry *entry)
{
    struct tree_node node;
    return plan->root && !is_hidden(plan, path) && tree_lookup(plan->root, arena, path, &node, entry);
}

static enum there look(struct plan *plan, const char *path)
{
    struct plan_entry *planned = find(plan, path);
    struct entry entry;
    if (!*path)
        return THERE_FOLDER;
    if (planned)
        return planned->entry.type == ENTRY_DIR ? THERE_FOLDER : THERE_OTHER;
    if (++plan->scratch_uses % SCRATCH_USES == 0)
        arena_free(&plan->scratch);
    bool is_there = look_below(plan, &plan->scratch, path, &entry);
    return !is_there ? THERE_NOTHING : entry.type == ENTRY_DIR ? THERE_FOLDER : THERE_OTHER;
}

/* --- folders on the way --- */

static void put_made(struct plan *plan, const char *path)
{
    const struct owner *owner = plan->made_owner;
    struct plan_entry made = {.entry = {
        .path = path, .type = ENTRY_DIR, .mode = mode_of_made(plan->is_archive ? NULL : plan->options.chmod),
        .uid = owner ? owner->uid : 0, .gid = owner ? owner->gid : 0,
    }};
    put(plan, &made);
}

/* A folder of the layer: as it was in the root, or made. */
static int need_folder(struct plan *plan, const char *path, const char **error)
{
    struct plan_entry *planned = find(plan, path);
    if (!*path || (planned && planned->entry.type == ENTRY_DIR))
        return 0;
    const char *slash = strrchr(path, '/');
    const char *parent = arena_strndup(plan->arena, path, slash ? (size_t)(slash - path) : 0);
    if (need_folder(plan, parent, error) < 0)
        return -1;
    struct plan_entry kept = {0};
    bool is_there = !planned && look_below(plan, plan->arena, path, &kept.entry);
    bool is_in_the_way = planned || (is_there && kept.entry.type != ENTRY_DIR);
    if (is_in_the_way && !plan->is_archive)
        return fail(plan, error, "not a directory", path);
    path = arena_strdup(plan->arena, path);
    if (is_there && !is_in_the_way) {
        kept.entry.path = path;
        put(plan, &kept);
        return 0;
    }
    put_made(plan, path);
    return 0;
}

static int need_parent(struct plan *plan, const char *path, const char **error)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    /* Most entries lie beside the one before. */
    if (plan->parent && strlen(plan->parent) == len && !memcmp(plan->parent, path, len))
        return 0;
    char *parent = arena_strndup(plan->arena, path, len);
    if (need_folder(plan, parent, error) < 0)
        return -1;
    plan->parent = parent;
    return 0;
}

/* All that the plan has below a path goes away. */
static void drop_below(struct plan *plan, const char *path)
{
    for (size_t i = 0; i < plan->entries.count; i++) {
        struct plan_entry *entry = &plan->entries.items[i];
        if (strcmp(entry->entry.path, path) && path_is_below(entry->entry.path, path))
            entry->is_gone = true;
    }
    plan->parent = NULL;
}

/* Put a source's entry at its place, if it may be there. */
static int settle(struct plan *plan, struct plan_entry *entry, const char **error)
{
    const char *path = entry->entry.path;
    bool is_dir = entry->entry.type == ENTRY_DIR;
    enum there there = look(plan, path);
    if (is_dir && there == THERE_OTHER && !plan->is_archive)
        return fail(plan, error, "cannot copy to non-directory", path);
    if (!is_dir && there == THERE_FOLDER && !plan->is_archive)
        return fail(plan, error, "cannot replace to directory with file", path);
    if (need_parent(plan, path, error) < 0)
        return -1;
    const struct plan_entry *old = find(plan, path);
    /* A folder of the root that something else has replaced must not show through a folder made in its place. */
    entry->hides_lower = is_dir && old && (old->hides_lower || old->entry.type != ENTRY_DIR) && plan->is_archive;
    if (!is_dir && there == THERE_FOLDER)
        drop_below(plan, path);
    plan->hides_lower |= entry->hides_lower || (!is_dir && there == THERE_FOLDER);
    put(plan, entry);
    return 0;
}

/* --- walking a source --- */

struct arrival {
    struct plan *plan;
    const struct tree *tree;
    const struct source_match *match;
    const char *target;     /* where the match itself goes */
    const char **error;
    int result;
    bool has_parents;       /* --parents: the folders above the match are there */
};

static void note_link(struct arrival *arrival, const struct tree_node *node, const struct entry *entry,
                      const char *path)
{
    struct plan *plan = arrival->plan;
    if (entry->type != ENTRY_FILE || !node->link_to)
        return;
    size_t number = *find_slot(plan, path) - 1;
    vec_push(&plan->links, (struct link){number, node->layer, arena_strdup(plan->arena, node->link_to)});
}

/*
 * --parents: a folder above a match that is there already only gets the mode that its source has, whatever --chmod and
 * --chown say (it is the copier's way: what it did not make it does not furnish).
 */
static struct plan_entry arrive_above(struct arrival *arrival, const struct tree_node *node, const struct entry *entry,
                                const char *path)
{
    struct plan *plan = arrival->plan;
    struct plan_entry planned = plan_arrive(plan, arrival->tree, node, entry, path), there = {0};
    const struct plan_entry *old = find(plan, path);
    if (!*path || look(plan, path) != THERE_FOLDER)
        return planned;
    if (old)
        there = *old;
    else if (!look_below(plan, plan->arena, path, &there.entry))
        return planned;
    there.entry.path = planned.entry.path;
    there.entry.mode = entry->mode;
    return there;
}

/* --parents: folders above the match come as they are in the source. */
static int add_parents(struct arrival *arrival)
{
    struct plan *plan = arrival->plan;
    const char *relative = arrival->match->relative, *real = arrival->match->real;
    size_t pivot = strlen(real) - strlen(relative);
    for (const char *slash = strchr(relative, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - relative);
        struct arena scratch = {0};
        struct tree_node node;
        struct entry entry;
        const char *path = path_join(plan->arena, plan->dest, arena_strndup(&scratch, relative, len));
        int result = 0;
        if (tree_lookup(arrival->tree, &scratch, arena_strndup(&scratch, real, pivot + len), &node, &entry)) {
            struct plan_entry planned = arrive_above(arrival, &node, &entry, path);
            result = settle(plan, &planned, arrival->error);
        }
        arena_free(&scratch);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* --- archives over what is there --- */

/* Where an entry goes that has this path in the source. */
static const char *place_of(const struct plan *plan, const char *target, const char *relative)
{
    const char *path = path_join(plan->arena, target, relative);
    for (size_t i = plan->detours.count; i-- > 0;) {
        const struct detour *detour = &plan->detours.items[i];
        if (path_is_below(path, detour->from))
            return path_join(plan->arena, detour->to, path + strlen(detour->from) + (path[strlen(detour->from)] == '/'));
    }
    return path;
}

/*
 * A folder that the archive does not name is the one that is there, with its owner and mode, or the one that a link there leads to: dest
 * is the root for that, and what is missing there is made. 0: this one is made, 1: it is there.
 */
static int meet_unnamed(struct plan *plan, const char *from, const char *path, const char **error)
{
    struct entry there;
    const char *to = path;
    if (look(plan, path) == THERE_NOTHING)
        return 0;
    if (!find(plan, path) && look_below(plan, plan->arena, path, &there) && there.type == ENTRY_SYMLINK &&
        !tree_resolve_in(plan->root, plan->arena, plan->dest, path + strlen(plan->dest), &to))
        return fail(plan, error, "cannot follow the link", path);
    enum there leads = look(plan, to);
    if (leads == THERE_OTHER)
        return fail(plan, error, "not a directory", path);
    if (leads == THERE_NOTHING && need_folder(plan, to, error) < 0)
        return -1;
    if (strcmp(from, to))
        vec_push(&plan->detours, (struct detour){from, to});
    return 1;
}

static void visit(void *data, const struct tree_node *node, const struct entry *entry, const char *relative)
{
    struct arrival *arrival = data;
    struct plan *plan = arrival->plan;
    if (arrival->result < 0)
        return;
    if (arrival->match->relative && !arrival->has_parents) {
        arrival->has_parents = true;
        arrival->result = add_parents(arrival);
    }
    /* The source folder stands for its contents: the destination is there already, with metadata of its own (the root always). */
    bool is_contents = arrival->match->is_dir && !*relative && !(arrival->match->relative && *arrival->match->relative) &&
                       !(plan->options.folder && *plan->dest);
    if (arrival->result < 0 || is_contents)
        return;
    const char *path = place_of(plan, arrival->target, relative);
    int met = plan_is_unnamed(plan, entry)
                  ? meet_unnamed(plan, path_join(plan->arena, arrival->target, relative), path, arrival->error) : 0;
    if (met) {
        arrival->result = met < 0 ? -1 : 0;
        return;
    }
    struct plan_entry planned = plan_arrive(plan, arrival->tree, node, entry, path);
    arrival->result = settle(plan, &planned, arrival->error);
    if (arrival->result == 0 && (arrival->match->is_dir || arrival->match->relative))
        note_link(arrival, node, entry, path);
}

/* --- hard links --- */

static int compare_links(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    int order = strcmp(x->first, y->first);
    return order ? order : x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* Files that were one in the source are one in the layer. from, to: where the source folder is and goes. */
static void join_links(struct plan *plan, const char *from, const char *to)
{
    if (plan->links.count)
        qsort(plan->links.items, plan->links.count, sizeof *plan->links.items, compare_links);
    for (size_t i = 0; i < plan->links.count; i++) {
        const struct link *link = &plan->links.items[i];
        struct plan_entry *entry = &plan->entries.items[link->entry];
        if (i && link[-1].layer == link->layer && !strcmp(link[-1].first, link->first)) {
            entry->group = plan->groups;
            continue;
        }
        entry->group = ++plan->groups;
        /* The first name itself is no link: it is found by where it went. */
        if (!path_is_below(link->first, from))
            continue;
        const char *relative = link->first + strlen(from);
        struct plan_entry *first = find(plan, place_of(plan, to, relative + (*relative == '/')));
        if (first && first->source == plan->sources && first->entry.type == ENTRY_FILE && first->real &&
            !strcmp(first->real, link->first))
            first->group = plan->groups;
    }
    plan->links.count = 0;
}

/* --- the destination --- */

static int need_dest_folder(struct plan *plan, const char **error)
{
    switch (look(plan, plan->dest)) {
    case THERE_FOLDER:
        return 0;
    case THERE_NOTHING:
        return need_folder(plan, arena_strdup(plan->arena, plan->dest), error);
    case THERE_OTHER:
        break;
    }
    return fail(plan, error, plan->options.slash ? "not a directory" : "cannot copy to non-directory", plan->dest);
}

/* Where a file of that name goes. */
static int find_file_target(struct plan *plan, const char *name, const char **target, const char **error)
{
    enum there there = look(plan, plan->dest);
    *target = plan->dest;
    if (there == THERE_OTHER && plan->options.slash)
        return fail(plan, error, "not a directory", plan->dest);
    if (there != THERE_FOLDER && !plan->options.slash)
        return 0;
    if (there == THERE_NOTHING && need_dest_folder(plan, error) < 0)
        return -1;
    *target = path_join(plan->arena, plan->dest, name);
    return 0;
}

static int add_match(struct plan *plan, const struct tree *tree, const struct source_spec *spec,
                     const struct source_match *match,
                     const char **error)
{
    struct arrival arrival = {.plan = plan, .tree = tree, .match = match, .target = plan->dest, .error = error};
    int result = 0;
    if (match->relative)
        arrival.target = path_join(plan->arena, plan->dest, match->relative);
    else if (match->is_dir)
        result = need_dest_folder(plan, error);
    else
        result = find_file_target(plan, match->name, &arrival.target, error);
    if (result < 0)
        return -1;
    sources_walk_entries(tree, spec, match, visit, &arrival);
    return arrival.result;
}

int copy_plan_add_source(struct plan *plan, const struct tree *tree, const struct source_spec *spec,
                         const struct source_match *matches,
                    size_t count, const char **error)
{
    if (spec->parents && need_dest_folder(plan, error) < 0)
        return -1;
    plan->sources++;
    for (size_t i = 0; i < count; i++) {
        const struct source_match *match = &matches[i];
        if (add_match(plan, tree, spec, match, error) < 0)
            return -1;
        if (spec->parents) {
            /* Links are kept among all that one pivot brings. */
            const char *pivot = arena_strndup(plan->arena, match->real, strlen(match->real) - strlen(match->relative));
            size_t len = strlen(pivot);
            bool is_last = i + 1 == count;
            if (is_last)
                join_links(plan, len && pivot[len - 1] == '/' ? arena_strndup(plan->arena, pivot, len - 1) : pivot,
                           plan->dest);
        } else {
            join_links(plan, match->real, plan->dest);
            plan->sources++;
        }
    }
    return 0;
}

int copy_plan_add_content(struct plan *plan, const char *name, struct span content, const char **error)
{
    struct tree_node node = {.path = ""};
    struct entry entry = {.type = ENTRY_FILE, .mode = 0644, .size = (int64_t)content.len};
    const char *path;
    plan->sources++;
    if (find_file_target(plan, name, &path, error) < 0)
        return -1;
    entry.digest = digest_of(content.text, content.len);
    struct plan_entry planned = plan_arrive(plan, NULL, &node, &entry, path);
    planned.content = content;
    return settle(plan, &planned, error);
}

int copy_plan_add_archive(struct plan *plan, const struct tree *archive, const char **error)
{
    struct source_spec spec = {.path = "/"};
    struct source_match match = {.name = "", .real = "", .is_dir = true};
    enum there there = look(plan, plan->dest);
    if (there == THERE_OTHER)
        return fail(plan, error, "not a directory", plan->dest);
    plan->sources++;
    plan->is_archive = true;
    plan->parent = NULL;
    int result = need_dest_folder(plan, error);
    plan->made_owner = NULL;
    if (result == 0)
        result = add_match(plan, archive, &spec, &match, error);
    plan->made_owner = plan->options.owner;
    join_links(plan, "", plan->dest);
    plan->detours.count = 0;
    plan->is_archive = false;
    return result;
}

int copy_plan_add_folder(struct plan *plan, const char **error)
{
    if (look(plan, plan->dest) == THERE_OTHER)
        return fail(plan, error, "not a directory", plan->dest);
    return look(plan, plan->dest) == THERE_FOLDER ? 0 : need_folder(plan, plan->dest, error);
}

/* --- beginning and end --- */

struct plan *copy_plan_new(const struct tree *root, struct arena *arena, const struct plan_options *options,
                           const char **error)
{
    struct plan *plan = arena_alloc(arena, sizeof *plan);
    struct tree_node node;
    *plan = (struct plan){.arena = arena, .root = options->link ? NULL : root, .options = *options,
                          .made_owner = options->owner};
    tree_lookup(root, arena, "", &node, &plan->root_entry);
    plan->dest = path_clean(arena, span_of(options->dest));
    if (plan->root && !tree_resolve(plan->root, arena, options->dest, true, &plan->dest)) {
        fail(plan, error, errno == ELOOP ? "too many symbolic links" : "not a directory", plan->dest);
        return NULL;
    }
    return plan;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct plan_entry *)a)->entry.path, ((const struct plan_entry *)b)->entry.path);
}

/* An entry with the group's number that comes before another is its first name. */
static void add_entries(struct plan *plan, struct buf *listing)
{
    const char **firsts = xcalloc(plan->groups + 1, sizeof *firsts);
    for (size_t i = 0; i < plan->entries.count; i++) {
        const struct plan_entry *planned = &plan->entries.items[i];
        struct entry entry = planned->entry;
        if (planned->group && firsts[planned->group]) {
            entry = (struct entry){.path = entry.path, .type = ENTRY_HARDLINK, .target = firsts[planned->group]};
        } else if (planned->group) {
            firsts[planned->group] = entry.path;
        }
        if (entry.type == ENTRY_DIR && planned->hides_lower)
            entry.type = ENTRY_OPAQUE;
        list_text_add(listing, &entry);
    }
    free(firsts);
}

void copy_plan_finish(struct plan *plan, struct buf *listing, struct digest *digest)
{
    struct plan_entry *items = plan->entries.items;
    const struct entry *root = &plan->root_entry;
    size_t kept = 0;
    /* The root folder is listed when it is not what everybody takes it for: layers of one name must be one. */
    if (!find(plan, "") && (root->mode != 0755 || root->uid || root->gid || root->xattr_count)) {
        struct plan_entry own = {.entry = *root};
        own.entry.path = "";
        own.entry.type = ENTRY_DIR;
        put(plan, &own);
        items = plan->entries.items;
    }
    for (size_t i = 0; i < plan->entries.count; i++)
        if (!items[i].is_gone)
            items[kept++] = items[i];
    plan->entries.count = kept;
    if (kept)
        qsort(items, kept, sizeof *items, compare_entries);
    free(plan->slots);
    plan->slots = NULL;
    plan->slot_count = 0;
    vec_free(&plan->links);
    list_text_begin(listing);
    add_entries(plan, listing);
    *digest = digest_of(listing->data, listing->len);
    vec_free(&plan->detours);
    arena_free(&plan->scratch);
}

void copy_plan_free(struct plan *plan)
{
    free(plan->slots);
    vec_free(&plan->links);
    vec_free(&plan->detours);
    vec_free(&plan->entries);
    arena_free(&plan->scratch);
}

struct plan_entry *copy_plan_entries(struct plan *plan, size_t *count)
{
    *count = plan->entries.count;
    return plan->entries.items;
}

const struct entry *copy_plan_root(const struct plan *plan)
{
    return &plan->root_entry;
}
