/*
 * Owns how a plan's entries come to lie on disk, in overlayfs form. Called by dfgen-copy's main. Must not decide what
 * goes where. Folders come first and get their metadata last, children before parents: a mode may shut us out, and what
 * goes in changes times. In between, files are placed by several threads, each a run of one folder's entries at a time.
 */
#include "runtime/lib/list.h"

#include "runtime/copy/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/copy/plan.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/parallel.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"
#include "runtime/lib/xattrs.h"

enum { RUN_MAX = 256, RUNS_PER_THREAD = 2, CHUNK = 128 * 1024 };

/* Entries of one folder that one thread places. */
struct run {
    size_t from, to;
};

struct work {
    const struct place *place;
    struct plan_entry *entries;
    size_t count;
    bool *is_same;          /* per entry: the old layer has this very file */
    VEC(struct run) runs;
    atomic_size_t next;
    _Atomic(char *) error;
};

static void fail(struct work *work, const char *path, const char *what)
{
    char *none = NULL, *error = xasprintf("/%s: %s", path, what);
    if (!atomic_compare_exchange_strong(&work->error, &none, error))
        free(error);
}

static int fail_errno(struct work *work, const char *path)
{
    fail(work, path, strerror(errno));
    return -1;
}

static int open_folder(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return (int)fd;
}

static size_t parent_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

/* --- what the old layer has --- */

static bool has_same_xattrs(const struct entry *a, const struct entry *b)
{
    if (a->xattr_count != b->xattr_count)
        return false;
    for (size_t i = 0; i < a->xattr_count; i++)
        if (strcmp(a->xattrs[i].name, b->xattrs[i].name) || strcmp(a->xattrs[i].hex, b->xattrs[i].hex))
            return false;
    return true;
}

static bool is_same_file(const struct entry *a, const struct entry *b)
{
    return b->type == ENTRY_FILE && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->size == b->size &&
        !memcmp(a->digest.bytes, b->digest.bytes, DIGEST_SIZE) && has_same_xattrs(a, b);
}

/*
 * Both are in byte order: one pass. Files of several names are not shared, or names would become one file that are not.
 */
static void find_same(struct work *work)
{
    const struct list *old = work->place->old;
    bool *has_links = xcalloc(list_count(old) + 1, sizeof *has_links);
    struct arena arena = {0};
    struct entry entry;
    for (size_t k = 0; k < list_count(old); k++)
        if (list_type(old, k) == ENTRY_HARDLINK) {
            list_entry(old, k, &arena, &entry);
            has_links[list_find(old, entry.target)] = true;
        }
    for (size_t i = 0, k = 0; i < work->count; i++) {
        const struct plan_entry *planned = &work->entries[i];
        int order = -1;
        while (k < list_count(old) && (order = list_compare(old, k, planned->entry.path)) < 0)
            k++;
        if (k == list_count(old) || order || planned->group || planned->entry.type != ENTRY_FILE || has_links[k])
            continue;
        list_entry(old, k, &arena, &entry);
        work->is_same[i] = is_same_file(&planned->entry, &entry);
        if (i % 1024 == 1023)
            arena_free(&arena);
    }
    arena_free(&arena);
    free(has_links);
}

/* --- metadata --- */

/*
 * We are root wherever owners can be made, so what we make is 0:0 already. EINVAL: an id that this user namespace does
 * not have.
 */
static int set_owner(const struct place *place, int dir, const char *name, const struct entry *entry)
{
    if (place->mode == MODE_SINGLE || (!entry->uid && !entry->gid))
        return 0;
    int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
    return fchownat(dir, name, entry->uid, entry->gid, flags) < 0 && errno != EINVAL ? -1 : 0;
}

/* Chown takes set-id bits and capabilities away, so they come after it; times are last. */
static int set_metadata(const struct place *place, int fd, const struct entry *entry, const struct timespec *mtime)
{
    if (set_owner(place, fd, "", entry) < 0 || xattrs_set(fd, entry) < 0 || fchmod(fd, entry->mode) < 0)
        return -1;
    const struct timespec times[2] = {*mtime, *mtime};
    return futimens(fd, times);
}

/* Of what cannot be opened. */
static int set_metadata_at(const struct place *place, int dir, const char *name, const struct entry *entry,
                           const struct timespec *mtime)
{
    if (set_owner(place, dir, name, entry) < 0)
        return -1;
    if (entry->type != ENTRY_SYMLINK && fchmodat(dir, name, entry->mode, 0) < 0)
        return -1;
    const struct timespec times[2] = {*mtime, *mtime};
    return utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

/* The time of what an entry was copied from; now for what was made here. */
static struct timespec time_of(const struct plan_entry *planned)
{
    struct stat st;
    struct timespec now = {.tv_nsec = UTIME_NOW};
    if (!planned->tree)
        return now;
    int files = tree_layer_files(planned->tree, planned->layer);
    return files >= 0 && fstatat(files, planned->real, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mtim : now;
}

/* --- files --- */

static int copy_checked(struct work *work, int in, int out, const struct entry *entry)
{
    static _Thread_local char chunk[CHUNK];
    struct digest_state state;
    int64_t size = 0;
    ssize_t got;
    digest_begin(&state);
    while ((got = read(in, chunk, sizeof chunk)) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0)
            continue;
        digest_add(&state, chunk, (size_t)got);
        size += got;
        /* Somebody appends to it all the time: no end to wait for. */
        if (size > entry->size || fd_write_all(out, chunk, (size_t)got) < 0)
            break;
    }
    int saved = errno;
    struct digest digest = digest_end(&state);
    if (size == entry->size && got == 0 && !memcmp(digest.bytes, entry->digest.bytes, DIGEST_SIZE))
        return 0;
    errno = saved;
    if (got < 0 || (got > 0 && size <= entry->size))
        return fail_errno(work, entry->path);
    fail(work, entry->path, "changed while it was read");
    return -1;
}

static bool is_checked(const struct place *place, const struct tree *tree)
{
    for (size_t i = 0; i < place->checked_count; i++)
        if (place->checked[i] == tree)
            return true;
    return false;
}

static int copy_content(struct work *work, int in, int out, const struct plan_entry *planned)
{
    struct stat st;
    if (is_checked(work->place, planned->tree))
        return copy_checked(work, in, out, &planned->entry);
    if (fd_copy(in, out, -1) < 0 || fstat(out, &st) < 0)
        return fail_errno(work, planned->entry.path);
    if (st.st_size == planned->entry.size)
        return 0;
    fail(work, planned->entry.path, "the store's copy is damaged");
    return -1;
}

static int write_content(struct work *work, int out, const struct plan_entry *planned, struct timespec *mtime)
{
    struct stat st;
    *mtime = (struct timespec){.tv_nsec = UTIME_NOW};
    const struct span *content = &planned->content;
    if (!planned->tree)
        return fd_write_all(out, content->text, content->len) < 0 ? fail_errno(work, planned->entry.path) : 0;
    struct tree_node node = {.path = planned->real, .layer = planned->layer};
    autoclose int in = tree_open_file(planned->tree, &node);
    if (in < 0 || fstat(in, &st) < 0)
        return fail_errno(work, planned->real);
    *mtime = st.st_mtim;
    return copy_content(work, in, out, planned);
}

static int place_file(struct work *work, int dir, const char *name, const struct plan_entry *planned)
{
    struct timespec mtime;
    autoclose int out = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return fail_errno(work, planned->entry.path);
    if (write_content(work, out, planned, &mtime) < 0)
        return -1;
    return set_metadata(work->place, out, &planned->entry, &mtime) < 0 ? fail_errno(work, planned->entry.path) : 0;
}

static int place_other(struct work *work, int dir, const char *name, const struct plan_entry *planned)
{
    const struct entry *entry = &planned->entry;
    mode_t type = entry->type == ENTRY_CHAR ? S_IFCHR : entry->type == ENTRY_BLOCK ? S_IFBLK : S_IFIFO;
    int result = entry->type == ENTRY_SYMLINK ? symlinkat(entry->target, dir, name)
        : mknodat(dir, name, type | 0600, makedev(entry->major, entry->minor));
    /* No right to make devices: an empty file keeps the place. */
    if (result < 0 && errno == EPERM && (type == S_IFCHR || type == S_IFBLK))
        result = mknodat(dir, name, S_IFREG | 0600, 0);
    struct timespec mtime = time_of(planned);
    if (result < 0 || set_metadata_at(work->place, dir, name, entry, &mtime) < 0)
        return fail_errno(work, entry->path);
    return 0;
}

/* The old layer's file under a new name. 1: it could not be linked, and must be copied. */
static int link_old(struct work *work, int old_dir, int dir, const char *name, const struct entry *entry)
{
    /* An owner that is not on disk is known by the file: two names of one, and a change of one of them would lose it. */
    if (work->place->mode == MODE_SINGLE && (entry->uid || entry->gid))
        return 1;
    if (old_dir >= 0 && linkat(old_dir, name, dir, name, 0) == 0)
        return 0;
    if (old_dir < 0 || errno == EMLINK || errno == EXDEV || errno == EPERM || errno == ENOENT || errno == EOPNOTSUPP)
        return 1;
    return fail_errno(work, entry->path);
}

static int place_run(struct work *work, const struct run *run)
{
    const char *first = work->entries[run->from].entry.path;
    size_t len = parent_len(first);
    char *parent = xstrndup(first, len);
    autoclose int dir = open_folder(work->place->fs, parent, O_PATH);
    autoclose int old_dir = -1;
    int result = dir < 0 ? fail_errno(work, parent) : 0;
    for (size_t i = run->from; i < run->to && result == 0; i++) {
        const struct plan_entry *planned = &work->entries[i];
        const char *name = planned->entry.path + len + (len > 0);
        int must_copy = 1;
        if (work->is_same[i]) {
            if (old_dir < 0)
                old_dir = open_folder(work->place->old_fs, parent, O_PATH);
            must_copy = link_old(work, old_dir, dir, name, &planned->entry);
        }
        if (must_copy < 0)
            result = -1;
        else if (must_copy && planned->entry.type == ENTRY_FILE)
            result = place_file(work, dir, name, planned);
        else if (must_copy)
            result = place_other(work, dir, name, planned);
    }
    free(parent);
    return result;
}

static void *place_runs(void *data)
{
    struct work *work = data;
    for (size_t i; !work->error && (i = work->next++) < work->runs.count;)
        if (place_run(work, &work->runs.items[i]) < 0)
            break;
    return NULL;
}

/* --- folders and links --- */

static bool is_folder(const struct plan_entry *planned)
{
    return planned->entry.type == ENTRY_DIR;
}

static int make_folders(struct work *work)
{
    autoclose int dir = -1;
    char *parent = NULL;
    int result = 0;
    for (size_t i = 0; i < work->count && result == 0; i++) {
        const char *path = work->entries[i].entry.path;
        size_t len = parent_len(path);
        if (!is_folder(&work->entries[i]) || !*path)
            continue;
        if (!parent || strlen(parent) != len || memcmp(parent, path, len)) {
            free(parent);
            parent = xstrndup(path, len);
            fd_close_scope(&dir);
            dir = open_folder(work->place->fs, parent, O_PATH);
        }
        if (dir < 0 || mkdirat(dir, path + len + (len > 0), 0700) < 0)
            result = fail_errno(work, path);
    }
    free(parent);
    return result;
}

/* The first of a group in byte order is the file, the others are links to it: true for those. */
static bool is_link(const struct plan_entry *planned, const struct plan_entry **firsts)
{
    if (!planned->group)
        return false;
    if (!firsts[planned->group])
        firsts[planned->group] = planned;
    return firsts[planned->group] != planned;
}

static void cut_runs(struct work *work, const struct plan_entry **firsts)
{
    struct run run = {0, 0};
    for (size_t i = 0; i < work->count; i++) {
        const struct plan_entry *planned = &work->entries[i];
        if (is_folder(planned) || is_link(planned, firsts))
            continue;
        const char *path = planned->entry.path, *first = work->entries[run.from].entry.path;
        size_t len = parent_len(path);
        bool fits = run.to == i && run.to > run.from && run.to - run.from < RUN_MAX && parent_len(first) == len &&
            !memcmp(path, first, len);
        if (!fits && run.to > run.from)
            vec_push(&work->runs, run);
        if (!fits)
            run.from = i;
        run.to = i + 1;
    }
    if (run.to > run.from)
        vec_push(&work->runs, run);
}

static int make_links(struct work *work, const struct plan_entry **firsts)
{
    for (size_t i = 0; i < work->count; i++) {
        const struct plan_entry *planned = &work->entries[i];
        if (is_folder(planned) || !is_link(planned, firsts))
            continue;
        /* Both names are below folders that we made ourselves. */
        if (linkat(work->place->fs, firsts[planned->group]->entry.path, work->place->fs, planned->entry.path, 0) < 0)
            return fail_errno(work, planned->entry.path);
    }
    return 0;
}

static int finish_folder(struct work *work, const struct entry *entry, const struct plan_entry *planned)
{
    autoclose int fd = open_folder(work->place->fs, entry->path, O_RDONLY);
    const char *mark = work->place->mode == MODE_ROOT ? "trusted.overlay.opaque" : "user.overlay.opaque";
    struct timespec mtime = {.tv_nsec = UTIME_NOW};
    if (planned)
        mtime = time_of(planned);
    if (fd < 0 || (planned && planned->hides_lower && fsetxattr(fd, mark, "y", 1, 0) < 0) ||
        set_metadata(work->place, fd, entry, &mtime) < 0)
        return fail_errno(work, entry->path);
    return 0;
}

static int finish_folders(struct work *work, struct plan *plan)
{
    for (size_t i = work->count; i-- > 0;)
        if (is_folder(&work->entries[i]) && *work->entries[i].entry.path &&
            finish_folder(work, &work->entries[i].entry, &work->entries[i]) < 0)
            return -1;
    /* Overlayfs shows the topmost layer's root folder: each has the metadata of the merged one. */
    struct entry root = *copy_plan_root(plan);
    root.path = "";
    return finish_folder(work, &root, NULL);
}

char *place_plan(const struct place *place, struct plan *plan)
{
    struct work work = {.place = place};
    work.entries = copy_plan_entries(plan, &work.count);
    work.is_same = xcalloc(work.count + 1, sizeof *work.is_same);
    uint32_t groups = 0;
    for (size_t i = 0; i < work.count; i++)
        groups = work.entries[i].group > groups ? work.entries[i].group : groups;
    const struct plan_entry **firsts = xcalloc(groups + 1, sizeof *firsts);
    if (place->old)
        find_same(&work);
    if (make_folders(&work) == 0) {
        cut_runs(&work, firsts);
        parallel_run(work.runs.count / RUNS_PER_THREAD, place_runs, &work);
        if (!work.error && make_links(&work, firsts) == 0)
            finish_folders(&work, plan);
    }
    vec_free(&work.runs);
    free(work.is_same);
    free(firsts);
    return work.error;
}
