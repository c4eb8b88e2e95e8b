/*
 * runtime/lib/step*.c: the files of a step are found and checked, messages are safe to print, stamps are written only when they differ,
 * and a layer that is gone takes its stamps along. What ends a process is tried in a child.
 */
#include <jansson.h>

#include "runtime/lib/step.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/step_internal.h"
#include "runtime/lib/tree.h"
#include "tests/unit/unit.h"

#define ONE "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "tree:2222222222222222222222222222222222222222222222222222222222222222"

static void put(const char *path, const char *text)
{
    if (file_write_at(AT_FDCWD, path, text, strlen(text), 0644) < 0)
        unit_fail(__FILE__, __LINE__, "cannot write %s", path);
}

/* A step file: a JSON object, and lines for its "in". */
static void put_step(const char *path, const char *object, const char *lines)
{
    json_t *json = json_loads(object, 0, NULL), *in = json_array();
    for (size_t len; *lines; lines += len + (lines[len] == '\n')) {
        len = strcspn(lines, "\n");
        json_array_append_new(in, json_stringn(lines, len));
    }
    json_object_set_new(json, "in", in);
    char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
    put(path, text);
    free(text);
    json_decref(json);
}

/* Its lines, sorted, each with a member. */
static void put_places(const char *lines)
{
    struct buf text = {0};
    buf_puts(&text, "{\n");
    for (; *lines; lines++)
        buf_puts(&text, *lines == '\n' ? ",\n" : (char[]){*lines, 0});
    buf_puts(&text, "\n}\n");
    put(".dfgen/places.json", buf_text(&text));
    buf_free(&text);
}

/* A build folder with one step of stage "app". */
static void make_files(void)
{
    tree_remove_at(AT_FDCWD, ".dfgen");
    mkdir(".dfgen", 0755);
    mkdir(".dfgen/app", 0755);
    mkdir(".dfgen/bases", 0755);
    put(".dfgen/settings.json", "{\"store\":\"store\"}\n");
    put_places("\"ap/2\":{\"label\":\"no\"}\n\"app/12\":{\"label\":\"no\",\"text\":\"RUN echo '\\n\\\"app/2\\\":{\"}\n"
               "\"app/2\":{\"label\":\"app 2/3\",\"text\":\"RUN npm ci\",\"where\":\"Dockerfile:12\"}\n"
               "\"app/2.mount1\":{\"label\":\"no\"}");
    put_step(".dfgen/app/2.json", "{\"kind\":\"run\"}",
             "root .dfgen/app/1.stamp\nstage a\\040b\\011c.stamp second.stamp\nout .dfgen/app/2.stamp\n");
    put(".dfgen/app/1.stamp", ONE "\n" TWO "\n");
    put_step(".dfgen/app/1.json", "{\"kind\":\"run\"}", "root .dfgen/bases/1.stamp\nout .dfgen/app/1.stamp\n");
    put(".dfgen/bases/1.stamp", ONE "\n");
}

/* Run act in a child; its exit code, and what it said. */
static int run(void (*act)(void *), void *data, struct buf *said)
{
    int ends[2];
    fflush(NULL);
    if (pipe(ends) < 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        act(data);
        fflush(NULL);
        _exit(0);
    }
    close(ends[1]);
    buf_clear(said);
    fd_read_all(ends[0], said, 1 << 20);
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void load(void *file)
{
    struct step step;
    step_load(&step, file, MODE_ROOT);
    step_close(&step);
}

static void test_load(void)
{
    struct step step;
    make_files();
    unit_row("load");
    step_load(&step, ".dfgen/app/2.json", MODE_ROOT);
    UNIT_STR("run", step.kind);
    UNIT_STR(".dfgen/app/2", step.base);
    UNIT_STR(".dfgen/app/2.stamp", step.out);
    UNIT_STR("app 2/3", step.label);
    UNIT_STR("Dockerfile:12", step.where);
    UNIT_STR("RUN npm ci", step.text);
    const struct step_input *stage = step_input(&step, INPUT_STAGE, 0);
    if (UNIT_TRUE(stage) && UNIT_INT(2, stage->count))
        UNIT_STR("a b\tc.stamp", stage->paths[0]);
    UNIT_TRUE(!step_input(&step, INPUT_STAGE, 1));
    UNIT_TRUE(!step_input(&step, INPUT_FETCH, 0));
    struct stamp root = step_root(&step);
    if (UNIT_INT(2, root.count))
        UNIT_STR(TWO, root.ids[1]);
    step_close(&step);
    unit_row("load without places");
    unlink(".dfgen/places.json");
    step_load(&step, ".dfgen/app/2.json", MODE_ROOT);
    UNIT_STR(".dfgen/app/2", step.label);
    UNIT_STR("run", step.text);
    step_close(&step);
}

/* A file of several steps: a member is named behind its path. */
static void test_members(void)
{
    struct step step;
    make_files();
    unit_row("a member");
    put_places("\"app/exports\":{\"label\":\"app\",\"text\":\"export\",\"where\":\"Dockerfile:1\"}");
    put(".dfgen/app/exports.json", "{\"docker\":{\"kind\":\"export\",\"in\":[\"out app.tar\"],\"type\":\"docker\"},"
                                   "\"tar\":{\"kind\":\"export\",\"in\":[\"out b\"],\"type\":\"tar\"},"
                                   "\"text\":\"x\"}\n");
    step_load(&step, ".dfgen/app/exports.json/docker", MODE_ROOT);
    UNIT_STR("docker", json_string_value(json_object_get(step.json, "type")));
    UNIT_STR("app.tar", step.out);
    UNIT_STR(".dfgen/app/exports", step.base);
    UNIT_STR("app", step.label);
    UNIT_STR("export docker", step.text);
    UNIT_STR("Dockerfile:1", step.where);
    step_close(&step);
    static const struct {
        const char *file, *said;
    } rows[] = {
        {".dfgen/app/exports.json/oci", "there is no such step"},
        {".dfgen/app/exports.json/text", "there is no such step"},
        {".dfgen/app/exports.json/", "there is no such step"},
        {".dfgen/app/exports.json", "no \"kind\""},
        {".dfgen/app/none.json/docker", "none.json"},
        {".dfgen/app/.json/docker", "is called NAME.json"},
        {".json/docker", "is called NAME.json"},
        {"/docker", "is called NAME.json"},
        {".dfgen/app/docker", "is called NAME.json"},
    };
    struct buf said = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("no member: %s", rows[i].file);
        UNIT_INT(EXIT_USAGE, run(load, (void *)(uintptr_t)rows[i].file, &said));
        if (!strstr(buf_text(&said), rows[i].said))
            unit_fail(__FILE__, __LINE__, "said %s", buf_text(&said));
    }
    buf_free(&said);
}

static void test_bad_files(void)
{
    static const struct {
        const char *name, *path, *text, *said;
    } rows[] = {
        {"no JSON", ".dfgen/app/2.json", "{", "2.json: line 1"},
        {"an array", ".dfgen/app/2.json", "[]", "no JSON object"},
        {"no kind", ".dfgen/app/2.json", "{}", "no \"kind\""},
        {"another format", ".dfgen/app/2.json", "{\"kind\":\"run\",\"format\":99}", "run dfgen again"},
        {"inputs that are no list", ".dfgen/app/2.json", "{\"kind\":\"run\",\"in\":\"out a\"}", "takes one line"},
        {"an input that is no text", ".dfgen/app/2.json", "{\"kind\":\"run\",\"in\":[1]}", "\"in\" 1: no string"},
        {"no out", ".dfgen/app/2.in", "", "takes one line \"out\""},
        {"two outs", ".dfgen/app/2.in", "out a\nout b\n", "takes one line \"out\""},
        {"unknown role", ".dfgen/app/2.in", "out a\nrot b\n", "\"in\" 2: unknown role rot"},
        {"empty line", ".dfgen/app/2.in", "\nout a\n", "\"in\" 1: malformed"},
        {"two spaces", ".dfgen/app/2.in", "out  a\n", "\"in\" 1: malformed"},
        {"trailing space", ".dfgen/app/2.in", "out a \n", "\"in\" 1: malformed"},
        {"stray backslash", ".dfgen/app/2.in", "out a\\b\n", "\"in\" 1: malformed"},
        {"context without list", ".dfgen/app/2.in", "context .\nout a\n", "wrong number of words for context"},
        {"blob with offset alone", ".dfgen/app/2.in", "blob a 1\nout a\n", "wrong number of words for blob"},
        {"root with two", ".dfgen/app/2.in", "root a b\nout a\n", "wrong number of words for root"},
        {"settings", ".dfgen/settings.json", "x", "settings.json: line 1"},
    };
    struct buf said = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("bad: %s", rows[i].name);
        make_files();
        if (strstr(rows[i].path, ".in"))
            put_step(".dfgen/app/2.json", "{\"kind\":\"run\"}", rows[i].text);
        else
            put(rows[i].path, rows[i].text);
        UNIT_INT(EXIT_USAGE, run(load, ".dfgen/app/2.json", &said));
        if (!strstr(buf_text(&said), rows[i].said))
            unit_fail(__FILE__, __LINE__, "said %s", buf_text(&said));
    }
    static const char *const names[] = {".dfgen/app/none.json", ".dfgen/app/2", ".json", "elsewhere.json"};
    make_files();
    put_step("elsewhere.json", "{\"kind\":\"run\"}", "out x\n");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unit_row("bad name: %s", names[i]);
        UNIT_INT(EXIT_USAGE, run(load, (void *)(uintptr_t)names[i], &said));
    }
    buf_free(&said);
}

/* --- messages --- */

struct message {
    struct step step;
    const char *text;
    int error;
};

static void say(void *data)
{
    struct message *message = data;
    errno = message->error;
    if (message->error)
        step_die(&message->step, "%s:", message->text);
    step_die(&message->step, "%s", message->text);
}

static void test_messages(void)
{
    static const struct {
        const char *name;
        struct message message;
        const char *said;
    } rows[] = {
        {"plain", {{.where = "Dockerfile:12", .text = "RUN npm ci"}, "no such user", 0}, "Dockerfile:12: RUN npm ci: no such user\n"},
        {"errno", {{.where = "Dockerfile:12", .text = "RUN x"}, "open y", ENOENT}, "Dockerfile:12: RUN x: open y: No such file or directory\n"},
        {"escape", {{.where = "D:1", .text = "COPY"}, "a\x1b[31mb\rc\x7f", 0}, "D:1: COPY: a\\x1b[31mb\\x0dc\\x7f\n"},
        {"lines", {{.where = "D:1", .text = "COPY"}, "a\nfake:1: b", 0}, "D:1: COPY: a\n    fake:1: b\n"},
        {"UTF-8", {{.where = "D:1", .text = "COPY"}, "\xc3\xa4 \xc2\x9b \xe2\x80\xae \xff", 0},
         "D:1: COPY: \xc3\xa4 \\xc2\\x9b \\xe2\\x80\\xae \\xff\n"},
        {"nowhere", {{.file = "a.json", .where = "", .text = "run"}, "bad", 0}, "dfgen: a.json: bad\n"},
    };
    struct buf said = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct message message = rows[i].message;
        unit_row("message: %s", rows[i].name);
        UNIT_INT(EXIT_BUILD, run(say, &message, &said));
        UNIT_STR(rows[i].said, buf_text(&said));
    }
    unit_row("text of places is one line, without controls");
    make_files();
    put_places("\"app/2\":{\"label\":\"l\",\"text\":\"RUN <<E\\u001b\\nsecond\",\"where\":\"D:1\"}");
    struct step step;
    step_load(&step, ".dfgen/app/2.json", MODE_ROOT);
    UNIT_STR("RUN <<E\\x1b ...", step.text);
    step_close(&step);
    buf_free(&said);
}

/* --- stamps --- */

static void read_root(void *data)
{
    struct step step;
    (void)data;
    step_load(&step, ".dfgen/app/2.json", MODE_ROOT);
    struct stamp root = step_root(&step);
    printf("%zu\n", root.count);
    step_close(&step);
}

static void test_stamps(void)
{
    static const struct {
        const char *name, *text;
        int exit;
        bool stays;
    } rows[] = {
        {"two", ONE "\n" TWO "\n", 0, true}, {"none", "\n", 0, true}, {"torn", "", 1, false}, {"cut short", ONE, 1, false},
        {"no id", "tree:x\n", 1, false}, {"empty line", ONE "\n\n", 1, false}, {"missing", NULL, 1, false},
    };
    struct buf said = {0};
    struct stat st;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("stamp: %s", rows[i].name);
        make_files();
        if (rows[i].text)
            put(".dfgen/app/1.stamp", rows[i].text);
        else
            unlink(".dfgen/app/1.stamp");
        UNIT_INT(rows[i].exit, run(read_root, NULL, &said));
        UNIT_INT(rows[i].stays, stat(".dfgen/app/1.stamp", &st) == 0);
        if (rows[i].exit && rows[i].text && !strstr(buf_text(&said), "run ninja again"))
            unit_fail(__FILE__, __LINE__, "said %s", buf_text(&said));
    }
    buf_free(&said);
}

static void test_write(void)
{
    struct step step;
    struct buf text = {0};
    struct stat before, after;
    struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    make_files();
    step_load(&step, ".dfgen/app/2.json", MODE_ROOT);
    struct stamp root = step_root(&step);
    unit_row("write a stamp");
    step_write_stamp(&step, &root, TWO);
    UNIT_INT(0, file_read_at(AT_FDCWD, step.out, &text, 1000));
    UNIT_STR(ONE "\n" TWO "\n" TWO "\n", buf_text(&text));
    unit_row("the same again leaves its time");
    utimensat(AT_FDCWD, step.out, old, 0);
    UNIT_INT(0, stat(step.out, &before));
    step_write_stamp(&step, &root, TWO);
    UNIT_INT(0, stat(step.out, &after));
    UNIT_INT(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    UNIT_INT(before.st_ino, after.st_ino);
    unit_row("another one does not");
    step_write_stamp(&step, &root, NULL);
    UNIT_INT(0, stat(step.out, &after));
    UNIT_TRUE(before.st_mtim.tv_sec != after.st_mtim.tv_sec);
    unit_row("no ids");
    step_write_stamp(&step, NULL, NULL);
    buf_clear(&text);
    UNIT_INT(0, file_read_at(AT_FDCWD, step.out, &text, 1000));
    UNIT_STR("\n", buf_text(&text));
    step_close(&step);
    buf_free(&text);
}

/* --- a layer is gone --- */

static void open_tree(void *data)
{
    struct step step;
    (void)data;
    step_load(&step, ".dfgen/app/2.json", MODE_ROOT);
    struct stamp root = step_root(&step);
    tree_free(step_tree(&step, &root));
    step_close(&step);
}

static void put_layer(const char *id)
{
    struct store store;
    struct store_tmp tmp;
    if (!UNIT_INT(0, store_open(&store, "store", MODE_ROOT)) || !UNIT_INT(0, store_tmp_make(&store, &tmp)))
        return;
    UNIT_INT(0, mkdirat(tmp.dir, "layer", 0755));
    UNIT_INT(0, mkdirat(tmp.dir, "layer/fs", 0755));
    UNIT_INT(0, file_write_at(tmp.dir, "layer/list", "dfgen-list 1\n", 13, 0644));
    UNIT_INT(0, store_layer_commit(&store, &tmp, "layer", id));
    store_tmp_drop(&store, &tmp);
    store_close(&store);
}

static void test_missing(void)
{
    struct buf said = {0};
    struct stat st;
    make_files();
    unit_row("the first layer is gone: all stamps go");
    UNIT_INT(EXIT_BUILD, run(open_tree, NULL, &said));
    UNIT_STR("Dockerfile:12: RUN npm ci: layer " ONE " is gone from the store; its stamps were removed: run ninja again\n", buf_text(&said));
    UNIT_INT(-1, stat(".dfgen/app/1.stamp", &st));
    UNIT_INT(-1, stat(".dfgen/bases/1.stamp", &st));
    unit_row("the second is gone: the first one's stamp stays");
    make_files();
    put_layer(ONE);
    UNIT_INT(EXIT_BUILD, run(open_tree, NULL, &said));
    UNIT_INT(-1, stat(".dfgen/app/1.stamp", &st));
    UNIT_INT(0, stat(".dfgen/bases/1.stamp", &st));
    unit_row("all are there");
    make_files();
    put(".dfgen/app/1.stamp", ONE "\n");
    UNIT_INT(0, run(open_tree, NULL, &said));
    unit_row("inputs that go round in a circle end");
    put(".dfgen/app/1.stamp", TWO "\n");
    put_step(".dfgen/app/1.json", "{\"kind\":\"run\"}",
             "root .dfgen/app/1.stamp\nroot .dfgen/app/2.stamp\nout .dfgen/app/1.stamp\n");
    put(".dfgen/app/2.stamp", TWO "\n");
    UNIT_INT(EXIT_BUILD, run(open_tree, NULL, &said));
    UNIT_INT(-1, stat(".dfgen/app/2.stamp", &st));
    buf_free(&said);
}

/* --- keys --- */

static void make_key(const char *json, const char *stamp, char hex[65])
{
    struct step step;
    struct digest_state key;
    make_files();
    put_step(".dfgen/app/2.json", json, "root .dfgen/app/1.stamp\nout .dfgen/app/2.stamp\n");
    put(".dfgen/app/1.stamp", stamp);
    step_load(&step, ".dfgen/app/2.json", MODE_ROOT);
    struct stamp root = step_root(&step);
    step_key_begin(&step, &root, &key);
    step_key_end(&key, hex);
    step_close(&step);
}

static void test_keys(void)
{
    static const struct {
        const char *name, *json, *stamp;
        bool same;
    } rows[] = {
        {"the same", "{\"kind\":\"run\",\"x\":1}", ONE "\n", true},
        {"spelled otherwise", "{ \"x\": 1, \"kind\": \"run\" }", ONE "\n", true},
        {"another step", "{\"kind\":\"run\",\"x\":2}", ONE "\n", false},
        {"another root", "{\"kind\":\"run\",\"x\":1}", TWO "\n", false},
        {"more root", "{\"kind\":\"run\",\"x\":1}", ONE "\n" ONE "\n", false},
        {"no root", "{\"kind\":\"run\",\"x\":1}", "\n", false},
        {"with platform", "{\"kind\":\"run\",\"platform\":\"linux/arm64\",\"x\":1}", ONE "\n", false},
    };
    char first[65], hex[65];
    make_key(rows[0].json, rows[0].stamp, first);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("key: %s", rows[i].name);
        make_key(rows[i].json, rows[i].stamp, hex);
        UNIT_INT(64, strlen(hex));
        UNIT_INT(rows[i].same, !strcmp(first, hex));
    }
}

/* Where inputs lie is no part of what they are: another folder, the same key. A layer's step is made of its name. */
static void test_places_and_layers(void)
{
    char first[65], moved[65];
    struct step step;
    struct digest_state key;
    unit_row("key: inputs elsewhere");
    make_key("{\"kind\":\"run\"}", ONE "\n", first);
    put_step(".dfgen/app/2.json", "{\"kind\":\"run\"}", "root .dfgen/bases/1.stamp\nout .dfgen/app/moved.stamp\n");
    step_load(&step, ".dfgen/app/2.json", MODE_ROOT);
    struct stamp root = step_root(&step);
    step_key_begin(&step, &root, &key);
    step_key_end(&key, moved);
    step_close(&step);
    UNIT_STR(first, moved);
    unit_row("a layer");
    put(".dfgen/layer.json", "{\"kind\":\"layer\",\"compression\":\"zstd\"}");
    step_load(&step, ".dfgen/app/1.layer", MODE_ROOT);
    UNIT_STR("layer", step.kind);
    UNIT_STR(".dfgen/app/1.layer", step.out);
    UNIT_STR(".dfgen/app/1.stamp", step_input(&step, INPUT_ROOT, 0)->paths[0]);
    step_close(&step);
    unit_row("what is said of a layer is what is said of its step");
    step_load(&step, ".dfgen/app/2.layer", MODE_ROOT);
    UNIT_STR("RUN npm ci", step.text);
    step_close(&step);
}

/* --- places --- */

/* What is said of a step, as file has it; NULL: nothing. The arena's text. */
static const char *said_of(struct arena *arena, const char *name)
{
    struct step step = {.arena = arena, .kind = ""};
    step.file = arena_printf(arena, ".dfgen/%s.json", name);
    step.base = arena_printf(arena, ".dfgen/%s", name);
    step_load_place(&step);
    return *step.text ? step.text : NULL;
}

/* Lines of very different lengths, each of which is found; so is nothing between them, whatever the file's end. */
static void test_many_places(void)
{
    struct arena arena = {0};
    struct buf text = {0};
    make_files();
    buf_puts(&text, "{\n");
    for (int i = 1000; i < 1400; i++) {
        buf_printf(&text, "%s\"s%d/1\":{\"label\":\"l\",\"text\":\"%d ", i > 1000 ? ",\n" : "", i, i);
        for (int k = 0; k < (i % 50 ? i % 7 : 20000); k++)
            buf_puts(&text, "s1399/1");
        buf_puts(&text, "\",\"where\":\"D:1\"}");
    }
    buf_puts(&text, "\n}\n");
    put(".dfgen/places.json", buf_text(&text));
    for (int i = 1000; i < 1400; i++) {
        char number[16];
        unit_row("place %d", i);
        const char *said = said_of(&arena, arena_printf(&arena, "s%d/1", i));
        snprintf(number, sizeof number, "%.4s", said ? said : "");
        UNIT_STR(arena_printf(&arena, "%d", i), number);
        UNIT_TRUE(!said_of(&arena, arena_printf(&arena, "s%d/", i)));
        UNIT_TRUE(!said_of(&arena, arena_printf(&arena, "s%d/11", i)));
    }
    unit_row("no such place");
    UNIT_TRUE(!said_of(&arena, "a/1"));
    UNIT_TRUE(!said_of(&arena, "t/1"));
    static const char *const cut[] = {"", "{", "{\n", "{\n\n", "{\n\"s1/1\"", "{\n\"s1/1\":", "{\n\"s1/1\":{\"text\":\"x\"",
                                      "{\n\"s1/1\":[]\n}\n"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        unit_row("a file that is cut off: %s", cut[i]);
        put(".dfgen/places.json", cut[i]);
        UNIT_TRUE(!said_of(&arena, "s1/1"));
    }
    buf_free(&text);
    arena_free(&arena);
}

/* --- main --- */

static void enter_main(void *data)
{
    char **argv = data;
    int argc = 0;
    while (argv[argc])
        argc++;
    printf("file %s\n", step_main(argc, argv, "dfgen-test", "Tests."));
}

static void test_main(void)
{
    static const struct {
        char *argv[4];
        int exit;
        const char *said;
    } rows[] = {
        {{"x", "a.json"}, 0, "file a.json\n"}, {{"x", "--help"}, 0, "Usage: dfgen-test STEPFILE\n\nTests.\n"}, {{"x", "--version"}, 0, "dfgen-test "},
        {{"x"}, 2, "dfgen-test: usage: "}, {{"x", "a", "b"}, 2, "dfgen-test: usage: "}, {{"x", "--no"}, 2, "dfgen-test: usage: "},
    };
    struct buf said = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("main %zu", i);
        UNIT_INT(rows[i].exit, run(enter_main, (void *)(uintptr_t)rows[i].argv, &said));
        UNIT_MEM(rows[i].said, strlen(rows[i].said), buf_text(&said), said.len < strlen(rows[i].said) ? said.len : strlen(rows[i].said));
    }
    buf_free(&said);
}

int main(void)
{
    umask(022);
    test_load();
    test_members();
    test_bad_files();
    test_messages();
    test_stamps();
    test_write();
    test_missing();
    test_keys();
    test_places_and_layers();
    test_many_places();
    test_main();
    tree_remove_at(AT_FDCWD, ".dfgen");
    tree_remove_at(AT_FDCWD, "store");
    unlink("elsewhere.json");
    return unit_end();
}
