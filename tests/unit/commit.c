/*
 * What commit_layer takes for a change: each row makes a lower layer and an upper folder out of words, and compares the listing (without digests) and
 * what is left on disk. Guards against layers that hold what did not change, and against on-disk marks that the listing does not have.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/commit.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"
#include "tests/unit/unit.h"

/*
 * A tree as words: "d:NAME[:MODE]" folder, "D:NAME" opaque, "f:NAME:CONTENT[:MODE]", "l:NAME:TARGET", "h:NAME:OTHER", "w:NAME" whiteout,
 * "p:NAME" fifo, "s:NAME" socket's place (a real one), "t:NAME" time set to a later one.
 */
static const struct {
    const char *about, *lower, *upper, *list, *left;
} rows[] = {
    {"nothing", "", "", "", ""},
    {"new file", "", "f:a:x", "a f", "a"},
    {"copied up and back", "f:a:x", "f:a:x", "", ""},
    {"other content, same size and time", "f:a:x", "f:a:y", "a f", "a"},
    {"touched", "f:a:x", "f:a:x t:a", "a f", "a"},
    {"mode", "f:a:x:0644", "f:a:x:0600", "a f", "a"},
    {"folder for nothing", "d:d f:d/a:x", "d:d", "", ""},
    {"folder for a copy", "d:d d:d/e f:d/e/a:x", "d:d d:d/e f:d/e/a:x", "", ""},
    {"folder's time", "d:d", "d:d t:d", "", ""},
    {"folder's mode", "d:d:0755", "d:d:0700", "d d", "d"},
    {"parents are listed", "d:d d:d/e", "d:d d:d/e f:d/e/a:x", "d d,d/e d,d/e/a f", "d d/e d/e/a"},
    {"one of two stays", "d:d f:d/a:x", "d:d f:d/a:x f:d/b:y", "d d,d/b f", "d d/b"},
    {"whiteout", "f:a:x", "w:a", "a w", "a"},
    {"whiteout of nothing", "", "w:a", "", ""},
    {"whiteout below", "d:d f:d/a:x", "d:d w:d/a", "d d,d/a w", "d d/a"},
    {"opaque over a folder", "d:d f:d/a:x", "D:d f:d/b:y", "d D,d/b f", "d d/b"},
    {"opaque and empty", "d:d f:d/a:x", "D:d", "d D", "d"},
    {"opaque with the same file", "d:d f:d/a:x", "D:d f:d/a:x", "d D,d/a f", "d d/a"},
    {"opaque over nothing", "", "D:d f:d/b:y", "d d,d/b f", "d d/b"},
    {"opaque over a file", "f:d:x", "D:d", "d d", "d"},
    {"whiteout in an opaque folder", "d:d f:d/a:x", "D:d w:d/a", "d D", "d"},
    {"folder becomes a file", "d:d f:d/a:x", "f:d:x", "d f", "d"},
    {"link kept", "l:l:t", "l:l:t", "", ""},
    {"link elsewhere", "l:l:t", "l:l:u", "l l", "l"},
    {"two names", "", "f:b:x h:a:b", "a f,b h", "a b"},
    {"second name of a lower file", "f:a:x", "f:a:x h:b:a", "b f", "b"},
    {"second name before it", "f:b:x", "f:b:x h:a:b", "a f", "a"},
    {"socket", "", "s:a f:b:x", "b f", "b"},
    {"fifo", "", "p:a", "a p", "a"},
    {"order of bytes", "", "d:a f:a/b:x f:a.b:x", "a d,a.b f,a/b f", "a a.b a/b"},
};

static void set_time(int dir, const char *name, time_t when)
{
    struct timespec times[2] = {{when, 5}, {when, 5}};
    utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
}

static void mark_opaque(int dir, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dir, name);
    if (setxattr(path, "user.overlay.opaque", "y", 1, 0) < 0)
        unit_skip("no user xattrs here");
}

static void make_socket(int dir, const char *name)
{
    if (mknodat(dir, name, S_IFSOCK | 0755, 0) < 0)
        unit_skip("cannot make a socket here");
}

/* One word; fields are cut out of it. */
static void make(int dir, char *word)
{
    char *save = NULL;
    char *kind = strtok_r(word, ":", &save), *name = strtok_r(NULL, ":", &save);
    char *third = strtok_r(NULL, ":", &save), *fourth = strtok_r(NULL, ":", &save);
    if (*kind == 'd' || *kind == 'D') {
        mkdirat(dir, name, 0755);
        fchmodat(dir, name, third ? (mode_t)strtoul(third, NULL, 8) : 0755, 0);
        if (*kind == 'D')
            mark_opaque(dir, name);
    } else if (*kind == 'f') {
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        fd_write_all(fd, third, strlen(third));
        fchmod(fd, fourth ? (mode_t)strtoul(fourth, NULL, 8) : 0644);
        close(fd);
    } else if (*kind == 'l') {
        symlinkat(third, dir, name);
    } else if (*kind == 'h') {
        linkat(dir, third, dir, name, 0);
    } else if (*kind == 'w') {
        if (mknodat(dir, name, S_IFCHR, makedev(0, 0)) < 0)
            unit_skip("cannot make a whiteout here");
    } else if (*kind == 'p') {
        mkfifoat(dir, name, 0644);
    } else if (*kind == 's') {
        make_socket(dir, name);
    }
    set_time(dir, name, *kind == 't' ? 2000 : 1000);
}

static void make_all(int dir, const char *words)
{
    char text[512], *save = NULL;
    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        make(dir, word);
}

/* "PATH TYPE,PATH TYPE" of a layer in the store. */
static void listing(const struct store *store, const char *id, struct buf *out)
{
    struct arena arena = {0};
    int layer = store_layer_open(store, id);
    struct list *list = layer < 0 ? NULL : list_open_at(layer, "list", NULL);
    for (size_t i = 0; list && i < list_count(list); i++) {
        struct entry entry;
        list_entry(list, i, &arena, &entry);
        buf_printf(out, "%s%s %c", out->len ? "," : "", entry.path, entry.type);
    }
    list_close(list);
    close(layer);
    arena_free(&arena);
}

/* Entries of a folder and all below. */
static int count_all(int dir)
{
    int count = 0;
    DIR *stream = fdopendir(dir);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        count++;
        int below = openat(dirfd(stream), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            count += count_all(below);
    }
    closedir(stream);
    return count;
}

static int count_entries(int fs, const char *words)
{
    char text[512], *save = NULL;
    int found = 0;
    snprintf(text, sizeof text, "%s", words);
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        struct stat st;
        found += fstatat(fs, word, &st, AT_SYMLINK_NOFOLLOW) == 0;
    }
    return found;
}

static int count_words(const char *words)
{
    int count = 0;
    for (const char *at = words; *at; at++)
        count += *at != ' ' && (at == words || at[-1] == ' ');
    return count;
}

/* Commit words as a layer on lower. */
static bool commit(struct store *store, const struct tree *lower, const char *words, char id[COMMIT_ID])
{
    struct store_tmp tmp;
    char *where = NULL;
    if (!UNIT_INT(0, store_tmp_make(store, &tmp)))
        return false;
    mkdirat(tmp.dir, "layer", 0755);
    mkdirat(tmp.dir, "layer/fs", 0755);
    int fs = openat(tmp.dir, "layer/fs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_all(fs, words);
    close(fs);
    bool is_done = UNIT_INT(0, commit_layer(store, &tmp, "layer", &(struct commit_source){.lower = lower}, id, &where));
    free(where);
    store_tmp_drop(store, &tmp);
    return is_done;
}

static void check(struct store *store, size_t row)
{
    struct tree *empty = tree_new();
    char lower_id[COMMIT_ID], id[COMMIT_ID];
    unit_row("%s", rows[row].about);
    if (commit(store, empty, rows[row].lower, lower_id)) {
        const char *ids[] = {lower_id}, *missing;
        struct tree *lower = store_tree(store, ids, 1, &missing);
        if (UNIT_TRUE(lower != NULL) && commit(store, lower, rows[row].upper, id)) {
            struct buf list = {0};
            char name[80], path[128];
            listing(store, id, &list);
            UNIT_STR(rows[row].list, buf_text(&list));
            buf_free(&list);
            store_layer_name(id, name);
            snprintf(path, sizeof path, "%s/fs", name);
            int fs = openat(store->layers, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            UNIT_INT(count_words(rows[row].left), count_entries(fs, rows[row].left));
            UNIT_INT(count_words(rows[row].left), count_all(openat(fs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
            snprintf(path, sizeof path, "/proc/self/fd/%d/d", fs);
            char value;
            bool is_listed = strstr(rows[row].list, "d D") != NULL;
            UNIT_INT(is_listed, getxattr(path, "user.overlay.opaque", &value, 1) == 1);
            close(fs);
        }
        tree_free(lower);
    }
    tree_free(empty);
}

int main(void)
{
    struct store store;
    if (store_open(&store, "store", MODE_ROOT) < 0)
        unit_skip("cannot make a store here");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(&store, i);
    store_close(&store);
    return unit_end();
}
