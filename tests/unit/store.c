/*
 * runtime/lib/store*.c: what goes in comes out; foreign folders are refused; what a crash leaves (half a folder in tmp, a torn listing,
 * record or file) is never taken for whole, and is made anew or swept.
 */
#include "runtime/lib/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/tree.h"
#include "tests/unit/unit.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ID "sha256:" HEX

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void put(const char *path, const char *text)
{
    if (file_write_at(AT_FDCWD, path, text, strlen(text), 0644) < 0)
        unit_fail(__FILE__, __LINE__, "cannot write %s", path);
}

/* --- opening --- */

static void test_open(void)
{
    struct store store;
    struct stat st;
    unit_row("made where nothing was");
    if (!UNIT_INT(0, store_open(&store, "deep/er/store", MODE_ROOT)))
        return;
    UNIT_INT(0, stat("deep/er/store", &st));
    UNIT_INT(0700, st.st_mode & 07777);
    UNIT_TRUE(exists("deep/er/store/layers/root") && exists("deep/er/store/oci-layout") && exists("deep/er/store/index.json"));
    UNIT_TRUE(fcntl(store.dir, F_GETFD) & FD_CLOEXEC);
    unit_row("twice at the same time");
    struct store second;
    UNIT_INT(0, store_open(&second, "deep/er/store/", MODE_SINGLE));
    UNIT_TRUE(exists("deep/er/store/layers/single"));
    unit_row("what was removed by hand is made again");
    static const char *const parts[] = {"tmp", "blobs/sha256", "blobs", "actions", "index", "cache", "oci-layout",
                                        "index.json", "layers/root", "layers"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct store again;
        char *path = xasprintf("deep/er/store/%s", parts[i]);
        UNIT_INT(0, tree_remove_at(AT_FDCWD, path));
        UNIT_TRUE(!exists(path));
        UNIT_INT(0, store_open(&again, "deep/er/store", MODE_ROOT));
        UNIT_TRUE(exists(path) && exists("deep/er/store/blobs/sha256"));
        store_close(&again);
        free(path);
    }
    unit_row("gc cannot take the lock");
    autoclose int lock = open("deep/er/store/lock", O_RDWR);
    UNIT_INT(-1, flock(lock, LOCK_EX | LOCK_NB));
    store_close(&second);
    store_close(&store);
    UNIT_INT(0, flock(lock, LOCK_EX | LOCK_NB));
    UNIT_INT(0, flock(lock, LOCK_UN));
    unit_row("an index that is there stays");
    put("deep/er/store/index.json", "mine");
    rmdir("deep/er/store/layers/root");
    UNIT_INT(0, store_open(&store, "deep/er/store", MODE_ROOT));
    struct buf text = {0};
    UNIT_INT(0, file_read_at(store.dir, "index.json", &text, 100));
    UNIT_STR("mine", buf_text(&text));
    buf_free(&text);
    store_close(&store);
    unit_row("writable by others");
    chmod("deep/er/store", 0777);
    UNIT_INT(-1, store_open(&store, "deep/er/store", MODE_ROOT));
    UNIT_INT(EPERM, errno);
    unit_row("writable by the group");
    chmod("deep/er/store", 0770);
    UNIT_INT(-1, store_open(&store, "deep/er/store", MODE_ROOT));
    if (geteuid() == 0) {
        unit_row("somebody else's");
        chmod("deep/er/store", 0700);
        UNIT_INT(0, chown("deep/er/store", 4711, 4711));
        UNIT_INT(-1, store_open(&store, "deep/er/store", MODE_ROOT));
        UNIT_INT(EPERM, errno);
    }
    unit_row("a file");
    put("file", "");
    UNIT_INT(-1, store_open(&store, "file", MODE_ROOT));
    UNIT_INT(ENOTDIR, errno);
}

static void test_default_path(void)
{
    static const struct {
        const char *store, *cache, *home, *path;
    } rows[] = {
        {"/s", "/c", "/h", "/s"}, {"", "/c", "/h", "/c/dfgen"}, {NULL, "", "/h", "/h/.cache/dfgen"}, {NULL, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *values[] = {rows[i].store, rows[i].cache, rows[i].home};
        static const char *const names[] = {"DFGEN_STORE", "XDG_CACHE_HOME", "HOME"};
        unit_row("default path %zu", i);
        for (size_t k = 0; k < 3; k++)
            values[k] ? setenv(names[k], values[k], 1) : unsetenv(names[k]);
        char *path = store_default_path();
        UNIT_STR(rows[i].path, path);
        free(path);
    }
}

/* --- work in progress --- */

static void make_old(const char *path)
{
    struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static void test_sweep(void)
{
    struct store store, other;
    struct store_tmp mine;
    unit_row("sweep");
    if (!UNIT_INT(0, store_open(&store, "sweep", MODE_ROOT)) || !UNIT_INT(0, store_tmp_make(&store, &mine)))
        return;
    UNIT_TRUE(!strncmp(mine.name, "tmp/", 4));
    UNIT_INT(0, mkdirat(mine.dir, "half", 0755));
    /* What a killed process leaves: a folder that nobody has locked, with things in it. */
    mkdir("sweep/tmp/dead", 0755);
    mkdir("sweep/tmp/dead/layer", 0000);
    put("sweep/tmp/dead/list", "half");
    put("sweep/tmp/file", "x");
    make_old("sweep/tmp/file");
    put("sweep/tmp/young", "x");
    unit_row("not yet due");
    UNIT_INT(0, store_open(&other, "sweep", MODE_ROOT));
    store_close(&other);
    UNIT_TRUE(exists("sweep/tmp/dead"));
    unit_row("due");
    make_old("sweep/tmp/.swept");
    UNIT_INT(0, store_open(&other, "sweep", MODE_ROOT));
    UNIT_TRUE(!exists("sweep/tmp/dead"));
    UNIT_TRUE(!exists("sweep/tmp/file"));
    UNIT_TRUE(exists("sweep/tmp/young"));
    UNIT_INT(0, faccessat(mine.dir, "half", F_OK, 0));
    unit_row("dropped");
    store_tmp_drop(&store, &mine);
    UNIT_INT(-1, faccessat(store.dir, mine.name, F_OK, 0));
    store_close(&other);
    store_close(&store);
}

/* A process that is killed while it works: its folder goes with the next sweep. */
static void test_killed(void)
{
    struct store store, child_store;
    struct store_tmp tmp;
    int ready[2];
    unit_row("killed");
    if (!UNIT_INT(0, store_open(&store, "killed", MODE_ROOT)) || !UNIT_INT(0, pipe(ready)))
        return;
    pid_t child = fork();
    if (child == 0) {
        if (store_open(&child_store, "killed", MODE_ROOT) < 0 || store_tmp_make(&child_store, &tmp) < 0)
            _exit(1);
        mkdirat(tmp.dir, "fs", 0755);
        if (write(ready[1], tmp.name, sizeof tmp.name) < 0)
            _exit(1);
        pause();
    }
    UNIT_INT(sizeof tmp.name, read(ready[0], tmp.name, sizeof tmp.name));
    make_old("killed/tmp/.swept");
    UNIT_INT(0, store_open(&child_store, "killed", MODE_ROOT));
    store_close(&child_store);
    UNIT_INT(0, faccessat(store.dir, tmp.name, F_OK, 0));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    make_old("killed/tmp/.swept");
    UNIT_INT(0, store_open(&child_store, "killed", MODE_ROOT));
    store_close(&child_store);
    UNIT_INT(-1, faccessat(store.dir, tmp.name, F_OK, 0));
    store_close(&store);
    close(ready[0]);
    close(ready[1]);
}

/* --- layers --- */

/* A layer of one file in tmp/…/NAME; its "tree:" id goes to id. */
static void make_layer(struct store_tmp *tmp, const char *name, const char *content, char id[80])
{
    struct list_builder *builder = list_builder_new();
    struct entry entry = {.path = "file", .type = ENTRY_FILE, .mode = 0644, .size = (int64_t)strlen(content)};
    struct buf text = {0};
    struct digest digest;
    char path[100];
    entry.digest = digest_of(content, strlen(content));
    list_builder_add(builder, &entry);
    list_builder_finish(builder, &text, &digest);
    memcpy(id, "tree:", 5);
    digest_hex(&digest, id + 5);
    mkdirat(tmp->dir, name, 0755);
    snprintf(path, sizeof path, "%s/fs", name);
    mkdirat(tmp->dir, path, 0755);
    snprintf(path, sizeof path, "%s/fs/file", name);
    file_write_at(tmp->dir, path, content, strlen(content), 0644);
    snprintf(path, sizeof path, "%s/list", name);
    file_write_at(tmp->dir, path, text.data, text.len, 0644);
    buf_free(&text);
}

static void test_ids(void)
{
    static const struct {
        const char *id;
        bool is_valid;
    } rows[] = {
        {SHA_ID, true}, {"tree:" HEX, true}, {HEX, false}, {"sha512:" HEX, false}, {"tree:" HEX "0", false}, {"tree:", false},
        {"tree:../../../../../../../../../../../../../../../../../../../../../x", false}, {"", false},
        {"sha256:E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("id %s", rows[i].id);
        UNIT_INT(rows[i].is_valid, store_id_is_valid(rows[i].id));
    }
    char name[80];
    unit_row("name of an id");
    store_layer_name("tree:" HEX, name);
    UNIT_STR("tree-" HEX, name);
}

static void test_layers(struct store *store, struct store_tmp *tmp)
{
    char id[80], path[200];
    const char *missing = NULL, *ids[2] = {id, SHA_ID};
    unit_row("commit");
    make_layer(tmp, "one", "hello", id);
    UNIT_TRUE(!store_has_layer(store, id));
    UNIT_INT(-1, store_layer_open(store, id));
    UNIT_INT(0, store_layer_commit(store, tmp, "one", id));
    UNIT_TRUE(store_has_layer(store, id));
    autoclose int dir = store_layer_open(store, id);
    UNIT_INT(0, faccessat(dir, "fs/file", F_OK, 0));
    unit_row("commit the same again");
    make_layer(tmp, "two", "hello", id);
    UNIT_INT(0, store_layer_commit(store, tmp, "two", id));
    UNIT_INT(0, faccessat(tmp->dir, "two/list", F_OK, 0));
    unit_row("commit what is no layer");
    mkdirat(tmp->dir, "three", 0755);
    UNIT_INT(-1, store_layer_commit(store, tmp, "three", SHA_ID));
    UNIT_INT(EINVAL, errno);
    UNIT_INT(-1, store_layer_commit(store, tmp, "none", SHA_ID));
    UNIT_INT(-1, store_layer_commit(store, tmp, "two", "../../x"));
    unit_row("tree");
    struct tree *tree = store_tree(store, ids, 1, &missing);
    struct arena arena = {0};
    struct tree_node node;
    struct entry entry;
    if (UNIT_TRUE(tree) && UNIT_TRUE(tree_lookup(tree, &arena, "file", &node, &entry))) {
        autoclose int fd = tree_open_file(tree, &node);
        UNIT_TRUE(fd >= 0);
    }
    tree_free(tree);
    arena_free(&arena);
    unit_row("tree of nothing");
    tree = store_tree(store, NULL, 0, &missing);
    UNIT_TRUE(tree);
    tree_free(tree);
    unit_row("a layer is missing");
    UNIT_TRUE(!store_tree(store, ids, 2, &missing));
    UNIT_INT(ENOENT, errno);
    UNIT_STR(SHA_ID, missing);
    unit_row("half a layer in the way is replaced");
    snprintf(path, sizeof path, "layers/layers/root/sha256-%s", HEX);
    UNIT_INT(0, mkdir(path, 0755));
    put("layers/layers/root/sha256-" HEX "/rest", "x");
    UNIT_INT(0, store_layer_commit(store, tmp, "two", SHA_ID));
    UNIT_TRUE(store_has_layer(store, SHA_ID));
}

/* What a power failure or a bad disk may do; each time the layer counts as missing and makes room. */
static void test_damage(struct store *store, struct store_tmp *tmp)
{
    static const struct {
        const char *name, *file, *text;
        bool other_boot;
        bool is_good;
    } rows[] = {
        {"untouched", NULL, NULL, false, true},
        {"another boot", NULL, NULL, true, true},
        {"empty listing", "list", "", false, false},
        {"another listing", "list", "dfgen-list 1\n", false, false},
        {"no listing", "list", "dfgen-list 1", false, false},
        {"short file after a boot", "fs/file", "hell", true, false},
        {"short file in this boot is not looked at", "fs/file", "hell", false, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[80], name[80], work[20];
        const char *missing = NULL, *ids[] = {id};
        unit_row("damage: %s", rows[i].name);
        snprintf(work, sizeof work, "damage%zu", i);
        make_layer(tmp, work, "hello", id);
        UNIT_INT(0, store_layer_commit(store, tmp, work, id));
        autoclose int dir = store_layer_open(store, id);
        if (rows[i].file)
            UNIT_INT(0, file_write_at(dir, rows[i].file, rows[i].text, strlen(rows[i].text), 0644));
        if (rows[i].other_boot)
            UNIT_INT(0, file_write_at(dir, "boot", "another\n", 8, 0644));
        struct tree *tree = store_tree(store, ids, 1, &missing);
        UNIT_INT(rows[i].is_good, tree != NULL);
        if (!rows[i].is_good) {
            store_layer_name(id, name);
            UNIT_STR(id, missing);
            UNIT_INT(-1, faccessat(store->layers, name, F_OK, 0));
        }
        tree_free(tree);
    }
    unit_row("looked at once a boot");
    char id[80];
    const char *ids[] = {id};
    make_layer(tmp, "again", "again", id);
    UNIT_INT(0, store_layer_commit(store, tmp, "again", id));
    autoclose int dir = store_layer_open(store, id);
    UNIT_INT(0, unlinkat(dir, "boot", 0));
    tree_free(store_tree(store, ids, 1, NULL));
    UNIT_INT(0, faccessat(dir, "boot", F_OK, AT_SYMLINK_NOFOLLOW));
}

static void test_layer_folder(void)
{
    struct store store;
    struct store_tmp tmp;
    unit_row("layers");
    if (!UNIT_INT(0, store_open(&store, "layers", MODE_ROOT)) || !UNIT_INT(0, store_tmp_make(&store, &tmp)))
        return;
    test_layers(&store, &tmp);
    test_damage(&store, &tmp);
    store_tmp_drop(&store, &tmp);
    store_close(&store);
}

/* --- blobs and records --- */

static void test_blobs(struct store *store)
{
    char digest[72];
    struct buf text = {0};
    struct stat st;
    unit_row("put a blob");
    UNIT_INT(0, store_blob_put(store, "", 0, digest));
    UNIT_STR(SHA_ID, digest);
    UNIT_INT(0, store_blob_put(store, "content", 7, digest));
    UNIT_INT(0, store_blob_put(store, "content", 7, digest));
    UNIT_TRUE(store_has_blob(store, digest));
    autoclose int fd = store_blob_open(store, digest);
    UNIT_INT(0, fd_read_all(fd, &text, 100));
    UNIT_STR("content", buf_text(&text));
    UNIT_INT(0, fstat(fd, &st));
    UNIT_INT(0444, st.st_mode & 07777);
    unit_row("a torn blob is put anew");
    char name[96];
    store_blob_name(digest, name);
    UNIT_INT(0, file_write_at(store->dir, name, "cont", 4, 0444));
    UNIT_INT(0, store_blob_put(store, "content", 7, digest));
    buf_clear(&text);
    UNIT_INT(0, file_read_at(store->dir, name, &text, 100));
    UNIT_STR("content", buf_text(&text));
    unit_row("names of no blob");
    UNIT_INT(-1, store_blob_open(store, "sha256:../../../lock"));
    UNIT_INT(EINVAL, errno);
    UNIT_TRUE(!store_has_blob(store, "tree:" HEX));
    UNIT_INT(-1, store_blob_open(store, "sha256:0000000000000000000000000000000000000000000000000000000000000000"));
    UNIT_INT(ENOENT, errno);
    buf_free(&text);
}

static void test_actions(struct store *store)
{
    static const char *const torn[] = {"", "short", "000000000000000000000000000000000000000000000000000000000000000x\nrecord"};
    struct buf record = {0};
    unit_row("no record");
    UNIT_INT(-1, store_action_get(store, HEX, &record));
    UNIT_INT(ENOENT, errno);
    unit_row("record");
    UNIT_INT(0, store_action_put(store, HEX, "tree:x\n"));
    UNIT_INT(0, store_action_get(store, HEX, &record));
    UNIT_STR("tree:x\n", buf_text(&record));
    unit_row("record replaced");
    UNIT_INT(0, store_action_put(store, HEX, ""));
    buf_clear(&record);
    UNIT_INT(0, store_action_get(store, HEX, &record));
    UNIT_STR("", buf_text(&record));
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        unit_row("torn record %zu", i);
        UNIT_INT(0, file_write_at(store->dir, "actions/" HEX, torn[i], strlen(torn[i]), 0444));
        UNIT_INT(-1, store_action_get(store, HEX, &record));
        UNIT_INT(ENOENT, errno);
    }
    unit_row("no key");
    UNIT_INT(-1, store_action_put(store, "../x", ""));
    UNIT_INT(EINVAL, errno);
    buf_free(&record);
}

static void test_caches(struct store *store)
{
    bool made;
    struct stat st;
    unit_row("cache");
    autoclose int one = store_cache_open(store, "../../odd id/\n", &made);
    UNIT_TRUE(one >= 0 && made);
    UNIT_INT(0, fstat(one, &st));
    UNIT_INT(0755, st.st_mode & 07777);
    autoclose int two = store_cache_open(store, "../../odd id/\n", &made);
    UNIT_TRUE(two >= 0 && !made);
    autoclose int three = store_cache_open(store, "", &made);
    UNIT_TRUE(three >= 0 && made);
}

int main(void)
{
    struct store store;
    umask(022);
    test_default_path();
    test_open();
    test_sweep();
    test_killed();
    test_ids();
    test_layer_folder();
    unit_row("blobs");
    if (UNIT_INT(0, store_open(&store, "blobs", MODE_ROOT))) {
        test_blobs(&store);
        test_actions(&store);
        test_caches(&store);
        unit_row("nothing is left in tmp");
        UNIT_INT(0, system("test -z \"$(ls blobs/tmp)\""));
        store_close(&store);
    }
    tree_remove_at(AT_FDCWD, "deep");
    tree_remove_at(AT_FDCWD, "sweep");
    tree_remove_at(AT_FDCWD, "killed");
    tree_remove_at(AT_FDCWD, "layers");
    tree_remove_at(AT_FDCWD, "blobs");
    return unit_end();
}
