/*
 * Owns the helpers' view of a context folder: the entries that N.list names, as they are now, with the digests of the
 * files. Called by dfgen-copy. Must not decide what a step may read: the list has done that.
 */
#include "runtime/lib/context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/index.h"
#include "runtime/lib/list.h"
#include "runtime/lib/parallel.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/sources.h"
#include "runtime/lib/span.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"
#include "runtime/lib/xattrs.h"

enum { LIST_LIMIT = 1 << 30, FILES_PER_THREAD = 16 };

/* An entry of the context. There may be a great many: of what stat says only what counts is kept. */
struct item {
    const char *path;
    const char *target;     /* symlinks: as it is; links: the first name */
    struct index_stamp stamp;
    struct digest digest;
    dev_t device, special;
    mode_t mode;
    char type;              /* as listed */
    bool has_more_names;
};

struct loading {
    int dir;
    struct arena *arena;    /* paths */
    VEC(struct item) items;
    VEC(const char *) missing;
    VEC(const char *) patterns;
    const char *failed;
    /* The folder that the last entry was in: most have the same. */
    const char *folder;
    int folder_dir;
    const char *wanted;     /* the '?' that is looked for */
    bool found_more;
};

static int fail(struct loading *loading, const char *path, int number)
{
    loading->failed = path;
    errno = number;
    return -1;
}

/* --- the list --- */

static struct span cut_field(struct span *line)
{
    const char *tab = line->len ? memchr(line->text, '\t', line->len) : NULL;
    struct span field = {line->text, tab ? (size_t)(tab - line->text) : line->len};
    *line = span_skip(*line, field.len + (tab != NULL));
    return field;
}

/* Components that are neither empty nor "." nor "..". */
static bool is_clean(const char *path)
{
    for (const char *part = path;; part++) {
        size_t len = strcspn(part, "/");
        if (!len || (part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.'))))
            return false;
        part += len;
        if (!*part)
            return true;
    }
}

/* Paths of a list are held below the folder by how they are opened; here they only need to be paths. */
static bool parse_line(struct loading *loading, struct span line)
{
    struct span type = cut_field(&line), mode = cut_field(&line), path = cut_field(&line);
    char *name = escape_undo(loading->arena, path, false);
    if (type.len != 1 || !name || !mode.len)
        return false;
    if (type.text[0] == 'i') {
        vec_push(&loading->patterns, name);
        return true;
    }
    if (!*name || strlen(name) >= PATH_MAX || !is_clean(name))
        return type.text[0] == '?' && !*name;
    if (type.text[0] == '?') {
        vec_push(&loading->missing, name);
        return true;
    }
    vec_push(&loading->items, (struct item){.path = name, .type = type.text[0]});
    return strchr("dflcbp", type.text[0]) != NULL;
}

static int parse_list(struct loading *loading, const char *list)
{
    static const char header[] = "dfgen-files 1\n";
    struct buf text = {0};
    if (file_read_at(AT_FDCWD, list, &text, LIST_LIMIT) < 0)
        return fail(loading, list, errno);
    struct span rest = {buf_text(&text), text.len};
    bool is_sound = span_starts(rest, header) && rest.text[rest.len - 1] == '\n';
    if (is_sound)
        rest = span_skip(rest, sizeof header - 1);
    while (is_sound && rest.len) {
        struct span line = {rest.text, (size_t)((const char *)memchr(rest.text, '\n', rest.len) - rest.text)};
        rest = span_skip(rest, line.len + 1);
        is_sound = parse_line(loading, line);
    }
    buf_free(&text);
    return is_sound ? 0 : fail(loading, list, EINVAL);
}

/* --- what gen could not see --- */

static void add_found(void *data, const struct entry *entry)
{
    struct loading *loading = data;
    size_t len = strlen(entry->path);
    bool is_above = !strncmp(entry->path, loading->wanted, len) && loading->wanted[len] == '/';
    bool is_file = entry->type == ENTRY_FILE && !strcmp(entry->path, loading->wanted);
    loading->found_more |= !is_file && !(is_above && entry->type == ENTRY_DIR);
    struct item item = {.path = arena_strdup(loading->arena, entry->path), .type = (char)entry->type};
    vec_push(&loading->items, item);
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->path, ((const struct item *)b)->path);
}

static void sort_items(struct loading *loading)
{
    size_t kept = 0;
    if (loading->items.count)
        qsort(loading->items.items, loading->items.count, sizeof *loading->items.items, compare_items);
    for (size_t i = 0; i < loading->items.count; i++)
        if (!i || strcmp(loading->items.items[i].path, loading->items.items[kept - 1].path))
            loading->items.items[kept++] = loading->items.items[i];
    loading->items.count = kept;
}

/* Look the '?' paths up as gen would have. What is still not there stays out: whoever names it says so. */
static int find_missing(struct loading *loading, const char *folder)
{
    const char *error = NULL;
    if (!loading->missing.count)
        return 0;
    struct pattern_list *patterns =
        pattern_list_of(loading->arena, loading->patterns.items, loading->patterns.count, &error);
    struct context *context = patterns ? context_open(folder, patterns, NULL) : NULL;
    if (!context)
        return fail(loading, folder, patterns ? errno : EINVAL);
    struct sources_touch touch = {context_need, context, add_found, loading};
    int result = 0;
    for (size_t i = 0; i < loading->missing.count && result == 0; i++) {
        struct source_spec spec = {.path = loading->wanted = loading->missing.items[i]};
        if (sources_touched(context_tree(context), loading->arena, &spec, &touch, &error) < 0 && errno != ENOENT)
            result = fail(loading, spec.path, errno);
    }
    int saved = errno;
    context_close(context);
    errno = saved;
    sort_items(loading);
    return result;
}

/* --- what is there now --- */

static int open_beneath(int dir, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return (int)fd;
}

/* The folder of a path, opened; its last component in *name. */
static int enter_folder(struct loading *loading, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    *name = slash ? slash + 1 : path;
    if (loading->folder && strlen(loading->folder) == len && !strncmp(loading->folder, path, len))
        return 0;
    char *folder = xstrndup(path, len);
    fd_close_scope(&loading->folder_dir);
    loading->folder_dir = open_beneath(loading->dir, folder, O_PATH | O_DIRECTORY);
    free((char *)(uintptr_t)loading->folder);
    loading->folder = folder;
    return loading->folder_dir < 0 ? -1 : 0;
}

static char type_of(const struct stat *st)
{
    return S_ISREG(st->st_mode) ? ENTRY_FILE : S_ISDIR(st->st_mode) ? ENTRY_DIR : S_ISLNK(st->st_mode) ? ENTRY_SYMLINK :
        S_ISFIFO(st->st_mode) ? ENTRY_FIFO : S_ISCHR(st->st_mode) ? ENTRY_CHAR : S_ISBLK(st->st_mode) ? ENTRY_BLOCK : 0;
}

static int look(struct loading *loading, struct item *item)
{
    const char *name;
    struct stat st;
    if (enter_folder(loading, item->path, &name) < 0 ||
        fstatat(loading->folder_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(loading, item->path, errno == ELOOP || errno == ENOTDIR || errno == EXDEV ? ESTALE : errno);
    if (type_of(&st) != item->type)
        return fail(loading, item->path, ESTALE);
    item->stamp = index_stamp(&st);
    item->device = st.st_dev;
    item->special = st.st_rdev;
    item->mode = st.st_mode;
    item->has_more_names = st.st_nlink > 1;
    if (item->type != ENTRY_SYMLINK)
        return 0;
    char target[PATH_MAX];
    ssize_t len = readlinkat(loading->folder_dir, name, target, sizeof target);
    if (len < 0 || (size_t)len == sizeof target)
        return fail(loading, item->path, len < 0 ? errno : ENAMETOOLONG);
    item->target = arena_strndup(loading->arena, target, (size_t)len);
    return 0;
}

/* --- digests --- */

struct hashing {
    int dir;
    struct item **items;
    size_t count;
    atomic_size_t next;
    atomic_int error;       /* errno of the first that failed */
    _Atomic(const char *) failed;
};

static int hash_item(int dir, struct item *item)
{
    autoclose int fd = open_beneath(dir, item->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int64_t size;
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0 || digest_fd(fd, &item->digest, &size) < 0)
        return -1;
    /* It is what was looked at, and all of it: else it is being written. */
    if (st.st_ino != item->stamp.inode || st.st_dev != item->device || size != item->stamp.size) {
        errno = ESTALE;
        return -1;
    }
    return 0;
}

static void *hash_items(void *data)
{
    struct hashing *hashing = data;
    for (size_t i; !hashing->error && (i = hashing->next++) < hashing->count;) {
        if (hash_item(hashing->dir, hashing->items[i]) == 0)
            continue;
        int expected = 0, number = errno;
        if (atomic_compare_exchange_strong(&hashing->error, &expected, number))
            hashing->failed = hashing->items[i]->path;
    }
    return NULL;
}

static int find_digests(struct loading *loading, struct store *store)
{
    struct index *index = index_open(store, loading->dir);
    struct hashing hashing = {.dir = loading->dir};
    struct timespec before;
    clock_gettime(CLOCK_REALTIME, &before);
    VEC(struct item *) unknown = {0};
    for (size_t i = 0; i < loading->items.count; i++) {
        struct item *item = &loading->items.items[i];
        if (item->type == ENTRY_FILE && !index_find(index, item->path, &item->stamp, &item->digest))
            vec_push(&unknown, item);
    }
    hashing.items = unknown.items;
    hashing.count = unknown.count;
    parallel_run(hashing.count / FILES_PER_THREAD, hash_items, &hashing);
    for (size_t i = 0; i < unknown.count && !hashing.error; i++)
        index_put(index, unknown.items[i]->path, &unknown.items[i]->stamp, &before, &unknown.items[i]->digest);
    index_close(index);
    vec_free(&unknown);
    return hashing.error ? fail(loading, hashing.failed, hashing.error) : 0;
}

/* --- the tree --- */

/* Files of more than one name, by inode, the first name first. */
static int compare_inodes(const void *a, const void *b)
{
    const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->stamp.inode != y->stamp.inode)
        return x->stamp.inode < y->stamp.inode ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* Later names of a file become links to its first. */
static void find_links(struct loading *loading)
{
    VEC(struct item *) linked = {0};
    for (size_t i = 0; i < loading->items.count; i++) {
        struct item *item = &loading->items.items[i];
        if (item->type == ENTRY_FILE && item->has_more_names)
            vec_push(&linked, item);
    }
    if (linked.count)
        qsort(linked.items, linked.count, sizeof *linked.items, compare_inodes);
    const struct item *first = NULL;
    for (size_t i = 0; i < linked.count; i++) {
        struct item *item = linked.items[i];
        if (first && first->device == item->device && first->stamp.inode == item->stamp.inode) {
            item->type = ENTRY_HARDLINK;
            item->target = first->path;
        } else {
            first = item;
        }
    }
    vec_free(&linked);
}

/* Of all attributes only file capabilities are part of a layer, and only what can run has them. */
static void keep_capability(const struct xattrs *all, struct entry *entry)
{
    for (size_t i = 0; i < all->count; i++)
        if (!strcmp(all->items[i].name, "security.capability")) {
            entry->xattrs = &all->items[i];
            entry->xattr_count = 1;
        }
}

static int add_item(struct loading *loading, const struct item *item, struct buf *text)
{
    struct arena arena = {0};
    struct entry entry = {
        .path = item->path,
        .type = (enum entry_type)item->type,
        .mode = item->type == ENTRY_SYMLINK ? 0777 : item->mode & 07777,
        .size = item->stamp.size,
        .digest = item->digest,
        .target = item->target,
        .major = major(item->special),
        .minor = minor(item->special),
    };
    struct xattrs xattrs;
    const char *name;
    if (item->type == ENTRY_FILE && (item->mode & 0111)) {
        if (enter_folder(loading, item->path, &name) < 0 ||
            xattrs_read_at(loading->folder_dir, name, &arena, &xattrs) < 0) {
            arena_free(&arena);
            return fail(loading, item->path, errno);
        }
        keep_capability(&xattrs, &entry);
    }
    list_text_add(text, &entry);
    arena_free(&arena);
    return 0;
}

/* Frees the items, which the listing then stands for. The list has them in order. */
static struct tree *make_tree(struct loading *loading, const char *name)
{
    struct buf text = {0};
    list_text_begin(&text);
    for (size_t i = 0; i < loading->items.count; i++)
        if (add_item(loading, &loading->items.items[i], &text) < 0) {
            buf_free(&text);
            return NULL;
        }
    vec_free(&loading->items);
    arena_free(loading->arena);
    size_t len = text.len;
    struct list *list = list_from_text(xrealloc(buf_take(&text), len + 1, 1), len, NULL);
    if (!list) {
        fail(loading, name, EINVAL);
        return NULL;
    }
    struct tree *tree = tree_new();
    tree_add_layer(tree, list, fd_take(&loading->dir));
    return tree;
}

static struct tree *load(struct loading *loading, struct store *store, const char *folder, const char *list)
{
    loading->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (loading->dir < 0) {
        fail(loading, folder, errno);
        return NULL;
    }
    if (parse_list(loading, list) < 0 || find_missing(loading, folder) < 0)
        return NULL;
    for (size_t i = 0; i < loading->items.count; i++)
        if (look(loading, &loading->items.items[i]) < 0)
            return NULL;
    if (find_digests(loading, store) < 0)
        return NULL;
    find_links(loading);
    return make_tree(loading, list);
}

struct tree *context_load(struct store *store, const char *folder, const char *list, struct arena *arena,
                          struct context_loaded *loaded)
{
    struct arena own = {0};
    struct loading loading = {.dir = -1, .folder_dir = -1, .arena = &own};
    struct tree *tree = load(&loading, store, folder, list);
    int saved = errno;
    loaded->found_more = loading.found_more;
    if (!tree)
        loaded->failed = arena_strdup(arena, loading.failed ? loading.failed : folder);
    fd_close_scope(&loading.dir);
    fd_close_scope(&loading.folder_dir);
    free((char *)(uintptr_t)loading.folder);
    vec_free(&loading.items);
    vec_free(&loading.missing);
    vec_free(&loading.patterns);
    arena_free(&own);
    errno = saved;
    return tree;
}
