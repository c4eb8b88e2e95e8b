/* What the store holds, entry by entry: where, when it was last used, how much room it takes. */
#ifndef DFGEN_GC_ENTRIES_H
#define DFGEN_GC_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "runtime/lib/vec.h"

struct needed;
struct store;

enum entry_kind { KIND_LAYER, KIND_BLOB, KIND_CACHE, KIND_FAILED, KIND_REF, KIND_INDEX, KIND_RECORD, KIND_COUNT };
/* "layer", "blob", "cache mount" ... */
extern const char *const entry_kind_names[];

struct gc_entry {
    enum entry_kind kind;
    bool is_needed;
    char *path;         /* below the store */
    time_t used;        /* the later of access and change; how exactly the disk notes accesses is its mount option */
    int64_t size;       /* bytes on disk; a file that several layers share counts in parts; -1: not measured */
};

struct gc_entries {
    VEC(struct gc_entry) list;
};

/* All but records, of all id modes. */
void entries_find(const struct store *store, const struct needed *needed, struct gc_entries *entries);
/* The room that an entry takes; measured once. */
int64_t entries_measure(const struct store *store, struct gc_entry *entry);
/* Records of which nothing that they name is there any more, and those that name nothing and were not used since. */
void entries_find_records(const struct store *store, time_t since, struct gc_entries *entries);
void entries_free(struct gc_entries *entries);

#endif
