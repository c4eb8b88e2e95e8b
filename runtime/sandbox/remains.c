/*
 * Owns failed/ of the store. Called by dfgen-run, which fills it, and by dfgen-shell. Must not know what runs.
 */
#include "runtime/sandbox/remains.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/commit.h"
#include "runtime/lib/copytree.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/step.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/vec.h"

enum { KEPT = 16, NAME = 40 };

/* One folder of failed/, with its age. */
struct remains {
    char name[NAME];
    struct timespec time;
};

static const char *note_path(const struct step *step)
{
    return arena_printf(step->arena, "%s.failed", step->base);
}

/* "root-0123456789abcdef": owners on disk differ by mode, and so does who may remove it. */
static bool is_ours(const struct step *step, const char *name)
{
    const char *mode = id_mode_names[step->store.mode];
    size_t len = strlen(mode);
    return !strncmp(name, mode, len) && name[len] == '-' && strlen(name) == len + 17 &&
           strspn(name + len + 1, "0123456789abcdef") == 16;
}

/* The name that the note has; NULL when there is none that could be one. */
static const char *noted(const struct step *step)
{
    struct buf text = {0};
    const char *name = NULL;
    if (file_read_at(AT_FDCWD, note_path(step), &text, NAME) == 0 && text.len && text.data[text.len - 1] == '\n') {
        name = arena_strndup(step->arena, text.data, text.len - 1);
        if (strlen(name) != text.len - 1 || !is_ours(step, name))
            name = NULL;
    }
    buf_free(&text);
    return name;
}

static int open_folder(const struct step *step, const char *name)
{
    return openat(step->store.dir, arena_printf(step->arena, "failed/%s", name),
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Unless somebody looks at it just now. */
static void discard(struct step *step, const char *name)
{
    autoclose int dir = open_folder(step, name);
    if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0)
        tree_remove_at(step->store.dir, arena_printf(step->arena, "failed/%s", name));
}

static int newest_first(const void *a, const void *b)
{
    const struct timespec *x = &((const struct remains *)a)->time, *y = &((const struct remains *)b)->time;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? 1 : -1;
    return x->tv_nsec < y->tv_nsec ? 1 : x->tv_nsec > y->tv_nsec ? -1 : 0;
}

static void discard_oldest(struct step *step)
{
    VEC(struct remains) all = {0};
    autoclose int failed = openat(step->store.dir, "failed", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = failed < 0 ? NULL : fdopendir(fcntl(failed, F_DUPFD_CLOEXEC, 0));
    if (!stream)
        return;
    for (struct dirent *entry; (entry = readdir(stream));) {
        struct remains one;
        struct stat st;
        if (!is_ours(step, entry->d_name) || fstatat(failed, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        memcpy(one.name, entry->d_name, strlen(entry->d_name) + 1);
        one.time = st.st_mtim;
        vec_push(&all, one);
    }
    closedir(stream);
    if (all.count)
        qsort(all.items, all.count, sizeof *all.items, newest_first);
    for (size_t i = KEPT; i < all.count; i++)
        discard(step, all.items[i].name);
    vec_free(&all);
}

/* By name where that can be: a scratch folder lies on a file system of its own. The listing is all or nothing, as the files are. */
static int move_parts(struct step *step, const struct store_tmp *tmp, const char *folder)
{
    const char *fs = arena_printf(step->arena, "%s/fs", folder), *list = arena_printf(step->arena, "%s/list", folder);
    if (renameat(tmp->dir, "layer/fs", step->store.dir, fs) < 0 &&
        (errno != EXDEV || tree_copy_at(tmp->dir, "layer/fs", step->store.dir, fs) < 0))
        return -1;
    return renameat(tmp->dir, "layer/list", step->store.dir, list) == 0 ||
           (errno == EXDEV && file_link_or_copy_at(tmp->dir, "layer/list", step->store.dir, list, 0444) == 0) ? 0 : -1;
}

/* "tmp/NAME" of the work folder is a name that nobody else has. */
void remains_keep(struct step *step, const struct store_tmp *tmp, const struct commit_source *source)
{
    if (commit_settle(tmp, "layer", source, NULL) < 0)
        return;
    const char *name = arena_printf(step->arena, "%s-%s", id_mode_names[step->store.mode], tmp->name + strlen("tmp/"));
    const char *folder = arena_printf(step->arena, "failed/%s", name), *old = noted(step);
    if (old)
        discard(step, old);
    if ((mkdirat(step->store.dir, "failed", 0700) < 0 && errno != EEXIST) || mkdirat(step->store.dir, folder, 0700) < 0)
        return;
    const char *note = arena_printf(step->arena, "%s\n", name);
    if (move_parts(step, tmp, folder) < 0 ||
        file_write_at(AT_FDCWD, note_path(step), note, strlen(note), 0644) < 0)
        tree_remove_at(step->store.dir, folder);
    discard_oldest(step);
}

void remains_drop(struct step *step)
{
    if (access(note_path(step), F_OK) < 0)
        return;
    const char *name = noted(step);
    if (name)
        discard(step, name);
    unlink(note_path(step));
}

const char *remains_find(const struct step *step, struct tree *tree, int *lock)
{
    const char *name = noted(step);
    *lock = name ? open_folder(step, name) : -1;
    if (*lock < 0 || flock(*lock, LOCK_SH) < 0)
        return NULL;
    autoclose int fs = openat(*lock, "fs", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct list *list = fs < 0 ? NULL : list_open_at(*lock, "list", NULL);
    if (!list)
        return NULL;
    tree_add_layer(tree, list, fd_take(&fs));
    return arena_printf(step->arena, "failed/%s/fs", name);
}
