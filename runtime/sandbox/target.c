/*
 * Owns the walk to a mount's target, one component at a time, and the memory of what had to be made on the way. Called by the sandbox before
 * the payload exists and after it is gone; but folders that other builds share (cache mounts) may change meanwhile, so no
 * name is looked up twice: each component is opened as what it is, then looked at.
 * Stubs are removed by the descriptor of their parent, never by path: the payload may have put a link in its place.
 */
#include "runtime/sandbox/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"
#include "runtime/sandbox/owners.h"

enum { MAX_LINKS = 40, MAX_CLOSED = 4 };

struct stub {
    int parent, self;   /* O_PATH */
    const char *name;
    bool is_folder;
};

struct targets {
    int root;
    dev_t device;           /* of the root: stubs elsewhere are nobody's concern */
    VEC(struct stub) stubs;
    struct stat closed[MAX_CLOSED];
    int closed_count;
    struct arena arena;
};

struct walk {
    struct targets *targets;
    const struct target_make *make;
    int at;                 /* the folder so far */
    const char *real;       /* its path below the root, without links */
    const char *rest;       /* still to go */
    int links;
};

struct targets *targets_new(int root)
{
    struct targets *targets = calloc(1, sizeof *targets);
    struct stat st;
    if (!targets || fstat(root, &st) < 0) {
        free(targets);
        return NULL;
    }
    targets->root = root;
    targets->device = st.st_dev;
    return targets;
}

void targets_close_folder(struct targets *targets, int folder)
{
    if (targets->closed_count < MAX_CLOSED && fstat(folder, &targets->closed[targets->closed_count]) == 0)
        targets->closed_count++;
}

static bool is_closed(const struct targets *targets, const struct stat *st)
{
    for (int i = 0; i < targets->closed_count; i++)
        if (targets->closed[i].st_ino == st->st_ino && targets->closed[i].st_dev == st->st_dev)
            return true;
    return false;
}

static void restore_times(int folder, const struct stat *st)
{
    /* utimensat knows no O_PATH descriptor, but "." below it. */
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    utimensat(folder, ".", times, AT_SYMLINK_NOFOLLOW);
}

static int make_folder(int at, const char *name, const struct target_make *make)
{
    if (mkdirat(at, name, make->mode) < 0)
        return -1;
    autoclose int made = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* Owner before mode: chown takes set-id bits away. */
    bool gives = make->owners || make->uid || make->gid;
    if (made < 0 || (gives && owners_give(make->owners, made, "", make->uid, make->gid) < 0) || fchmod(made, make->mode) < 0)
        return -1;
    return 0;
}

/* Make a missing component. It is remembered unless it stays. */
static int make_component(struct walk *walk, const char *name, bool is_last)
{
    struct stat parent;
    if (fstat(walk->at, &parent) < 0)
        return -1;
    if (is_closed(walk->targets, &parent)) {
        errno = EROFS;
        return -1;
    }
    bool is_folder = !is_last || walk->make->kind == TARGET_DIR;
    if (is_folder) {
        if (make_folder(walk->at, name, walk->make) < 0 && errno != EEXIST)
            return -1;
    } else {
        autoclose int made = openat(walk->at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (made < 0 && errno != EEXIST)
            return -1;
    }
    autoclose int self = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (self < 0)
        return -1;
    if (!walk->make->stays && parent.st_dev == walk->targets->device) {
        restore_times(walk->at, &parent);
        struct stub stub = {fcntl(walk->at, F_DUPFD_CLOEXEC, 0), fcntl(self, F_DUPFD_CLOEXEC, 0),
                            arena_strdup(&walk->targets->arena, name), is_folder};
        vec_push(&walk->targets->stubs, stub);
    }
    return fd_take(&self);
}

static void step_to(struct walk *walk, int fd, const char *real)
{
    close(walk->at);
    walk->at = fd;
    walk->real = real;
}

static int go_up(struct walk *walk)
{
    const char *slash = strrchr(walk->real, '/');
    const char *above = arena_strndup(&walk->targets->arena, walk->real, slash ? (size_t)(slash - walk->real) : 0);
    int fd = path_open_in(walk->targets->root, above, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    step_to(walk, fd, above);
    return 0;
}

static int follow(struct walk *walk, int link)
{
    char target[PATH_MAX];
    if (walk->make->no_links || ++walk->links > MAX_LINKS) {
        errno = ELOOP;
        return -1;
    }
    ssize_t len = readlinkat(link, "", target, sizeof target - 1);
    if (len <= 0) {
        errno = len < 0 ? errno : ENOENT;
        return -1;
    }
    target[len] = 0;
    if (*target == '/') {
        int fd = fcntl(walk->targets->root, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return -1;
        step_to(walk, fd, "");
    }
    walk->rest = arena_printf(&walk->targets->arena, "%s/%s", target, walk->rest);
    return 0;
}

/* The next component of walk->rest, cut off; NULL at the end. */
static const char *next_component(struct walk *walk)
{
    walk->rest += strspn(walk->rest, "/");
    size_t len = strcspn(walk->rest, "/");
    if (!len)
        return NULL;
    const char *name = arena_strndup(&walk->targets->arena, walk->rest, len);
    walk->rest += len;
    return name;
}

static int check_kind(const struct stat *st, enum target_kind kind)
{
    if (S_ISDIR(st->st_mode) == (kind == TARGET_DIR))
        return 0;
    errno = kind == TARGET_DIR ? ENOTDIR : EISDIR;
    return -1;
}

/* One component further: 0 there is more, 1 *found is the target, -1. */
static int advance(struct walk *walk, int *found)
{
    const char *name = next_component(walk);
    if (!name || !strcmp(name, "."))
        return name ? 0 : (*found = fcntl(walk->at, F_DUPFD_CLOEXEC, 0), *found < 0 ? -1 : 1);
    if (!strcmp(name, ".."))
        return go_up(walk);
    bool is_last = !walk->rest[strspn(walk->rest, "/")];
    autoclose int fd = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        fd = make_component(walk, name, is_last);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    if (S_ISLNK(st.st_mode))
        return follow(walk, fd);
    if (check_kind(&st, is_last ? walk->make->kind : TARGET_DIR) < 0)
        return -1;
    if (is_last) {
        *found = fd_take(&fd);
        return 1;
    }
    step_to(walk, fd_take(&fd), path_join(&walk->targets->arena, walk->real, name));
    return 0;
}

int targets_open(struct targets *targets, const char *path, const struct target_make *make)
{
    struct walk walk = {
        .targets = targets, .make = make, .rest = path, .real = "",
        .at = fcntl(targets->root, F_DUPFD_CLOEXEC, 0),
    };
    int found = -1, state = walk.at < 0 ? -1 : 0;
    while (state == 0)
        state = advance(&walk, &found);
    fd_close_scope(&walk.at);
    if (state < 0)
        return -1;
    struct stat st;
    if (fstat(found, &st) < 0 || check_kind(&st, make->kind) < 0) {
        fd_close_scope(&found);
        return -1;
    }
    return found;
}

static bool is_same(const struct stub *stub)
{
    struct stat made, named;
    return fstat(stub->self, &made) == 0 && fstatat(stub->parent, stub->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           made.st_ino == named.st_ino && made.st_dev == named.st_dev && (stub->is_folder || named.st_size == 0);
}

static void remove_stub(const struct stub *stub)
{
    struct stat parent;
    if (is_same(stub) && fstat(stub->parent, &parent) == 0 &&
        unlinkat(stub->parent, stub->name, stub->is_folder ? AT_REMOVEDIR : 0) == 0)
        restore_times(stub->parent, &parent);
}

void targets_end(struct targets *targets)
{
    if (!targets)
        return;
    for (size_t i = targets->stubs.count; i-- > 0;) {
        struct stub *stub = &targets->stubs.items[i];
        remove_stub(stub);
        close(stub->parent);
        close(stub->self);
    }
    vec_free(&targets->stubs);
    arena_free(&targets->arena);
    free(targets);
}
