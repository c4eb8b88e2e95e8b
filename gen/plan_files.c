/*
 * Owns the files that a plan comes to: kept in memory until everything is known to be right, then written, each only when it changed;
 * and the removal of those that an earlier plan left. Must not know what they say.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan.h"
#include "gen/plan_state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"

enum { HELD_MAX = 4 * 1024 * 1024 };

struct outgoing {
    const char *path;
    struct buf text;        /* empty: it lies in the spool */
    int64_t at;
    size_t len;
};

/* Many stages come to a great deal of text: what memory should not hold waits in a file without a name. */
struct outbox {
    struct arena *arena;
    VEC(struct outgoing) files;
    size_t held;            /* bytes of memory, what buffers have to spare among them */
    int spool;              /* -1: none, yet */
    int64_t spooled;
};

struct outbox *outbox_new(struct arena *arena)
{
    struct outbox *outbox = arena_alloc(arena, sizeof *outbox);
    outbox->arena = arena;
    outbox->spool = -1;
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->files.count; i++)
        buf_free(&outbox->files.items[i].text);
    vec_free(&outbox->files);
    fd_close_scope(&outbox->spool);
}

/* False: it stays in memory. */
static bool put_into_spool(struct outbox *outbox, const struct buf *text)
{
    if (outbox->spool < 0)
        outbox->spool = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return outbox->spool >= 0 && fd_write_all(outbox->spool, text->data, text->len) == 0;
}

void outbox_add(struct outbox *outbox, const char *path, struct buf *text)
{
    struct outgoing file = {.path = path, .at = outbox->spooled, .len = text->len};
    outbox->held += text->room;
    if (outbox->held > HELD_MAX && text->len && put_into_spool(outbox, text)) {
        outbox->spooled += (int64_t)text->len;
        outbox->held -= text->room;
        buf_free(text);
    } else {
        file.text = *text;
        *text = (struct buf){0};
    }
    vec_push(&outbox->files, file);
}

static void get_from_spool(const struct outbox *outbox, struct outgoing *file)
{
    buf_room(&file->text, file->len + 1);
    if (fd_pread_all(outbox->spool, file->text.data, file->len, file->at) < 0)
        die("cannot read back %s:", file->path);
    file->text.len = file->len;
    file->text.data[file->len] = 0;
}

void outbox_add_json(struct outbox *outbox, const char *path, const json_t *value)
{
    struct buf text = {0};
    json_write(value, &text);
    outbox_add(outbox, path, &text);
}

void outbox_drop(struct outbox *outbox, const char *folder)
{
    size_t kept = 0, len = strlen(folder);
    for (size_t i = 0; i < outbox->files.count; i++) {
        struct outgoing *file = &outbox->files.items[i];
        if (!strncmp(file->path, folder, len) && file->path[len] == '/')
            buf_free(&file->text);
        else
            outbox->files.items[kept++] = *file;
    }
    outbox->files.count = kept;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct outgoing *)a)->path, ((const struct outgoing *)b)->path);
}

/* The folder that the last file went to. */
struct folder {
    const char *path;
    bool is_new;        /* made just now */
};

static void enter_folder_of(struct arena *arena, const char *path, struct folder *folder)
{
    size_t len = (size_t)(path_base(path) - path);
    if (folder->path && strlen(folder->path) == len && !strncmp(folder->path, path, len))
        return;
    folder->path = arena_strndup(arena, path, len);
    folder->is_new = len && mkdir(folder->path, 0777) == 0;
    if (!folder->is_new && dir_make_at(AT_FDCWD, folder->path, 0777) < 0)
        die("cannot make the folder %s in the build folder:", folder->path);
}

/* Sorted: the first file that is not before path. */
static size_t find_file(const struct outbox *outbox, const char *path)
{
    size_t low = 0, high = outbox->files.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(outbox->files.items[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/*
 * ".dfgen/production/3" of ".dfgen/production/3.layer": what the files of one step have in common. What an export that
 * has no step file of its own leaves is of the file of exports.
 */
static const char *step_of(struct arena *arena, const char *path)
{
    const char *base = path_base(path);
    if (!strncmp(base, "to-", 3))
        return arena_printf(arena, "%.*sexports", (int)(base - path), path);
    return arena_strndup(arena, path, (size_t)(base - path) + strcspn(base, "."));
}

/* Step files and lists are those that are written; what else there is of a step (stamp, log) stays with it. */
static bool is_wanted(const struct outbox *outbox, struct arena *arena, const char *path)
{
    const char *end = strrchr(path_base(path), '.');
    bool is_written = end && (!strcmp(end, ".json") || !strcmp(end, ".list"));
    const char *name = is_written ? path : step_of(arena, path);
    size_t len = strlen(name);
    for (size_t i = find_file(outbox, name); i < outbox->files.count; i++) {
        const char *file = outbox->files.items[i].path;
        if (strncmp(file, name, len) != 0)
            break;
        if (file[len] == (is_written ? 0 : '.'))
            return true;
    }
    return false;
}

static bool is_ours(const char *name)
{
    static const char *const named[] = {"config.json", "exports.json", "image.json", "index.json", "layer.json",
                                        "places.json", "settings.json"};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (!strcmp(name, named[i]))
            return true;
    static const char *const beginnings[] = {"output-", "joined-", "to-", "push.", "load."};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (!strncmp(name, beginnings[i], strlen(beginnings[i])))
            return true;
    return isxdigit((unsigned char)*name);
}

/* Of a stage, an image, a platform: not what images are written to, nor another graph's state (@PREFIX). */
static bool is_step_folder(int dir, const struct dirent *entry)
{
    static const char *const others[] = {"images", "docker", "tar", "rootfs", "bundle", "squashfs", "bin"};
    struct stat st;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(entry->d_name, others[i]))
            return false;
    if (*entry->d_name == '.' || *entry->d_name == '@' || entry->d_type == DT_REG)
        return false;
    return fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* "output-1-image.layout": what a step made is a folder. */
static bool is_layout(const char *name)
{
    const char *end = strrchr(name, '.');
    return end && !strcmp(end, ".layout") && (!strncmp(name, "output-", 7) || !strncmp(name, "joined-", 7));
}

/* Steps that the Dockerfile no longer has leave no files behind, their stamps and logs neither. */
static void sweep_folder(const struct outbox *outbox, const char *folder)
{
    struct arena scratch = {0};
    DIR *dir = opendir(folder);
    bool is_empty = true;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        const char *path = path_join(&scratch, folder, entry->d_name);
        if (is_layout(entry->d_name) && is_wanted(outbox, &scratch, path))
            is_empty = false;
        else if (is_layout(entry->d_name))
            tree_remove_at(AT_FDCWD, path);
        else if (is_step_folder(dirfd(dir), entry))
            sweep_folder(outbox, path);
        else if (is_ours(entry->d_name) && !is_wanted(outbox, &scratch, path))
            unlink(path);
        else
            is_empty = false;
    }
    if (dir)
        closedir(dir);
    if (is_empty)
        rmdir(folder);
    arena_free(&scratch);
}

typedef VEC(const char *) folder_list;

/* Folders of steps that are there before anything is written: of a build folder that is new, none. */
static folder_list find_old(struct arena *arena, const char *state)
{
    folder_list folders = {0};
    DIR *dir = opendir(state);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (is_step_folder(dirfd(dir), entry))
            vec_push(&folders, path_join(arena, state, entry->d_name));
    if (dir)
        closedir(dir);
    return folders;
}

/*
 * In a new folder a file is written in place, which costs half of writing beside it and renaming: what a killed dfgen
 * leaves half written is found out by comparing, next time, before any build.ninja names it.
 */
static int write_file(const struct outgoing *file, bool is_new)
{
    autoclose int fd = is_new ? open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
    if (fd >= 0)
        return fd_write_all(fd, buf_text(&file->text), file->text.len);
    return file_write_if_changed_at(AT_FDCWD, file->path, buf_text(&file->text), file->text.len, NULL);
}

void outbox_flush(struct outbox *outbox, const char *state)
{
    if (outbox->files.count)
        qsort(outbox->files.items, outbox->files.count, sizeof *outbox->files.items, compare_files);
    folder_list old = find_old(outbox->arena, state);
    struct folder folder = {0};
    for (size_t i = 0; i < outbox->files.count; i++) {
        struct outgoing *file = &outbox->files.items[i];
        enter_folder_of(outbox->arena, file->path, &folder);
        if (!file->text.len && file->len)
            get_from_spool(outbox, file);
        if (write_file(file, folder.is_new) < 0)
            die("cannot write %s:", file->path);
        buf_free(&file->text);
    }
    for (size_t i = 0; i < old.count; i++)
        sweep_folder(outbox, old.items[i]);
    vec_free(&old);
}
