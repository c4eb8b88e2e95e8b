/* A plan while it is made. Include runtime/copy/plan.h, runtime/lib/arena.h, list.h and vec.h first. */
#ifndef DFGEN_COPY_PLAN_INTERNAL_H
#define DFGEN_COPY_PLAN_INTERNAL_H

struct tree;
struct tree_node;

/* A file that is another name of one whose first name is `first` in its layer. */
struct link {
    size_t entry;
    size_t layer;
    const char *first;
};

/* A folder of an archive, and where the root's symlink in its place leads. */
struct detour {
    const char *from, *to;
};

struct plan {
    struct arena *arena;
    const struct tree *root;    /* what is there already; NULL: nothing (--link) */
    struct plan_options options;
    const char *dest;           /* real and clean */
    struct entry root_entry;
    VEC(struct plan_entry) entries;
    uint32_t *slots;            /* numbers of entries + 1, by path */
    size_t slot_count;
    bool hides_lower;           /* some entry does */
    bool is_archive;            /* the source at hand */
    const struct owner *made_owner; /* of folders that are made on the way; NULL: root */
    uint32_t groups, sources;
    VEC(struct link) links;     /* of the source at hand */
    VEC(struct detour) detours; /* the same */
    const char *parent;         /* the folder that is known to be there */
    struct arena scratch;       /* of look-ups, emptied now and then */
    unsigned scratch_uses;
};

/* What a source's entry is like at its destination; path is the arena's. */
struct plan_entry plan_arrive(const struct plan *plan, const struct tree *tree, const struct tree_node *node,
                              const struct entry *entry, const char *path);

/* A folder that an archive has files in, but does not name itself. */
bool plan_is_unnamed(const struct plan *plan, const struct entry *entry);

#endif
