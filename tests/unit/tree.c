/*
 * runtime/lib/tree.c, tree_resolve.c, tree_digest.c: the merged view is the one that overlayfs would show. Beside rows, random layers are
 * compared with a view made the slow way: applying layer upon layer to a plain table.
 */
#include "runtime/lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "tests/unit/unit.h"

/* "d usr", "f usr/x 5" (size, digest of the same), "l a -> b", "h a = b", "w a", "D a": one entry a word list. */
static void add(struct list_builder *builder, const char *text)
{
    char kind, path[200] = "", rest[200] = "", sign[8] = "";
    struct entry entry = {.path = path, .mode = 0755};
    if (!strncmp(text, "d .", 3) || !strncmp(text, "D .", 3))
        kind = text[0];
    else
        sscanf(text, "%c %199s %7s %199s", &kind, path, sign, rest);
    entry.type = (enum entry_type)kind;
    entry.target = rest;
    if (kind == 'f') {
        entry.size = atoi(sign);
        entry.digest = digest_of(sign, strlen(sign));
    }
    list_builder_add(builder, &entry);
}

static void add_layer(struct tree *tree, const char *const *entries)
{
    struct list_builder *builder = list_builder_new();
    struct buf text = {0};
    struct digest digest;
    const char *why = NULL;
    for (; *entries; entries++)
        add(builder, *entries);
    list_builder_finish(builder, &text, &digest);
    size_t len = text.len;
    struct list *list = list_from_text(buf_take(&text), len, &why);
    if (!list)
        printf("bad layer: %s\n", why);
    tree_add_layer(tree, list, -1);
}

#define LAYER(...) {__VA_ARGS__, NULL}

static const char *const base[] = LAYER("d bin", "f bin/sh 1", "d etc", "f etc/passwd 2", "d etc/a", "f etc/a/deep 3", "d lib", "f lib/x 4",
    "l link -> etc", "l abs -> /etc/a", "l up -> ../../../bin", "l loop1 -> loop2", "l loop2 -> loop1", "l chain -> abs/deep",
    "f first 5", "h second = first", "d etc-x", "f etc-x/f 1", "d gone", "f gone/f 1", "l dangling -> no/such", "l slash -> etc/",
    "l self -> .", "f implied/deep/file 1");
static const char *const upper[] = LAYER("f etc/passwd 22", "w etc/a", "D lib", "f lib/y 7", "w first", "f etc-x 9", "d gone",
    "w gone/f", "w bin/sh", "f new/sub/file 1");
static const char *const top[] = LAYER("d etc/a", "f etc/a/other 8", "w etc-x", "w nothing/here", "w implied/deep/file");

static struct tree *three_layers(void)
{
    struct tree *tree = tree_new();
    add_layer(tree, base);
    add_layer(tree, upper);
    add_layer(tree, top);
    return tree;
}

static void test_lookup(void)
{
    static const struct {
        const char *path;
        int type;       /* 0: nothing */
        int layer;
        int size;       /* files */
    } rows[] = {
        {"", 'd', 0, 0}, {"bin", 'd', 0, 0}, {"bin/sh", 0, 0, 0}, {"etc", 'd', 0, 0}, {"etc/passwd", 'f', 1, 22},
        {"etc/a", 'd', 2, 0}, {"etc/a/deep", 0, 0, 0}, {"etc/a/other", 'f', 2, 8}, {"lib", 'd', 1, 0}, {"lib/x", 0, 0, 0},
        {"lib/y", 'f', 1, 7}, {"first", 0, 0, 0}, {"second", 'f', 0, 5}, {"etc-x", 0, 0, 0}, {"etc-x/f", 0, 0, 0},
        {"gone", 'd', 1, 0}, {"gone/f", 0, 0, 0}, {"new", 'd', 1, 0}, {"new/sub", 'd', 1, 0}, {"new/sub/file", 'f', 1, 1},
        {"link", 'l', 0, 0}, {"link/passwd", 0, 0, 0}, {"nothing", 'd', 2, 0}, {"nothing/here", 0, 0, 0},
        {"implied", 'd', 2, 0}, {"implied/deep", 'd', 2, 0}, {"implied/deep/file", 0, 0, 0}, {"second/x", 0, 0, 0},
        {"bi", 0, 0, 0}, {"bin/", 0, 0, 0}, {"zzz/y/x", 0, 0, 0},
    };
    /* Forwards and backwards: what is remembered must not change what is found. */
    for (int turn = 0; turn < 2; turn++) {
        struct tree *tree = three_layers();
        for (size_t k = 0, count = sizeof rows / sizeof *rows; k < count; k++) {
            size_t i = turn ? count - 1 - k : k;
            struct arena arena = {0};
            struct tree_node node;
            struct entry entry;
            unit_row("look up %s", rows[i].path);
            bool found = tree_lookup(tree, &arena, rows[i].path, &node, &entry);
            if (UNIT_INT(rows[i].type != 0, found) && found) {
                UNIT_STR(rows[i].path, node.path);
                UNIT_STR(rows[i].path, entry.path);
                UNIT_INT(rows[i].type, entry.type);
                UNIT_INT(rows[i].layer, node.layer);
                if (rows[i].type == 'f')
                    UNIT_INT(rows[i].size, entry.size);
            }
            arena_free(&arena);
        }
        tree_free(tree);
    }
}

static void test_hard_link(void)
{
    struct tree *tree = three_layers();
    struct arena arena = {0};
    struct tree_node node;
    struct entry entry;
    unit_row("hard link whose first name is gone");
    if (UNIT_TRUE(tree_lookup(tree, &arena, "second", &node, &entry)))
        UNIT_STR("first", node.link_to);
    unit_row("no hard link");
    if (UNIT_TRUE(tree_lookup(tree, &arena, "lib/y", &node, &entry)))
        UNIT_TRUE(!node.link_to);
    arena_free(&arena);
    tree_free(tree);
}

static void test_children(void)
{
    static const struct {
        const char *path, *names;
    } rows[] = {
        {"", "abs bin chain dangling etc gone implied lib link loop1 loop2 new nothing second self slash up "}, {"bin", ""},
        {"etc", "a passwd "}, {"etc/a", "other "}, {"lib", "y "}, {"gone", ""}, {"new", "sub "}, {"none", ""}, {"second", ""},
        {"link", ""}, {"implied", "deep "}, {"implied/deep", ""},
    };
    struct tree *tree = three_layers();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct buf text = {0};
        const char *const *names;
        unit_row("children of %s", rows[i].path);
        size_t count = tree_children(tree, &arena, rows[i].path, &names);
        for (size_t k = 0; k < count; k++)
            buf_printf(&text, "%s ", names[k]);
        UNIT_STR(rows[i].names, buf_text(&text));
        buf_free(&text);
        arena_free(&arena);
    }
    tree_free(tree);
}

static void test_resolve(void)
{
    static const struct {
        const char *path;
        bool follow;
        const char *real;   /* NULL: error */
        int error;
    } rows[] = {
        {"", true, "", 0}, {"/", true, "", 0}, {"/bin/../etc//passwd", true, "etc/passwd", 0}, {"../../etc", true, "etc", 0},
        {"link/passwd", true, "etc/passwd", 0}, {"link", true, "etc", 0}, {"link", false, "link", 0}, {"link/", false, "etc", 0},
        {"link/.", false, "etc", 0}, {"abs", true, "etc/a", 0}, {"abs/..", true, "etc", 0}, {"abs/other", true, "etc/a/other", 0},
        {"up", true, "bin", 0}, {"loop1", true, NULL, ELOOP}, {"loop1", false, "loop1", 0}, {"loop1/x", false, NULL, ELOOP},
        {"chain", true, "etc/a/deep", 0}, {"dangling", true, "no/such", 0}, {"dangling/x/y", true, "no/such/x/y", 0},
        {"none/../link/passwd", true, "etc/passwd", 0}, {"etc/passwd/x", true, NULL, ENOTDIR}, {"etc/passwd/..", true, NULL, ENOTDIR},
        {"etc/passwd/", true, "etc/passwd", 0}, {"slash", true, "etc", 0}, {"self/self/self/etc", true, "etc", 0}, {".", true, "", 0},
    };
    struct tree *tree = three_layers();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        const char *out = NULL;
        unit_row("resolve %s%s", rows[i].path, rows[i].follow ? "" : " (not the last)");
        errno = 0;
        bool good = tree_resolve(tree, &arena, rows[i].path, rows[i].follow, &out);
        UNIT_INT(rows[i].real != NULL, good);
        if (good)
            UNIT_STR(rows[i].real, out);
        else
            UNIT_INT(rows[i].error, errno);
        arena_free(&arena);
    }
    tree_free(tree);
}

/* --- digests --- */

static void claim_digests(struct tree *a, const char *path_a, struct tree *b, const char *path_b, bool same)
{
    struct digest x, y;
    tree_digest(a, path_a, &x);
    tree_digest(b, path_b, &y);
    UNIT_INT(same, !memcmp(x.bytes, y.bytes, sizeof x.bytes));
}

static void test_digest(void)
{
    static const char *const flat[] = LAYER("d etc", "f etc/passwd 22", "d etc/a", "f etc/a/other 8", "d lib", "f lib/y 7", "f second 5");
    static const char *const other[] = LAYER("d etc", "f etc/passwd 22", "d etc/a", "f etc/a/other2 8", "d other", "f other/y 7", "f lib 7");
    struct tree *layered = three_layers(), *one = tree_new(), *two = tree_new();
    add_layer(one, flat);
    add_layer(two, other);
    unit_row("digest does not depend on layers");
    claim_digests(layered, "etc", one, "etc", true);
    claim_digests(layered, "lib", one, "lib", true);
    unit_row("digest of a hard link is the file's");
    claim_digests(layered, "second", one, "second", true);
    unit_row("digest depends on names");
    claim_digests(one, "etc", two, "etc", false);
    unit_row("digest does not depend on where it is");
    claim_digests(one, "lib", two, "other", true);
    unit_row("digest depends on the type");
    claim_digests(one, "lib", two, "lib", false);
    unit_row("nothing");
    claim_digests(one, "none", two, "nothing", true);
    claim_digests(one, "none", two, "lib", false);
    unit_row("a layer on top changes it");
    struct digest before, after;
    tree_digest(one, "", &before);
    add_layer(one, (const char *const[])LAYER("w lib/y"));
    tree_digest(one, "", &after);
    UNIT_TRUE(memcmp(before.bytes, after.bytes, sizeof before.bytes));
    tree_free(layered);
    tree_free(one);
    tree_free(two);
}

/* --- random layers against a plain table --- */

enum { NAMES = 4, DEPTH = 3, PATHS = NAMES + NAMES * NAMES + NAMES * NAMES * NAMES };

/* Path number i of the table; its parent is (i - NAMES) / NAMES, or the root below NAMES. */
static void make_path(int i, char *out)
{
    static const char *const names[NAMES] = {"a", "a-b", "a\\", "b"};
    char rest[60];
    if (i < NAMES) {
        strcpy(out, names[i]);
        return;
    }
    make_path(i / NAMES - 1, rest);
    sprintf(out, "%s/%s", rest, names[i % NAMES]);
}

static int parent(int i)
{
    return i < NAMES ? -1 : i / NAMES - 1;
}

static void hide_below(int *sizes, int top)
{
    for (int i = top + 1; i < PATHS; i++) {
        int above = i;
        while (above > top)
            above = parent(above);
        if (above == top)
            sizes[i] = 0;
    }
}

/* sizes: 0 nothing, -1 a folder, else a file of that size. Adds a random layer to both. */
static void random_layer(struct tree *tree, int *sizes, unsigned *seed)
{
    struct list_builder *builder = list_builder_new();
    int own[PATHS] = {0};
    for (int i = 0; i < PATHS; i++) {
        char path[60], line[100];
        int up = parent(i), dice = rand_r(seed) % 12;
        make_path(i, path);
        /* Entries only in folders that this layer has. */
        if (up >= 0 && own[up] != -1)
            continue;
        if (dice < 5) {
            bool is_opaque = dice == 0;
            if (is_opaque || sizes[i] > 0)
                hide_below(sizes, i);
            sizes[i] = own[i] = -1;
            snprintf(line, sizeof line, "%c %s", is_opaque ? 'D' : 'd', path);
        } else if (dice < 7) {
            hide_below(sizes, i);
            sizes[i] = own[i] = rand_r(seed) % 1000 + 1;
            snprintf(line, sizeof line, "f %s %d", path, sizes[i]);
        } else if (dice < 9) {
            hide_below(sizes, i);
            sizes[i] = 0;
            snprintf(line, sizeof line, "w %s", path);
        } else {
            continue;
        }
        add(builder, line);
    }
    struct buf text = {0};
    struct digest digest;
    list_builder_finish(builder, &text, &digest);
    size_t len = text.len;
    tree_add_layer(tree, list_from_text(buf_take(&text), len, NULL), -1);
}

static bool is_view(struct tree *tree, const int *sizes)
{
    struct arena arena = {0};
    bool same = true;
    for (int k = 0; k < PATHS; k++) {
        /* Not in order. */
        int i = k * 37 % PATHS;
        char path[60];
        struct tree_node node;
        struct entry entry;
        const char *const *names;
        size_t children = 0;
        make_path(i, path);
        bool found = tree_lookup(tree, &arena, path, &node, &entry);
        same &= found == (sizes[i] != 0) && (!found || (sizes[i] < 0 ? entry.type == ENTRY_DIR : entry.size == sizes[i]));
        for (int below = 0; below < PATHS; below++)
            children += parent(below) == i && sizes[below];
        same &= tree_children(tree, &arena, path, &names) == children;
    }
    arena_free(&arena);
    return same;
}

/* The same view in one layer has the same digest. */
static bool has_flat_digest(struct tree *tree, const int *sizes)
{
    struct tree *flat = tree_new();
    struct list_builder *builder = list_builder_new();
    struct buf text = {0};
    struct digest digest, layered;
    for (int i = 0; i < PATHS; i++) {
        char path[60], line[100];
        make_path(i, path);
        snprintf(line, sizeof line, sizes[i] < 0 ? "d %s" : "f %s %d", path, sizes[i]);
        if (sizes[i])
            add(builder, line);
    }
    list_builder_finish(builder, &text, &digest);
    size_t len = text.len;
    tree_add_layer(flat, list_from_text(buf_take(&text), len, NULL), -1);
    tree_digest(flat, "", &digest);
    tree_digest(tree, "", &layered);
    tree_free(flat);
    return !memcmp(digest.bytes, layered.bytes, sizeof digest.bytes);
}

static void test_random(void)
{
    for (unsigned run = 0; run < 60; run++) {
        unsigned seed = run;
        int sizes[PATHS] = {0};
        struct tree *tree = tree_new();
        unit_row("random layers %u", run);
        int layers = run < 50 ? 1 + (int)run % 8 : 100;
        for (int i = 0; i < layers; i++)
            random_layer(tree, sizes, &seed);
        UNIT_TRUE(is_view(tree, sizes));
        UNIT_TRUE(has_flat_digest(tree, sizes));
        tree_free(tree);
    }
}

/* --- size --- */

static long since(const struct timespec *begin)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin->tv_sec) * 1000 + (now.tv_nsec - begin->tv_nsec) / 1000000;
}

static void test_large(void)
{
    struct tree *tree = tree_new();
    struct list_builder *builder = list_builder_new();
    struct buf text = {0};
    struct digest digest;
    struct timespec begin;
    char line[100];
    for (int i = 0; i < 30000; i++) {
        snprintf(line, sizeof line, "f usr/lib/folder%d/sub%d/file%d %d", i % 300, i % 7, i, i);
        add(builder, line);
    }
    list_builder_finish(builder, &text, &digest);
    size_t len = text.len;
    tree_add_layer(tree, list_from_text(buf_take(&text), len, NULL), -1);
    for (int i = 0; i < 99; i++) {
        snprintf(line, sizeof line, "f usr/lib/folder%d/new%d 1", i, i);
        add_layer(tree, (const char *const[])LAYER("d usr", "d usr/lib", line, "w usr/lib/folder0/sub0/file0"));
    }
    unit_row("100 layers, 30,000 look-ups");
    struct arena arena = {0};
    struct tree_node node;
    struct entry entry;
    int found = 0;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < 30000; i++) {
        snprintf(line, sizeof line, "usr/lib/folder%d/sub%d/file%d", i % 300, i % 7, i);
        found += tree_lookup(tree, &arena, line, &node, &entry);
    }
    printf("30,000 look-ups in 100 layers: %ld ms\n", since(&begin));
    UNIT_INT(29999, found);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    tree_digest(tree, "", &digest);
    printf("digest of 30,000 files: %ld ms\n", since(&begin));
    arena_free(&arena);
    tree_free(tree);
}

/* --- files --- */

static void test_open(void)
{
    static const struct {
        const char *path, *link_to;
        int error;
    } rows[] = {{"dir/file", NULL, 0}, {"other", "dir/file", 0}, {"link", NULL, ELOOP}, {"to/file", NULL, ELOOP}, {"dir", NULL, EISDIR},
                {"none", NULL, ENOENT}, {"fifo", NULL, EINVAL}, {"../secret", NULL, EXDEV}};
    mkdir("files", 0755);
    mkdir("files/dir", 0755);
    close(open("files/dir/file", O_CREAT | O_WRONLY, 0644));
    close(open("secret", O_CREAT | O_WRONLY, 0644));
    symlink("dir/file", "files/link");
    symlink("dir", "files/to");
    mkfifo("files/fifo", 0644);
    struct tree *tree = tree_new();
    tree_add_layer(tree, list_from_text(strdup("dfgen-list 1\n"), 13, NULL), open("files", O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tree_node node = {.path = rows[i].path, .link_to = rows[i].link_to};
        unit_row("open %s", rows[i].path);
        errno = 0;
        autoclose int fd = tree_open_file(tree, &node);
        UNIT_INT(rows[i].error == 0, fd >= 0);
        UNIT_INT(rows[i].error, fd >= 0 ? 0 : errno);
    }
    tree_free(tree);
    tree_remove_at(AT_FDCWD, "files");
    unlink("secret");
}

int main(void)
{
    test_lookup();
    test_hard_link();
    test_children();
    test_resolve();
    test_digest();
    test_random();
    test_large();
    test_open();
    return unit_end();
}
