/*
 * Owns the walk of a context folder under its ignore patterns: gen's view of it, as a tree that grows with what is
 * asked for. Called by gen, and by context_load.c for what gen could not see yet. Must not read the content of files.
 */
#include "runtime/lib/context.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/span.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

enum { BUCKETS = 4096 };

/* A folder that was read, by itself or with all below it. */
struct folder {
    struct folder *next;
    const char *path;
    bool deep;
};

struct context {
    int dir;
    const struct pattern_list *patterns;    /* NULL: none */
    const char *const *hidden;
    struct tree *tree;
    struct arena arena;
    struct folder *buckets[BUCKETS];
    VEC(const char *) folders;
    const char *failed;                     /* the last that could not be read; NULL: none */
};

/* One reading: what it finds becomes a layer of the tree. */
struct walk {
    struct context *context;
    struct list_builder *builder;
    size_t found;
    const char *failed;
};

/* An excluded folder that shows only if something below it does. */
struct pending {
    struct pending *above;
    const struct entry *entry;
    bool is_shown;
};

struct context *context_open(const char *folder, const struct pattern_list *patterns, const char *const *hidden)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return NULL;
    struct context *context = xcalloc(1, sizeof *context);
    context->dir = dir;
    context->patterns = patterns && !pattern_list_is_empty(patterns) ? patterns : NULL;
    context->hidden = hidden;
    context->tree = tree_new();
    return context;
}

void context_close(struct context *context)
{
    if (!context)
        return;
    tree_free(context->tree);
    vec_free(&context->folders);
    arena_free(&context->arena);
    close(context->dir);
    free(context);
}

int context_dir(const struct context *context)
{
    return context->dir;
}

struct tree *context_tree(struct context *context)
{
    return context->tree;
}

const char *const *context_folders(const struct context *context, size_t *count)
{
    *count = context->folders.count;
    return context->folders.items;
}

/* --- which folders were read --- */

static struct folder **find_bucket(struct context *context, struct span path)
{
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < path.len; i++)
        value = (value ^ (unsigned char)path.text[i]) * 16777619u;
    return &context->buckets[value % BUCKETS];
}

static struct folder *find_folder(struct context *context, struct span path)
{
    struct folder *folder = *find_bucket(context, path);
    while (folder && !span_is(path, folder->path))
        folder = folder->next;
    return folder;
}

static void remember(struct context *context, const char *path, bool deep)
{
    struct folder *folder = find_folder(context, span_of(path));
    if (folder) {
        folder->deep |= deep;
        return;
    }
    struct folder **bucket = find_bucket(context, span_of(path));
    folder = arena_alloc(&context->arena, sizeof *folder);
    *folder = (struct folder){*bucket, arena_strdup(&context->arena, path), deep};
    *bucket = folder;
    vec_push(&context->folders, folder->path);
}

/* Read already: itself, or deeply from some folder above. */
static bool is_known(struct context *context, const char *path, bool deep)
{
    size_t len = strlen(path);
    struct folder *folder = find_folder(context, (struct span){path, len});
    if (folder && (folder->deep || !deep))
        return true;
    while (len) {
        while (len && path[--len] != '/')
            ;
        folder = find_folder(context, (struct span){path, len});
        if (folder && folder->deep)
            return true;
    }
    return false;
}

/* --- reading --- */

static int open_folder(const struct context *context, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, context->dir, *path ? path : ".", &how, sizeof how);
    while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return (int)fd;
}

static bool is_hidden(const struct context *context, const char *path)
{
    for (const char *const *hidden = context->hidden; hidden && *hidden; hidden++)
        if (!strcmp(path, *hidden))
            return true;
    return false;
}

static int fail_at(struct walk *walk, const char *path)
{
    int saved = errno;
    walk->failed = arena_strdup(&walk->context->arena, path);
    errno = saved;
    return -1;
}

/* What lies at DIR/NAME as an entry. 1; 0 when it is gone or a socket; -1 with errno. */
static int make_entry(int dir, const char *name, struct arena *arena, struct entry *entry)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -1;
    entry->mode = st.st_mode & 07777;
    switch (st.st_mode & S_IFMT) {
    case S_IFREG:
        entry->type = ENTRY_FILE;
        entry->size = st.st_size;
        return 1;
    case S_IFDIR:
        entry->type = ENTRY_DIR;
        return 1;
    case S_IFIFO:
        entry->type = ENTRY_FIFO;
        return 1;
    case S_IFCHR: case S_IFBLK:
        entry->type = S_ISCHR(st.st_mode) ? ENTRY_CHAR : ENTRY_BLOCK;
        entry->major = major(st.st_rdev);
        entry->minor = minor(st.st_rdev);
        return 1;
    case S_IFLNK:
        entry->type = ENTRY_SYMLINK;
        entry->mode = 0777;
        break;
    default:
        return 0;
    }
    char target[PATH_MAX];
    ssize_t len = readlinkat(dir, name, target, sizeof target);
    if (len < 0 || (size_t)len == sizeof target)
        return len < 0 && errno == ENOENT ? 0 : -1;
    entry->target = arena_strndup(arena, target, (size_t)len);
    return 1;
}

static void add_entry(struct walk *walk, const struct entry *entry, struct pending *pending)
{
    for (; pending && !pending->is_shown; pending = pending->above) {
        list_builder_add(walk->builder, pending->entry);
        pending->is_shown = true;
        walk->found++;
    }
    list_builder_add(walk->builder, entry);
    walk->found++;
}


struct reading {
    const char *path;
    const bool *state;          /* what the patterns say of the folder; NULL for the root */
    struct pending *pending;
    bool deep;
};

static int read_folder(struct walk *walk, const struct reading *reading);

/* One name of a folder: added, left out, entered. */
static int read_child(struct walk *walk, const struct reading *reading, struct entry *entry, struct arena *arena)
{
    const struct pattern_list *patterns = walk->context->patterns;
    bool *state = NULL, is_dir = entry->type == ENTRY_DIR, is_excluded = false;
    if (patterns) {
        state = arena_array(arena, pattern_list_count(patterns) + 1, sizeof *state);
        is_excluded = pattern_list_step(patterns, entry->path, reading->state, state);
    }
    struct pending here = {reading->pending, entry, false};
    struct reading below = {entry->path, state, reading->pending, true};
    if (!is_excluded) {
        add_entry(walk, entry, reading->pending);
        return is_dir && reading->deep ? read_folder(walk, &below) : 0;
    }
    if (!is_dir || !pattern_list_may_include_below(patterns, entry->path))
        return 0;
    /* Whether it shows cannot be told without looking into it. */
    below.pending = &here;
    return read_folder(walk, &below);
}

/* The entries are taken down before any folder below is opened, so that depth costs no descriptors. */
static int take_down(struct walk *walk, const char *path, struct arena *arena, struct entry **entries, size_t *count)
{
    VEC(struct entry) found = {0};
    autoclose int fd = open_folder(walk->context, path);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : fail_at(walk, path);
    int dir = fd_take(&fd), result = 0;
    struct dirent *dirent;
    while (errno = 0, (dirent = readdir(stream))) {
        const char *name = dirent->d_name;
        if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
            continue;
        struct entry entry = {.path = path_join(arena, path, name)};
        if (is_hidden(walk->context, entry.path))
            continue;
        int there = strlen(entry.path) < PATH_MAX ? make_entry(dir, name, arena, &entry) : (errno = ENAMETOOLONG, -1);
        if (there < 0) {
            result = fail_at(walk, entry.path);
            break;
        }
        if (there)
            vec_push(&found, entry);
    }
    if (!dirent && errno)
        result = fail_at(walk, path);
    int saved = errno;
    closedir(stream);
    errno = saved;
    *entries = found.items;
    *count = found.count;
    return result;
}

static int read_folder(struct walk *walk, const struct reading *reading)
{
    struct arena arena = {0};
    struct entry *entries = NULL;
    size_t count = 0;
    int result = take_down(walk, reading->path, &arena, &entries, &count);
    if (result == 0)
        remember(walk->context, reading->path, reading->deep);
    for (size_t i = 0; i < count && result == 0; i++)
        result = read_child(walk, reading, &entries[i], &arena);
    int saved = errno;
    free(entries);
    arena_free(&arena);
    errno = saved;
    return result;
}

/* What the patterns say of a folder: false when nothing of it is there. */
static bool find_state(const struct context *context, const char *path, struct arena *arena, const bool **out)
{
    const bool *parent = NULL;
    bool is_excluded = false;
    for (size_t len = 0; context->patterns && path[len];) {
        len += path[len] == '/';
        len += strcspn(path + len, "/");
        bool *state = arena_array(arena, pattern_list_count(context->patterns) + 1, sizeof *state);
        const char *prefix = arena_strndup(arena, path, len);
        is_excluded = pattern_list_step(context->patterns, prefix, parent, state);
        if (is_excluded && !pattern_list_may_include_below(context->patterns, prefix))
            return false;
        parent = state;
    }
    *out = parent;
    return true;
}

/* Turn what was found into a layer of the tree. */
static int add_layer(struct walk *walk)
{
    struct buf text = {0};
    struct digest digest;
    if (!walk->found) {
        list_builder_free(walk->builder);
        return 0;
    }
    list_builder_finish(walk->builder, &text, &digest);
    size_t len = text.len;
    const char *why = NULL;
    struct list *list = list_from_text(buf_take(&text), len, &why);
    if (!list)
        return -1;
    int files = fcntl(walk->context->dir, F_DUPFD_CLOEXEC, 0);
    if (files < 0) {
        list_close(list);
        return -1;
    }
    tree_add_layer(walk->context->tree, list, files);
    return 0;
}

static int read_at(struct context *context, const char *path, bool deep, const char **failed)
{
    struct arena arena = {0};
    struct walk walk = {.context = context};
    struct reading reading = {.path = path, .deep = deep};
    int result = 0;
    /* A hidden folder has nothing to show either. */
    for (const char *const *hidden = context->hidden; hidden && *hidden; hidden++)
        if (path_is_below(path, *hidden))
            return 0;
    if (find_state(context, path, &arena, &reading.state)) {
        walk.builder = list_builder_new();
        result = read_folder(&walk, &reading);
        if (result == 0)
            result = add_layer(&walk);
        else
            list_builder_free(walk.builder);
    }
    int saved = errno;
    arena_free(&arena);
    errno = saved;
    if (result < 0)
        context->failed = walk.failed ? walk.failed : arena_strdup(&context->arena, path);
    if (result < 0 && failed)
        *failed = context->failed;
    return result;
}

int context_need(void *data, const char *path, bool deep)
{
    struct context *context = data;
    return is_known(context, path, deep) ? 0 : read_at(context, path, deep, NULL);
}

const char *context_failed(const struct context *context)
{
    return context->failed ? context->failed : "";
}

int context_walk(struct context *context, const char *path, const char **failed)
{
    /* The folders above have the entries that lead here. */
    for (size_t len = 0; path[len]; len++) {
        char *above = len && path[len] != '/' ? NULL : xstrndup(path, len);
        int result = above && !is_known(context, above, false) ? read_at(context, above, false, failed) : 0;
        free(above);
        if (result < 0)
            return -1;
    }
    return is_known(context, path, true) ? 0 : read_at(context, path, true, failed);
}
