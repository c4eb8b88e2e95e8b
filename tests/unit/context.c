/*
 * Guards the walk of a context (ignore patterns, hidden paths, special files, reading only what is asked for), N.list there and back, and the
 * remembered digests: what they may be trusted with, and that no index file can do harm.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/context.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/index.h"
#include "runtime/lib/list.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/sources.h"
#include "runtime/lib/store.h"
#include "runtime/lib/tree.h"

static char top[200], folder[220];

static char *at(const char *path)
{
    static char full[4096];
    snprintf(full, sizeof full, "%s/%s", folder, path);
    return full;
}

static void put_file(const char *path, const char *text)
{
    if (file_write_at(AT_FDCWD, at(path), text, strlen(text), 0644) < 0)
        perror(path);
}

static void make_context(void)
{
    static const char *const folders[] = {"", "a", "a/b", "a/c", "p", "p/q", "empty", ".dfgen"};
    static const char *const files[] = {"f", "a/x", "a/b/keep", "a/b/y.o", "a/c/z.go", "p/q/m.go", ".dfgen/log", "build.ninja", "new\nline", "tab\tname"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        mkdir(at(folders[i]), 0755);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        put_file(files[i], files[i]);
    chmod(at("a/b"), 0711);
    symlink("a/x", at("link"));
    symlink("/a", at("abs"));
    mkfifo(at("fifo"), 0600);
    char *target = xstrdup(at("f"));
    link(target, at("same"));
    free(target);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", at("socket"));
    bind(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
}

static void add_entry(void *data, const struct tree_node *node, const struct entry *entry, const char *relative)
{
    struct buf *out = data;
    (void)node;
    if (!*relative)
        return;
    if (out->len)
        buf_putc(out, ' ');
    for (const char *c = relative; *c; c++)
        buf_putc(out, *c == '\n' || *c == '\t' ? '_' : *c);
    buf_puts(out, entry->type == ENTRY_DIR ? "/" : entry->type == ENTRY_SYMLINK ? "@" : entry->type == ENTRY_FIFO ? "|" : "");
}

static void describe(const struct tree *tree, const char *path, struct buf *out)
{
    struct arena arena = {0};
    struct source_spec spec = {.path = path};
    struct source_matches matches;
    const char *error = NULL;
    if (sources_expand(tree, &arena, &spec, NULL, NULL, &matches, &error) < 0)
        buf_printf(out, "!%s", error);
    else if (matches.count)
        sources_walk_entries(tree, &spec, &matches.items[0], add_entry, out);
    arena_free(&arena);
}

static const struct {
    const char *patterns, *path, *want;
} walks[] = {
    {"", "", "a/ a/b/ a/b/keep a/b/y.o a/c/ a/c/z.go a/x abs@ empty/ f fifo| link@ new_line p/ p/q/ p/q/m.go same tab_name"},
    {"", "a/b", "keep y.o"}, {"*", "", ""}, {"a", "", "abs@ empty/ f fifo| link@ new_line p/ p/q/ p/q/m.go same tab_name"},
    {"*\n!a/b/keep", "", "a/ a/b/ a/b/keep"}, {"*\n!**/*.go", "", "a/ a/c/ a/c/z.go p/ p/q/ p/q/m.go"}, {"a/*\n!a/x", "a", "x"}, {"*\n!a", "a/b", "keep y.o"},
    {"**/*.o\nf\ns*", "a", "b/ b/keep c/ c/z.go x"}, {"empty/**", "empty", ""}, {"a/b", "a/b", "!\"/a/b\": not found"}, {"", ".dfgen", "!\"/.dfgen\": not found"},
    {"*\n!a/none/*", "a", "!\"/a\": not found"}, {"", "abs/b", "keep y.o"},
};

static void test_walks(void)
{
    static const char *const hidden[] = {".dfgen", "build.ninja", NULL};
    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        struct arena arena = {0};
        struct buf walked = {0}, needed = {0};
        const char *error = NULL, *failed = NULL;
        int line;
        struct pattern_list *patterns = pattern_list_parse(&arena, span_of(walks[i].patterns), &error, &line);
        unit_row("walk of \"%s\" under %s", walks[i].path, walks[i].patterns);
        struct context *context = context_open(folder, patterns, hidden);
        if (UNIT_TRUE(context_walk(context, "", &failed) == 0))
            describe(context_tree(context), walks[i].path, &walked);
        UNIT_STR(walks[i].want, buf_text(&walked));
        context_close(context);
        /* Read on demand it is the same. */
        context = context_open(folder, patterns, hidden);
        struct sources_touch touch = {context_need, context, NULL, NULL};
        struct source_spec spec = {.path = walks[i].path};
        sources_touched(context_tree(context), &arena, &spec, &touch, &error);
        describe(context_tree(context), walks[i].path, &needed);
        UNIT_STR(walks[i].want, buf_text(&needed));
        context_close(context);
        buf_free(&walked);
        buf_free(&needed);
        arena_free(&arena);
    }
}

static void touch(void *data, const struct entry *entry)
{
    context_list_add(data, entry);
}

/* gen's side of one source; the list is written to top/list. */
static void write_list(const char *path, bool missing, const char *patterns_text)
{
    struct arena arena = {0};
    struct buf text = {0};
    const char *error = NULL;
    int line;
    struct pattern_list *patterns = pattern_list_parse(&arena, span_of(patterns_text), &error, &line);
    struct context *context = context_open(folder, patterns, NULL);
    struct context_list *list = context_list_begin();
    struct sources_touch touches = {context_need, context, touch, list};
    struct source_spec spec = {.path = path};
    int result = sources_touched(context_tree(context), &arena, &spec, &touches, &error);
    UNIT_INT(missing, result < 0 && errno == ENOENT);
    if (missing)
        context_list_add_missing(list, path, patterns);
    context_list_finish(list, &text);
    char name[220];
    snprintf(name, sizeof name, "%s/list", top);
    file_write_at(AT_FDCWD, name, text.data, text.len, 0644);
    buf_free(&text);
    context_close(context);
    arena_free(&arena);
}

static bool found_more;

static struct tree *load(struct store *store, struct arena *arena, const char **failed)
{
    char name[220];
    snprintf(name, sizeof name, "%s/list", top);
    struct context_loaded loaded = {0};
    struct tree *tree = context_load(store, folder, name, arena, &loaded);
    *failed = loaded.failed;
    found_more = loaded.found_more;
    return tree;
}

static void test_load(struct store *store)
{
    struct arena arena = {0};
    struct tree_node node;
    struct entry entry;
    const char *failed = NULL;
    struct buf out = {0};

    unit_row("what gen saw");
    write_list("abs", false, "");
    struct tree *tree = load(store, &arena, &failed);
    if (UNIT_TRUE(tree != NULL)) {
        describe(tree, "abs", &out);
        UNIT_STR("b/ b/keep b/y.o c/ c/z.go x", buf_text(&out));
        UNIT_TRUE(tree_lookup(tree, &arena, "a/x", &node, &entry));
        struct digest digest = digest_of("a/x", 3);
        UNIT_MEM(digest.bytes, DIGEST_SIZE, entry.digest.bytes, DIGEST_SIZE);
        UNIT_TRUE(tree_lookup(tree, &arena, "a/b", &node, &entry) && entry.mode == 0711);
        UNIT_TRUE(!tree_lookup(tree, &arena, "f", &node, &entry));
        tree_free(tree);
    }
    buf_clear(&out);

    unit_row("hard links");
    write_list("*", false, "");
    if (UNIT_TRUE((tree = load(store, &arena, &failed)) != NULL)) {
        UNIT_TRUE(tree_lookup(tree, &arena, "same", &node, &entry) && node.link_to && !strcmp(node.link_to, "f"));
        tree_free(tree);
    }

    unit_row("what another edge makes");
    write_list("made/out", true, "**/*.o\n");
    mkdir(at("real"), 0755);
    mkdir(at("real/out"), 0755);
    symlink("real", at("made"));
    put_file("real/out/bin", "1");
    put_file("real/out/bin.o", "2");
    if (UNIT_TRUE((tree = load(store, &arena, &failed)) != NULL)) {
        describe(tree, "made/out", &out);
        UNIT_STR("bin", buf_text(&out));
        UNIT_TRUE(found_more);
        tree_free(tree);
    }
    buf_clear(&out);

    unit_row("a file that another edge makes, and the same as a folder");
    write_list("new/out", true, "");
    mkdir(at("new"), 0755);
    put_file("new/out", "1");
    if (UNIT_TRUE((tree = load(store, &arena, &failed)) != NULL)) {
        UNIT_TRUE(!found_more);
        tree_free(tree);
    }
    unlink(at("new/out"));
    mkdir(at("new/out"), 0755);
    if (UNIT_TRUE((tree = load(store, &arena, &failed)) != NULL)) {
        UNIT_TRUE(found_more);
        tree_free(tree);
    }

    unit_row("a file that went away, or became a folder");
    write_list("a/x", false, "");
    unlink(at("a/x"));
    UNIT_TRUE(!load(store, &arena, &failed));
    UNIT_INT(ENOENT, errno);
    UNIT_STR("a/x", failed);
    mkdir(at("a/x"), 0755);
    UNIT_TRUE(!load(store, &arena, &failed));
    UNIT_INT(ESTALE, errno);
    rmdir(at("a/x"));
    put_file("a/x", "a/x");

    unit_row("a folder that became a symlink out of the context");
    write_list("p/q/m.go", false, "");
    char *away = xstrdup(at("p2"));
    rename(at("p"), away);
    free(away);
    symlink("/", at("p"));
    UNIT_TRUE(!load(store, &arena, &failed));
    UNIT_INT(ESTALE, errno);
    buf_free(&out);
    arena_free(&arena);
}

static struct digest number(int n)
{
    return digest_of(&n, sizeof n);
}

static void test_index(struct store *store)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct timespec before;
    struct index_stamp old = {.size = 3, .mtime = 1000, .ctime = 1000, .inode = 7}, other;
    struct digest digest, want = number(1);
    clock_gettime(CLOCK_REALTIME, &before);
    struct index_stamp fresh = {.size = 3, .mtime = before.tv_sec, .mtime_ns = (uint32_t)before.tv_nsec, .ctime = 1000, .inode = 7};

    unit_row("put and found");
    struct index *index = index_open(store, dir);
    index_put(index, "i/b", &old, &before, &want);
    index_put(index, "i/racy", &fresh, &before, &want);
    fresh.mtime = 1000;
    fresh.ctime = before.tv_sec + 100;
    index_put(index, "i/future", &fresh, &before, &want);
    index_close(index);
    index = index_open(store, dir);
    UNIT_TRUE(index_find(index, "i/b", &old, &digest) && !memcmp(&digest, &want, sizeof want));
    UNIT_TRUE(!index_find(index, "i/a", &old, &digest) && !index_find(index, "i/c", &old, &digest));
    unit_row("too young to be trusted");
    UNIT_TRUE(!index_find(index, "i/racy", &fresh, &digest) && !index_find(index, "i/future", &fresh, &digest));
    unit_row("anything differs");
    for (int i = 0; i < 6; i++) {
        other = old;
        other.size += i == 0;
        other.mtime += i == 1;
        other.ctime += i == 2;
        other.inode += i == 3;
        other.mtime_ns += i == 4;
        other.ctime_ns += i == 5;
        UNIT_TRUE(!index_find(index, "i/b", &other, &digest));
    }

    unit_row("what another step wrote meanwhile stays");
    struct index *second = index_open(store, dir);
    index_put(second, "i/second", &old, &before, &want);
    index_close(second);
    want = number(2);
    index_put(index, "i/b", &old, &before, &want);
    index_close(index);
    index = index_open(store, dir);
    UNIT_TRUE(index_find(index, "i/second", &old, &digest));
    UNIT_TRUE(index_find(index, "i/b", &old, &digest) && !memcmp(&digest, &want, sizeof want));
    index_close(index);

    unit_row("a damaged index is none");
    char link[64], path[400], name[300], hex[DIGEST_HEX + 1];
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t len = readlink(link, path, sizeof path);
    digest = digest_of(path, (size_t)len);
    digest_hex(&digest, hex);
    snprintf(name, sizeof name, "index/%s", hex);
    struct buf text = {0};
    if (UNIT_TRUE(file_read_at(store->dir, name, &text, 1 << 20) == 0)) {
        for (size_t i = 0; i < text.len; i += 7) {
            text.data[i] ^= 0x20;
            file_write_at(store->dir, name, text.data, text.len, 0600);
            index = index_open(store, dir);
            UNIT_TRUE(!index_find(index, "i/second", &old, &digest));
            index_close(index);
            text.data[i] ^= 0x20;
        }
        for (size_t cut = 0; cut < text.len; cut += 13) {
            file_write_at(store->dir, name, text.data, cut, 0600);
            index = index_open(store, dir);
            UNIT_TRUE(!index_find(index, "i/second", &old, &digest));
            index_close(index);
        }
    }
    buf_free(&text);
    close(dir);
}

int main(void)
{
    struct store store;
    char path[220];
    snprintf(top, sizeof top, "%s/dfgen-context-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(top))
        unit_skip("no folder for temporary files");
    snprintf(folder, sizeof folder, "%s/context", top);
    snprintf(path, sizeof path, "%s/store", top);
    make_context();
    test_walks();
    if (store_open(&store, path, MODE_SINGLE) < 0) {
        unit_row("store");
        UNIT_TRUE(false);
    } else {
        test_load(&store);
        test_index(&store);
        store_close(&store);
    }
    tree_remove_at(AT_FDCWD, top);
    return unit_end();
}
