/*
 * Owns the step from an overlay's upper folder to a layer: what counts as a change, and what does not. Called by
 * dfgen-run. Must not know how the folder came to be.
 * The folder is walked breadth first into an array, so parents come before children: going through it forwards passes
 * down what is known of folders, going backwards removes what is empty. Nothing is followed, and only one folder is
 * open at a time.
 */
#include "runtime/lib/commit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/copytree.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"
#include "runtime/lib/xattrs.h"

#include "runtime/lib/commit_internal.h"

enum { MAX_PATH = PATH_MAX - 16 };

int commit_fail(struct commit *commit, const char *path)
{
    if (!commit->where)
        commit->where = xstrdup(*path ? path : ".");
    return -1;
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* --- what is there, and what was --- */

static bool same_xattrs(const struct xattrs *xattrs, const struct entry *entry)
{
    if (xattrs->count != entry->xattr_count)
        return false;
    for (size_t i = 0; i < xattrs->count; i++)
        if (strcmp(xattrs->items[i].name, entry->xattrs[i].name) || strcmp(xattrs->items[i].hex, entry->xattrs[i].hex))
            return false;
    return true;
}

static bool same_type(const struct found *found, const struct entry *entry)
{
    const struct stat *st = &found->st;
    switch (entry->type) {
    case ENTRY_DIR:
    case ENTRY_OPAQUE:
        return S_ISDIR(st->st_mode);
    case ENTRY_FILE:
    case ENTRY_HARDLINK:
        return S_ISREG(st->st_mode) && st->st_size == entry->size;
    case ENTRY_SYMLINK:
        return S_ISLNK(st->st_mode) && found->target && !strcmp(found->target, entry->target);
    case ENTRY_CHAR:
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(entry->major, entry->minor);
    case ENTRY_BLOCK:
        return S_ISBLK(st->st_mode) && st->st_rdev == makedev(entry->major, entry->minor);
    case ENTRY_FIFO:
        return S_ISFIFO(st->st_mode);
    case ENTRY_WHITEOUT:
        return false;
    }
    return false;
}

/*
 * A folder's time is no change: what made it is listed itself. Any other file's is one, for make and the like in
 * later RUNs. A copy may lie where there are only whole seconds.
 */
static bool same_time(const struct commit *commit, const struct found *found, const struct tree_node *node)
{
    struct stat below;
    int files = tree_layer_files(commit->lower, node->layer);
    if (S_ISDIR(found->st.st_mode))
        return true;
    return files >= 0 && fstatat(files, node->path, &below, AT_SYMLINK_NOFOLLOW) == 0 &&
           below.st_mtim.tv_sec == found->st.st_mtim.tv_sec &&
           (below.st_mtim.tv_nsec == found->st.st_mtim.tv_nsec || (commit->whole && !found->st.st_mtim.tv_nsec));
}

/* A copy is of what lies on disk, which may not hold the listing's owners and devices; they are no changes. */
static void take_from_disk(const struct commit *commit, const struct tree_node *node, struct entry *entry)
{
    struct stat st;
    int files = tree_layer_files(commit->lower, node->layer);
    if (files < 0 || fstatat(files, *node->path ? node->path : ".", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    entry->uid = st.st_uid;
    entry->gid = st.st_gid;
    if (S_ISREG(st.st_mode) && (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK)) {
        entry->type = ENTRY_FILE;
        entry->size = st.st_size;
        entry->digest = digest_of("", 0);
    }
}

static void compare(struct commit *commit, struct found *found)
{
    const struct found *parent = &commit->found.items[found->parent];
    struct tree_node node;
    struct entry entry;
    /* The root is its own parent, and always has a lower one. */
    if (*found->path && (parent->hides_lower || !parent->lower_is_dir))
        return;
    if (!tree_lookup(commit->lower, &commit->arena, found->path, &node, &entry))
        return;
    if (commit->whole) {
        found->lower_file = node.link_to ? node.link_to : node.path;
        found->lower_layer = node.layer;
        if (!commit->view)
            take_from_disk(commit, &node, &entry);
    }
    found->has_lower = true;
    found->lower_is_dir = entry.type == ENTRY_DIR || entry.type == ENTRY_OPAQUE;
    mode_t mode = S_ISLNK(found->st.st_mode) ? 0777 : found->st.st_mode & 07777;
    mode_t lower_mode = entry.type == ENTRY_SYMLINK ? 0777 : entry.mode;
    found->maybe_same = same_type(found, &entry) && mode == lower_mode && found->st.st_uid == entry.uid &&
                        found->st.st_gid == entry.gid && same_xattrs(&found->xattrs, &entry) &&
                        same_time(commit, found, &node);
    found->lower_digest = entry.digest;
}

/* --- the walk --- */

static const char *read_target(struct commit *commit, int dir, const char *name, const struct stat *st)
{
    size_t room = (size_t)st->st_size + 1;
    char *target = arena_alloc(&commit->arena, room + 1);
    ssize_t len = readlinkat(dir, name, target, room);
    if (len < 0 || (size_t)len >= room)
        return NULL;
    target[len] = 0;
    return target;
}

/* One entry: its metadata, and what the root below has in its place. */
static int look_at(struct commit *commit, int dir, const char *name, size_t parent)
{
    struct found found = {.parent = parent};
    const char *above = commit->found.count ? commit->found.items[parent].path : "";
    found.path = *above ? arena_printf(&commit->arena, "%s/%s", above, name) : arena_strdup(&commit->arena, name);
    /* A payload can make deeper ones, step by step; nothing else could name them. */
    if (strlen(found.path) >= MAX_PATH) {
        errno = ENAMETOOLONG;
        return commit_fail(commit, found.path);
    }
    if (fstatat(dir, *name ? name : ".", &found.st, AT_SYMLINK_NOFOLLOW) < 0)
        return commit_fail(commit, found.path);
    if (commit->view && commit->view->look(commit->view->data, found.path, &found.st) < 0)
        return commit_fail(commit, found.path);
    if (S_ISLNK(found.st.st_mode) && !(found.target = read_target(commit, dir, name, &found.st)))
        return commit_fail(commit, found.path);
    /* Overlayfs's own attributes are an upper folder's; in a copied root the payload has put them. */
    if (commit->whole && !S_ISSOCK(found.st.st_mode) && xattrs_clear_overlay_at(dir, *name ? name : ".") < 0)
        return commit_fail(commit, found.path);
    if (!is_whiteout(&found.st) && !S_ISSOCK(found.st.st_mode) &&
        xattrs_read_at(dir, *name ? name : ".", &commit->arena, &found.xattrs) < 0)
        return commit_fail(commit, found.path);
    if (commit->found.count == 0) {
        vec_push(&commit->found, found);
        compare(commit, &commit->found.items[0]);
        return 0;
    }
    compare(commit, &found);
    if (commit->whole && S_ISDIR(found.st.st_mode) && found.lower_is_dir)
        found.xattrs.is_opaque = commit->whole->is_new(commit->whole->data, found.path, dir, name);
    const struct found *above_it = &commit->found.items[parent];
    found.hides_lower = S_ISDIR(found.st.st_mode) &&
                        (above_it->hides_lower || !found.has_lower || !found.lower_is_dir || found.xattrs.is_opaque);
    vec_push(&commit->found, found);
    return 0;
}

/* Of a whole root: names that the folder below has, and this one has lost. */
static int find_missing(struct commit *commit, int dir, size_t index)
{
    const char *folder = commit->found.items[index].path, *const *names;
    struct stat st;
    if (!commit->whole || commit->found.items[index].hides_lower || !commit->found.items[index].lower_is_dir)
        return 0;
    size_t count = tree_children(commit->lower, &commit->arena, folder, &names);
    for (size_t i = 0; i < count; i++) {
        if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        struct found found = {.parent = index, .st.st_mode = S_IFCHR, .has_lower = true, .is_missing = true};
        found.path = *folder ? arena_printf(&commit->arena, "%s/%s", folder, names[i]) : names[i];
        if (errno != ENOENT)
            return commit_fail(commit, found.path);
        vec_push(&commit->found, found);
    }
    return 0;
}

static int read_folder(struct commit *commit, size_t index)
{
    const char *path = commit->found.items[index].path;
    DIR *stream = dir_stream_at(commit->upper, *path ? path : ".");
    if (!stream)
        return commit_fail(commit, path);
    int result = 0;
    errno = 0;
    for (struct dirent *entry; result == 0 && (entry = readdir(stream));) {
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            result = look_at(commit, dirfd(stream), entry->d_name, index);
        if (result == 0)
            errno = 0;
    }
    if (result == 0 && errno)
        result = commit_fail(commit, path);
    if (result == 0)
        result = find_missing(commit, dirfd(stream), index);
    int saved = errno;
    closedir(stream);
    errno = saved;
    return result;
}

static int walk(struct commit *commit)
{
    if (look_at(commit, commit->upper, "", 0) < 0)
        return -1;
    for (size_t i = 0; i < commit->found.count; i++)
        if (S_ISDIR(commit->found.items[i].st.st_mode) && read_folder(commit, i) < 0)
            return -1;
    return 0;
}

/* --- what stays --- */

static bool is_change(const struct commit *commit, const struct found *found)
{
    const struct found *parent = &commit->found.items[found->parent];
    if (S_ISSOCK(found->st.st_mode))
        return false;
    if (is_whiteout(&found->st))
        return found->has_lower && !parent->hides_lower;
    if (!found->maybe_same)
        return true;
    if (S_ISDIR(found->st.st_mode))
        return *found->path && found->hides_lower;
    return S_ISREG(found->st.st_mode) && memcmp(&found->digest, &found->lower_digest, sizeof found->digest);
}

static int remove_entry(struct commit *commit, struct found *found)
{
    if (unlinkat(commit->upper, found->path, S_ISDIR(found->st.st_mode) ? AT_REMOVEDIR : 0) < 0)
        return commit_fail(commit, found->path);
    commit->found.items[found->parent].lost_names = true;
    return 0;
}

/* What is gone of a whole root becomes a whiteout on disk as well. */
static int put_missing(struct commit *commit, struct found *found)
{
    struct found *parent = &commit->found.items[found->parent];
    const char *slash = strrchr(found->path, '/');
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    autoclose int dir = openat(commit->upper, *parent->path ? parent->path : ".", flags);
    if (dir < 0 || whiteout_put_at(dir, slash ? slash + 1 : found->path) < 0)
        return commit_fail(commit, found->path);
    parent->lost_names = true;
    return 0;
}

/* A folder that stays: what is on disk must say what the listing says, whatever it will lie on. */
static int settle_folder(struct commit *commit, struct found *found)
{
    const char *path = *found->path ? found->path : ".";
    bool listed_opaque = found->hides_lower && found->lower_is_dir && found->has_lower;
    if (found->xattrs.is_opaque && !listed_opaque && !commit->whole && xattrs_clear_opaque_at(commit->upper, path) < 0)
        return commit_fail(commit, found->path);
    if (commit->whole && listed_opaque && xattrs_set_opaque_at(commit->upper, path) < 0)
        return commit_fail(commit, found->path);
    struct timespec times[2] = {found->st.st_atim, found->st.st_mtim};
    if (found->lost_names && utimensat(commit->upper, path, times, AT_SYMLINK_NOFOLLOW) < 0)
        return commit_fail(commit, found->path);
    return 0;
}

/* An overlay would have broken this link of a layer's when one of its names was changed. */
static bool was_linked(const struct found *a, const struct found *b)
{
    return a->lower_file && b->lower_file && a->lower_layer == b->lower_layer && !strcmp(a->lower_file, b->lower_file);
}

/* Names of one file, in byte order: the first one that stays has the content. */
static void order_names(struct commit *commit)
{
    for (size_t i = 0; i < commit->linked.count;) {
        const struct found *first = NULL;
        size_t end = i;
        for (; end < commit->linked.count && commit_same_inode(commit, i, end); end++) {
            struct found *found = &commit->found.items[commit->linked.items[end]];
            if (!found->is_kept || (first && was_linked(first, found)))
                continue;
            found->first = first ? first->path : NULL;
            if (!first)
                first = found;
        }
        i = end;
    }
}

/* Backwards: children before their folder. */
static int keep_changes(struct commit *commit)
{
    for (size_t i = commit->found.count; i-- > 0;) {
        struct found *found = &commit->found.items[i];
        found->is_kept = found->is_kept || is_change(commit, found);
        if (found->is_kept && i)
            commit->found.items[found->parent].is_kept = true;
        if (found->is_missing ? put_missing(commit, found) < 0
                              : !found->is_kept && i && remove_entry(commit, found) < 0)
            return -1;
        if ((found->is_kept || !i) && S_ISDIR(found->st.st_mode) && settle_folder(commit, found) < 0)
            return -1;
    }
    order_names(commit);
    return 0;
}

/* --- the listing --- */

static enum entry_type listed_type(const struct found *found)
{
    switch (found->st.st_mode & S_IFMT) {
    case S_IFDIR:
        return *found->path && found->hides_lower && found->has_lower && found->lower_is_dir ? ENTRY_OPAQUE : ENTRY_DIR;
    case S_IFREG:
        return found->first ? ENTRY_HARDLINK : ENTRY_FILE;
    case S_IFLNK:
        return ENTRY_SYMLINK;
    case S_IFCHR:
        return is_whiteout(&found->st) ? ENTRY_WHITEOUT : ENTRY_CHAR;
    case S_IFBLK:
        return ENTRY_BLOCK;
    default:
        return ENTRY_FIFO;
    }
}

static void list_found(struct list_builder *builder, const struct found *found)
{
    struct entry entry = {
        .path = found->path,
        .type = listed_type(found),
        .mode = S_ISLNK(found->st.st_mode) ? 0777 : found->st.st_mode & 07777,
        .uid = found->st.st_uid,
        .gid = found->st.st_gid,
        .size = S_ISREG(found->st.st_mode) ? found->st.st_size : 0,
        .digest = found->digest,
        .target = found->first ? found->first : found->target,
        .major = major(found->st.st_rdev),
        .minor = minor(found->st.st_rdev),
        .xattrs = found->xattrs.items,
        .xattr_count = found->xattrs.count,
    };
    list_builder_add(builder, &entry);
}

static int write_list(const struct commit *commit, int folder, struct digest *digest)
{
    struct list_builder *builder = list_builder_new();
    /* The root is there for the sake of its own change only, not as a parent. */
    for (size_t i = 0; i < commit->found.count; i++)
        if (i ? commit->found.items[i].is_kept : is_change(commit, &commit->found.items[0]))
            list_found(builder, &commit->found.items[i]);
    struct buf text = {0};
    list_builder_finish(builder, &text, digest);
    int result = file_make_at(folder, "list", buf_text(&text), text.len, 0444);
    buf_free(&text);
    return result;
}

static void commit_end(struct commit *commit, char **where)
{
    int saved = errno;
    fd_close_scope(&commit->upper);
    vec_free(&commit->found);
    vec_free(&commit->linked);
    vec_free(&commit->hashed);
    arena_free(&commit->arena);
    if (where)
        *where = commit->where;
    else
        free(commit->where);
    errno = saved;
}

static int settle(struct commit *commit, int folder, bool reads_all, struct digest *digest)
{
    commit->upper = openat(folder, "fs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (commit->upper < 0 || walk(commit) < 0)
        return -1;
    return commit_hash(commit, reads_all) < 0 || keep_changes(commit) < 0 ? -1 : write_list(commit, folder, digest);
}

int commit_layer(struct store *store, const struct store_tmp *tmp, const char *name, const struct commit_source *source,
                 char id[COMMIT_ID], char **where)
{
    struct commit commit = {.upper = -1, .lower = source->lower, .view = source->view, .whole = source->whole};
    struct digest digest;
    char hex[DIGEST_HEX + 1];
    int result = -1;
    autoclose int folder = openat(tmp->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder >= 0 && settle(&commit, folder, true, &digest) == 0) {
        digest_hex(&digest, hex);
        snprintf(id, COMMIT_ID, "tree:%s", hex);
        result = store_layer_commit(store, tmp, name, id);
    }
    commit_end(&commit, where);
    return result;
}

int commit_settle(const struct store_tmp *tmp, const char *name, const struct commit_source *source, char **where)
{
    struct commit commit = {.upper = -1, .lower = source->lower, .view = source->view, .whole = source->whole};
    struct digest digest;
    autoclose int folder = openat(tmp->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int result = folder < 0 ? -1 : settle(&commit, folder, false, &digest);
    commit_end(&commit, where);
    return result;
}
