/*
 * dfgen-gc: takes out of a store what no build folder needs and nobody has used lately. It has the store for itself while it looks and
 * moves things aside; removing them is done while builds go on. Decides what goes; runtime/gc/ knows what there is and what is needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/gc/entries.h"
#include "runtime/gc/needed.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/store.h"

static const char help[] =
    "usage: dfgen-gc [--dry-run] STORE SECONDS BYTES\n\n"
    "Remove from a store what no build folder needs and was not used for SECONDS, then what was used least lately until it has\n"
    "BYTES at most. \"-\" for either: no such limit. For dfgen gc.";

struct gc {
    struct store store;
    struct store_tmp tmp;
    struct needed needed;
    struct gc_entries entries;
    bool is_dry;
    int64_t age, size;      /* -1: no limit */
    time_t now;
    int64_t freed;
    size_t removed[KIND_COUNT];
};

/* --- having the store for oneself --- */

static void lock_alone(struct gc *gc)
{
    if (flock(gc->store.lock, LOCK_EX | LOCK_NB) == 0)
        return;
    fprintf(stderr, "dfgen gc: waiting for the builds that use %s\n", gc->store.path);
    while (flock(gc->store.lock, LOCK_EX) < 0)
        if (errno != EINTR)
            die("cannot lock the store %s:", gc->store.path);
}

/* --- one entry goes --- */

/* Out of sight at once, so that nobody finds half of it; a single file is removed there and then. */
static bool move_aside(struct gc *gc, const struct gc_entry *entry, size_t number)
{
    char name[32];
    struct stat st;
    if (fstatat(gc->store.dir, entry->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT;
    if (entry->kind == KIND_INDEX) {
        /* Nobody holds it: whoever uses an index has the store's lock, too. */
        char *lock = xasprintf("%s.lock", entry->path);
        unlinkat(gc->store.dir, lock, 0);
        free(lock);
    }
    if (!S_ISDIR(st.st_mode))
        return unlinkat(gc->store.dir, entry->path, 0) == 0;
    snprintf(name, sizeof name, "%zu", number);
    return renameat(gc->store.dir, entry->path, gc->tmp.dir, name) == 0;
}

static void take_out(struct gc *gc, struct gc_entry *entry)
{
    int64_t size = entries_measure(&gc->store, entry);
    if (gc->is_dry)
        printf("would remove %s %s (%" PRId64 " bytes)\n", entry_kind_names[entry->kind], entry->path, size);
    else if (!move_aside(gc, entry, (size_t)(entry - gc->entries.list.items))) {
        warn("cannot remove %s/%s: %s", gc->store.path, entry->path, strerror(errno));
        return;
    }
    gc->removed[entry->kind]++;
    gc->freed += size;
}

/* --- which ones --- */

static int least_lately(const void *a, const void *b)
{
    const struct gc_entry *x = a, *y = b;
    if (x->used != y->used)
        return x->used < y->used ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* Entries are in the order of their last use: those to go are a beginning of the list, less what is needed. */
static void take_out_old(struct gc *gc)
{
    int64_t sum = 0;
    bool has_size = gc->size >= 0;
    for (size_t i = 0; has_size && i < gc->entries.list.count; i++)
        sum += entries_measure(&gc->store, &gc->entries.list.items[i]);
    for (size_t i = 0; i < gc->entries.list.count; i++) {
        struct gc_entry *entry = &gc->entries.list.items[i];
        bool is_old = gc->age >= 0 && entry->used <= gc->now - gc->age;
        bool is_too_much = has_size && sum > gc->size;
        if (entry->is_needed || !(is_old || is_too_much))
            continue;
        take_out(gc, entry);
        sum -= entry->size > 0 ? entry->size : 0;
    }
    if (has_size && sum > gc->size)
        fprintf(stderr, "dfgen gc: %" PRId64 " bytes stay, more than --keep-size: build folders and loaded images need them\n", sum);
}

static void take_out_records(struct gc *gc)
{
    struct gc_entries records = {0};
    entries_find_records(&gc->store, gc->age < 0 ? 0 : gc->now - gc->age, &records);
    for (size_t i = 0; i < records.list.count; i++)
        take_out(gc, &records.list.items[i]);
    entries_free(&records);
}

/* --- the whole --- */

static void collect(struct gc *gc)
{
    char *error = needed_find(&gc->store, &gc->needed, gc->is_dry);
    if (error)
        die("%s", error);
    entries_find(&gc->store, &gc->needed, &gc->entries);
    if (gc->entries.list.count)
        qsort(gc->entries.list.items, gc->entries.list.count, sizeof *gc->entries.list.items, least_lately);
    if (!gc->is_dry && store_tmp_make(&gc->store, &gc->tmp) < 0)
        die("cannot make a folder in the store %s:", gc->store.path);
    take_out_old(gc);
    take_out_records(gc);
}

static void report(const struct gc *gc)
{
    size_t all = 0;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (gc->removed[i])
            printf("%s%zu %s%s", all ? ", " : gc->is_dry ? "would remove " : "removed ", gc->removed[i], entry_kind_names[i],
                   gc->removed[i] == 1 || i == KIND_FAILED ? "" : i == KIND_INDEX ? "es" : "s");
        all += gc->removed[i];
    }
    printf("%s: %" PRId64 " bytes; %zu build folder%s use%s %s\n", all ? "" : "nothing to remove", gc->freed, gc->needed.folders,
           gc->needed.folders == 1 ? "" : "s", gc->needed.folders == 1 ? "s" : "", gc->store.path);
}

static int64_t read_limit(const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (!strcmp(text, "-"))
        return -1;
    if (errno || end == text || *end || number < 0)
        die_usage("\"%s\" is no number", text);
    return number;
}

int main(int argc, char **argv)
{
    struct gc gc = {.tmp = {.dir = -1}};
    program_name = "dfgen-gc";
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "--version"))) {
        puts(help);
        return EXIT_DONE;
    }
    gc.is_dry = argc > 1 && !strcmp(argv[1], "--dry-run");
    char **words = argv + 1 + gc.is_dry;
    if (argc - 1 - gc.is_dry != 3)
        die_usage("a store, an age and a size are needed: dfgen-gc STORE SECONDS BYTES");
    gc.age = read_limit(words[1]);
    gc.size = read_limit(words[2]);
    if (faccessat(AT_FDCWD, words[0], F_OK, 0) < 0 && errno == ENOENT) {
        printf("nothing to remove: there is no store %s\n", words[0]);
        return EXIT_DONE;
    }
    if (store_open(&gc.store, words[0], idmode_enter()) < 0)
        die("cannot open the store %s:", words[0]);
    lock_alone(&gc);
    gc.now = time(NULL);
    collect(&gc);
    flock(gc.store.lock, LOCK_SH);
    store_tmp_drop(&gc.store, &gc.tmp);
    report(&gc);
    entries_free(&gc.entries);
    needed_free(&gc.needed);
    store_close(&gc.store);
    return EXIT_DONE;
}
