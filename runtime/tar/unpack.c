/*
 * Owns how entries of a layer's tar come to lie on disk, whatever the archive tries (S20-S29 of the sandbox's threats). Called by the helpers that
 * unpack layers. Must not know where the archive comes from. Names are resolved in the map of what this layer brought (nodes.h), and
 * the folder so found is opened inside the layer's root once more: two locks on one door.
 * A symlink of a lower layer is not seen here: "lib/x" makes a real folder lib, as containerd does it on overlayfs.
 */
#include "runtime/tar/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/xattrs.h"
#include "runtime/lib/path.h"
#include "runtime/lib/span.h"
#include "runtime/tar/nodes.h"
#include "runtime/tar/read.h"
#include "runtime/tar/whiteout.h"

/* S28: more is a bomb. gzip cannot reach 1100 times; what images hold rarely reaches 20. */
enum { ENTRIES_MAX = 8 * 1024 * 1024, RATIO_MAX = 200 };
static const int64_t free_bytes = 4LL << 30;

struct work {
    const struct unpack *unpack;
    struct tar_reader *tar;
    struct nodes *nodes;
    char name[TAR_NAME_MAX];        /* of the entry, clean */
    char path[TAR_NAME_MAX];        /* the same with symlinks on the way followed */
    const char *base;               /* its last component */
    char parent_path[TAR_NAME_MAX]; /* of the folder that parent is */
    int parent;                     /* descriptor; -1: none yet */
    int64_t bytes, entries;
    char *error;
};

static int fail(struct work *work, const char *why)
{
    if (!work->error)
        work->error = xasprintf("entry \"%s\": %s", work->name, why);
    return -1;
}

static int fail_errno(struct work *work, const char *what)
{
    if (!work->error)
        work->error = xasprintf("entry \"%s\": %s: %s", work->name, what, strerror(errno));
    return -1;
}

static bool is_folder(const struct inode *inode)
{
    return inode->entry->type == ENTRY_DIR || inode->entry->type == ENTRY_OPAQUE;
}

/* --- folders on the way --- */

static struct inode *new_inode(struct work *work, enum entry_type type)
{
    struct arena *arena = nodes_arena(work->nodes);
    struct inode *inode = arena_alloc(arena, sizeof *inode);
    inode->entry = arena_alloc(arena, sizeof *inode->entry);
    inode->entry->type = type;
    return inode;
}

/* Open a folder of this layer by its real path. */
static int open_folder(struct work *work, const char *path)
{
    return path_open_in(work->unpack->fs, *path ? path : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

/* A folder that the archive did not name before what lies in it: 0755, of root. Modes come last, so that we can write into it. */
static int make_folder(struct work *work, int parent, const char *path)
{
    struct node *old = nodes_find(work->nodes, path);
    if (old && is_folder(old->inode))
        return 0;
    bool was_whiteout = old && old->inode->entry->type == ENTRY_WHITEOUT;
    if (old && !was_whiteout)
        return fail(work, "lies below something that is no folder");
    const char *base = path_base(path);
    if (was_whiteout && unlinkat(parent, base, 0) < 0)
        return fail_errno(work, "cannot replace a deletion");
    if (mkdirat(parent, base, 0700) < 0)
        return fail_errno(work, "cannot make the folder");
    struct inode *inode = new_inode(work, was_whiteout ? ENTRY_OPAQUE : ENTRY_DIR);
    inode->entry->mode = 0755;
    inode->is_unnamed = true;
    nodes_put(work->nodes, path, inode);
    return 0;
}

static int make_parents(struct work *work, char *path)
{
    for (char *slash = path; slash; slash = strchr(slash + 1, '/')) {
        if (slash == path)
            continue;
        *slash = 0;
        int result = 0;
        if (!nodes_find(work->nodes, path) || !is_folder(nodes_find(work->nodes, path)->inode)) {
            char *last = strrchr(path, '/');
            if (last)
                *last = 0;
            autoclose int parent = open_folder(work, last ? path : "");
            if (last)
                *last = '/';
            result = parent < 0 ? fail_errno(work, "cannot open its folder") : make_folder(work, parent, path);
        }
        *slash = '/';
        if (result < 0)
            return -1;
    }
    return 0;
}

/* Make work->parent the folder that the entry's name leads to, and work->path its real path. */
static int enter_parent(struct work *work)
{
    const char *why = nodes_resolve(work->nodes, work->name, work->path);
    if (why)
        return fail(work, why);
    char *slash = strrchr(work->path, '/');
    work->base = slash ? slash + 1 : work->path;
    size_t len = slash ? (size_t)(slash - work->path) : 0;
    if (work->parent >= 0 && strlen(work->parent_path) == len && !memcmp(work->parent_path, work->path, len))
        return 0;
    if (make_parents(work, work->path) < 0)
        return -1;
    if (work->parent >= 0)
        close(work->parent);
    memcpy(work->parent_path, work->path, len);
    work->parent_path[len] = 0;
    work->parent = open_folder(work, work->parent_path);
    return work->parent < 0 ? fail_errno(work, "cannot open its folder") : 0;
}

/* --- metadata --- */

static int take_xattrs(struct work *work, const struct tar_entry *entry, struct inode *inode)
{
    struct arena *arena = nodes_arena(work->nodes);
    struct entry_xattr *xattrs = arena_array(arena, entry->xattr_count, sizeof *xattrs);
    size_t count = 0;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct tar_xattr *xattr = &entry->xattrs[i];
        enum xattr_fate fate = whiteout_xattr_fate(xattr->name);
        if (fate == XATTR_REFUSED)
            return fail(work, "has an xattr that belongs to overlayfs");
        if (fate == XATTR_DROPPED || (entry->type != TAR_FILE && entry->type != TAR_DIR))
            continue;
        const unsigned char *value = xattr->value;
        char *hex = arena_alloc(arena, 2 * xattr->size + 1);
        for (size_t j = 0; j < xattr->size; j++)
            sprintf(hex + 2 * j, "%02x", value[j]);
        /* Kept sorted: there are one or two. */
        size_t at = count++;
        for (; at && strcmp(xattrs[at - 1].name, xattr->name) > 0; at--)
            xattrs[at] = xattrs[at - 1];
        xattrs[at] = (struct entry_xattr){arena_strdup(arena, xattr->name), hex};
    }
    inode->entry->xattrs = xattrs;
    inode->entry->xattr_count = count;
    return 0;
}

/* EINVAL: an id that this user namespace does not have. The listing has it. */
static bool chown_failed(int result)
{
    return result < 0 && errno != EINVAL;
}

/* S26: chown takes set-id bits and capabilities away, so they come after it; times are last. */
static int set_metadata(struct work *work, int fd, const struct inode *inode)
{
    const struct entry *entry = inode->entry;
    bool is_ours = work->unpack->is_root && entry->uid == 0 && entry->gid == 0;
    if (work->unpack->can_chown && !is_ours && chown_failed(fchown(fd, entry->uid, entry->gid)))
        return fail_errno(work, "cannot set its owner");
    if (xattrs_set(fd, entry) < 0)
        return fail_errno(work, "cannot set an xattr");
    if (fchmod(fd, entry->mode) < 0)
        return fail_errno(work, "cannot set its mode");
    const struct timespec times[2] = {inode->mtime, inode->mtime};
    return futimens(fd, times) < 0 ? fail_errno(work, "cannot set its time") : 0;
}

/* The same for what cannot be opened: symlinks, devices, FIFOs. */
static int set_metadata_at(struct work *work, const struct inode *inode)
{
    const struct entry *entry = inode->entry;
    if (work->unpack->can_chown &&
        chown_failed(fchownat(work->parent, work->base, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW)))
        return fail_errno(work, "cannot set its owner");
    if (entry->type != ENTRY_SYMLINK && fchmodat(work->parent, work->base, entry->mode, 0) < 0)
        return fail_errno(work, "cannot set its mode");
    const struct timespec times[2] = {inode->mtime, inode->mtime};
    if (utimensat(work->parent, work->base, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno(work, "cannot set its time");
    return 0;
}

/* --- each type --- */

static int write_file(struct work *work, int fd, struct entry *entry)
{
    struct digest_state state;
    const void *piece;
    ssize_t len;
    int result = 0;
    digest_begin(&state);
    while ((len = tar_data(work->tar, &piece)) > 0) {
        digest_add(&state, piece, (size_t)len);
        if (fd_write_all(fd, piece, (size_t)len) < 0) {
            result = fail_errno(work, "cannot write it");
            break;
        }
    }
    entry->digest = digest_end(&state);
    return len < 0 ? fail(work, tar_error(work->tar)) : result;
}

static int make_file(struct work *work, const struct tar_entry *from, struct inode *inode)
{
    autoclose int fd = openat(work->parent, work->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(work, "cannot make it");
    inode->entry->size = from->size;
    if (write_file(work, fd, inode->entry) < 0)
        return -1;
    return set_metadata(work, fd, inode);
}

static int make_symlink(struct work *work, const struct tar_entry *from, struct inode *inode)
{
    inode->entry->target = arena_strdup(nodes_arena(work->nodes), from->link);
    inode->entry->mode = 0777;
    if (symlinkat(from->link, work->parent, work->base) < 0)
        return fail_errno(work, "cannot make it");
    return set_metadata_at(work, inode);
}

static int make_special(struct work *work, const struct tar_entry *from, struct inode *inode)
{
    mode_t type = from->type == TAR_CHAR ? S_IFCHR : from->type == TAR_BLOCK ? S_IFBLK : S_IFIFO;
    if (from->type == TAR_CHAR && !from->major && !from->minor)
        return fail(work, "is a device that overlayfs takes for a deletion");
    inode->entry->major = from->major;
    inode->entry->minor = from->minor;
    int result = mknodat(work->parent, work->base, type | 0600, makedev(from->major, from->minor));
    if (result < 0 && errno == EPERM && type != S_IFIFO)
        /* No right to make devices: an empty file keeps the place. */
        result = mknodat(work->parent, work->base, S_IFREG | 0600, 0);
    if (result < 0)
        return fail_errno(work, "cannot make it");
    return set_metadata_at(work, inode);
}

/* Metadata of folders are set at the end: what goes into them changes their time, and their mode may keep us out. */
static int make_dir(struct work *work, const struct tar_entry *from, struct inode *inode)
{
    (void)from;
    (void)inode;
    return mkdirat(work->parent, work->base, 0700) < 0 ? fail_errno(work, "cannot make it") : 0;
}

static const struct {
    enum tar_type type;
    enum entry_type is;
    int (*make)(struct work *work, const struct tar_entry *from, struct inode *inode);
} makers[] = {
    {TAR_FILE, ENTRY_FILE, make_file},      {TAR_DIR, ENTRY_DIR, make_dir},         {TAR_SYMLINK, ENTRY_SYMLINK, make_symlink},
    {TAR_CHAR, ENTRY_CHAR, make_special},   {TAR_BLOCK, ENTRY_BLOCK, make_special}, {TAR_FIFO, ENTRY_FIFO, make_special},
};

/* --- entries --- */

static int remove_old(struct work *work)
{
    /* The parent that is kept open may be what goes away. */
    if (tree_remove_at(work->parent, work->base) < 0)
        return fail_errno(work, "cannot replace what was there");
    return 0;
}

static struct inode *inode_of(struct work *work, const struct tar_entry *from, enum entry_type type)
{
    struct inode *inode = new_inode(work, type);
    inode->entry->mode = from->mode;
    inode->entry->uid = from->uid;
    inode->entry->gid = from->gid;
    inode->mtime = from->mtime;
    return take_xattrs(work, from, inode) < 0 ? NULL : inode;
}

/* S27: what stands for the root is a folder or nothing. */
static int take_root(struct work *work, const struct tar_entry *from)
{
    if (from->type != TAR_DIR)
        return fail(work, "the root must be a folder");
    struct node *old = nodes_find(work->nodes, "");
    struct inode *inode = inode_of(work, from, old && old->inode->entry->type == ENTRY_OPAQUE ? ENTRY_OPAQUE : ENTRY_DIR);
    if (!inode)
        return -1;
    nodes_put(work->nodes, "", inode);
    return 0;
}

static int take_opaque(struct work *work)
{
    struct node *folder = nodes_find(work->nodes, work->parent_path);
    if (!folder) {
        /* Only the root may be there without an entry of its own. */
        struct inode *inode = new_inode(work, ENTRY_OPAQUE);
        inode->entry->mode = 0755;
        nodes_put(work->nodes, "", inode);
        return 0;
    }
    folder->inode->entry->type = ENTRY_OPAQUE;
    return 0;
}

/* Deletions mean lower layers alone: what this one brings stays, and a folder that it brings hides the one that was deleted. */
static int take_whiteout(struct work *work, const char *target)
{
    size_t parent_len = strlen(work->parent_path);
    char path[TAR_NAME_MAX];
    snprintf(path, sizeof path, "%.*s%s%s", (int)parent_len, work->parent_path, parent_len ? "/" : "", target);
    struct node *old = nodes_find(work->nodes, path);
    if (old) {
        if (is_folder(old->inode))
            old->inode->entry->type = ENTRY_OPAQUE;
        return 0;
    }
    if (whiteout_make_at(work->parent, target) < 0)
        return fail_errno(work, "cannot make the deletion");
    nodes_put(work->nodes, path, new_inode(work, ENTRY_WHITEOUT));
    return 0;
}

/* The reference cuts "a/../b" of an archive as text; what is left of it must not climb. */
static const char *clean_name(struct work *work, const char *name, char *clean)
{
    if (work->unpack->is_archive)
        name = path_clean_go(nodes_arena(work->nodes), span_of(name));
    return tar_clean_name(name, clean);
}

/* A hard link of an archive has metadata of its own, which become those of the file. */
static int take_link_metadata(struct work *work, const struct tar_entry *from, struct inode *inode)
{
    if (inode->entry->type != ENTRY_SYMLINK)
        inode->entry->mode = from->mode;
    inode->entry->uid = from->uid;
    inode->entry->gid = from->gid;
    inode->mtime = from->mtime;
    return set_metadata_at(work, inode);
}

/* S22: the target is one of this layer's own files, and no folder. */
static int take_hardlink(struct work *work, const struct tar_entry *from)
{
    char name[TAR_NAME_MAX], path[TAR_NAME_MAX];
    const char *why = clean_name(work, from->link, name);
    if (!why)
        why = nodes_resolve(work->nodes, name, path);
    if (why)
        return fail(work, why);
    struct node *first = nodes_find(work->nodes, path);
    if (!first || is_folder(first->inode) || first->inode->entry->type == ENTRY_WHITEOUT)
        return fail(work, "is a hard link to something that is no file of this layer");
    struct node *old = nodes_find(work->nodes, work->path);
    if (old && old->inode == first->inode)
        return 0;
    if (old && remove_old(work) < 0)
        return -1;
    char *last = strrchr(path, '/');
    if (last)
        *last = 0;
    autoclose int parent = open_folder(work, last ? path : "");
    if (parent < 0 || linkat(parent, last ? last + 1 : path, work->parent, work->base, 0) < 0)
        return fail_errno(work, "cannot make the hard link");
    nodes_put(work->nodes, work->path, first->inode);
    return work->unpack->is_archive ? take_link_metadata(work, from, first->inode) : 0;
}

static int take_file(struct work *work, const struct tar_entry *from)
{
    size_t row = 0;
    while (makers[row].type != from->type)
        row++;
    struct node *old = nodes_find(work->nodes, work->path);
    bool stays = old && is_folder(old->inode) && from->type == TAR_DIR;
    bool hides_lower = old && (old->hides_lower || old->inode->entry->type == ENTRY_OPAQUE);
    struct inode *inode = inode_of(work, from, makers[row].is);
    if (!inode)
        return -1;
    if (from->type == TAR_DIR && hides_lower)
        inode->entry->type = ENTRY_OPAQUE;
    if (!stays && ((old && remove_old(work) < 0) || makers[row].make(work, from, inode) < 0))
        return -1;
    nodes_put(work->nodes, work->path, inode);
    return 0;
}

static int check_size(struct work *work, const struct tar_entry *from)
{
    if (++work->entries > ENTRIES_MAX)
        return fail(work, "the archive has too many entries");
    if (from->size > INT64_MAX / 2 - work->bytes)
        return fail(work, "the archive is too large");
    work->bytes += from->size;
    if (work->bytes > free_bytes && work->bytes / RATIO_MAX > work->unpack->packed)
        return fail(work, "the archive unpacks to more than 200 times its size");
    return 0;
}

static int take_entry(struct work *work, const struct tar_entry *from)
{
    const char *target = NULL;
    snprintf(work->name, sizeof work->name, "%s", from->name);
    if (check_size(work, from) < 0)
        return -1;
    char clean[TAR_NAME_MAX];
    const char *why = clean_name(work, from->name, clean);
    if (why)
        return fail(work, why);
    strcpy(work->name, clean);
    if (!*work->name)
        return take_root(work, from);
    if (!work->unpack->is_archive && whiteout_is_aufs(work->name))
        return 0;
    if (enter_parent(work) < 0)
        return -1;
    switch (work->unpack->is_archive ? WHITEOUT_NONE : whiteout_parse(work->base, &target)) {
    case WHITEOUT_BAD:
        return fail(work, "deletes nothing that could have a name");
    case WHITEOUT_OPAQUE:
        return take_opaque(work);
    case WHITEOUT_NAME:
        return take_whiteout(work, target);
    case WHITEOUT_NONE:
        break;
    }
    return from->type == TAR_HARDLINK ? take_hardlink(work, from) : take_file(work, from);
}

/* --- the end --- */

static int finish_folder(struct work *work, const struct node *node)
{
    snprintf(work->name, sizeof work->name, "%s", node->path);
    autoclose int fd = path_open_in(work->unpack->fs, *node->path ? node->path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0)
        return fail_errno(work, "cannot open the folder");
    if (node->inode->entry->type == ENTRY_OPAQUE && whiteout_make_opaque(fd, work->unpack->is_root) < 0)
        return fail_errno(work, "cannot mark the folder as opaque");
    return set_metadata(work, fd, node->inode);
}

/* Children before parents: a parent's mode may keep us out. */
static int finish_folders(struct work *work, struct node **sorted, size_t count)
{
    for (size_t i = count; i-- > 0;) {
        if (is_folder(sorted[i]->inode) && finish_folder(work, sorted[i]) < 0)
            return -1;
    }
    if (nodes_find(work->nodes, ""))
        return 0;
    struct inode *root = new_inode(work, ENTRY_DIR);
    root->entry->mode = 0755;
    struct node node = {.path = "", .inode = root};
    return finish_folder(work, &node);
}

static void write_listing(struct node **sorted, size_t count, bool is_archive, struct buf *listing)
{
    static const struct entry_xattr unnamed = {LIST_UNNAMED, ""};
    struct list_builder *builder = list_builder_new();
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = sorted[i]->inode->entry;
        if (!entry->path)
            entry->path = sorted[i]->path;
        struct entry named = *entry;
        named.path = sorted[i]->path;
        /* Other files than regular ones are listed whole under each name. */
        if (entry->type == ENTRY_FILE && entry->path != sorted[i]->path) {
            named.type = ENTRY_HARDLINK;
            named.target = entry->path;
        }
        if (is_archive && sorted[i]->inode->is_unnamed) {
            named.xattrs = &unnamed;
            named.xattr_count = 1;
        }
        list_builder_add(builder, &named);
    }
    struct digest digest;
    list_builder_finish(builder, listing, &digest);
}

char *unpack_layer(const struct unpack *unpack, struct tar_reader *tar, struct buf *listing)
{
    struct work work = {.unpack = unpack, .tar = tar, .nodes = nodes_new(), .parent = -1};
    struct tar_entry entry;
    int more;
    while ((more = tar_next(tar, &entry)) > 0) {
        if (take_entry(&work, &entry) < 0)
            break;
    }
    /* Of an archive nothing counts behind the end of the tar: a gzip trailer may be missing, as in the reference. */
    if (!work.error && (more < 0 || (!unpack->is_archive && tar_drain(tar) < 0)))
        work.error = xstrdup(tar_error(tar));
    if (!work.error) {
        size_t count;
        struct node **sorted = nodes_sorted(work.nodes, &count);
        if (finish_folders(&work, sorted, count) == 0)
            write_listing(sorted, count, unpack->is_archive, listing);
    }
    if (work.parent >= 0)
        close(work.parent);
    nodes_free(work.nodes);
    return work.error;
}
