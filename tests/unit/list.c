/*
 * runtime/lib/list.c and list_build.c: what is written is read back, one content has one text, and no malformed listing gets past
 * opening, since nothing behind it checks again.
 */
#include "runtime/lib/list.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "tests/unit/unit.h"

#define HEAD "dfgen-list 1\n"
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DIR_LINE(path) path "\td\t0755\t0\t0\n"
#define FILE_LINE(path) path "\tf\t0644\t0\t0\t0\t" HEX "\n"

static struct list *open_text(const char *text, size_t len, const char **why)
{
    char *copy = malloc(len + 1);
    memcpy(copy, text, len);
    /* Exactly as long, so that the sanitizer sees a byte too many. */
    copy = realloc(copy, len ? len : 1);
    return list_from_text(copy, len, why);
}

static const struct {
    const char *name, *text;
    bool is_good;
} texts[] = {
    {"empty layer", HEAD, true},
    {"everything", HEAD "\td\t0755\t0\t0\n" "a\tD\t1777\t1\t4294967295\n" FILE_LINE("a/b")
     "a/c\tl\t0777\t0\t0\t../x y\n" "a/d\tc\t0600\t0\t0\t1:3\n" "a/e\tb\t0600\t0\t0\t8:0\n" "a/f\tp\t0600\t0\t0\n"
     "a/g\th\ta/b\n" "a/h\tw\n" "a/i\tf\t4755\t0\t0\t9\t" HEX "\txattr security.capability=00ff\txattr user.x=\n", true},
    {"escapes", HEAD DIR_LINE("a\\011b") DIR_LINE("a\\012b") DIR_LINE("a b") DIR_LINE("a\\134b"), true},
    {"nothing", "", false},
    {"no header", DIR_LINE("a"), false},
    {"part of the header", "dfgen-list", false},
    {"another version", "dfgen-list 2\n", false},
    {"no newline at the end", HEAD "a\td\t0755\t0\t0", false},
    {"an empty line", HEAD "\n", false},
    {"no type", HEAD "a\n", false},
    {"a long type", HEAD "a\tdd\t0755\t0\t0\n", false},
    {"unknown type", HEAD "a\tx\t0755\t0\t0\n", false},
    {"no mode", HEAD "a\td\n", false},
    {"a short mode", HEAD "a\td\t755\t0\t0\n", false},
    {"a mode that is not octal", HEAD "a\td\t0758\t0\t0\n", false},
    {"no group", HEAD "a\td\t0755\t0\n", false},
    {"owner too large", HEAD "a\td\t0755\t4294967296\t0\n", false},
    {"owner signed", HEAD "a\td\t0755\t-1\t0\n", false},
    {"a leading zero", HEAD "a\td\t0755\t00\t0\n", false},
    {"trailing tab", HEAD "a\td\t0755\t0\t0\t\n", false},
    {"a field too many", HEAD "a\td\t0755\t0\t0\tx\n", false},
    {"whiteout with mode", HEAD "a\tw\t0755\n", false},
    {"whiteout with tab", HEAD "a\tw\t\n", false},
    {"link with tab", HEAD FILE_LINE("a") "b\th\ta\t\n", false},
    {"size too large", HEAD "a\tf\t0644\t0\t0\t9223372036854775808\t" HEX "\n", false},
    {"largest size", HEAD "a\tf\t0644\t0\t0\t9223372036854775807\t" HEX "\n", true},
    {"no digest", HEAD "a\tf\t0644\t0\t0\t0\n", false},
    {"a short digest", HEAD "a\tf\t0644\t0\t0\t0\te3b0\n", false},
    {"upper case digest", HEAD "a\tf\t0644\t0\t0\t0\tE3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n", false},
    {"no target", HEAD "a\tl\t0777\t0\t0\n", false},
    {"no device", HEAD "a\tc\t0600\t0\t0\n", false},
    {"device without minor", HEAD "a\tc\t0600\t0\t0\t1:\n", false},
    {"device without colon", HEAD "a\tc\t0600\t0\t0\t1\n", false},
    {"xattr without value", HEAD "a\td\t0755\t0\t0\txattr x\n", false},
    {"xattr without name", HEAD "a\td\t0755\t0\t0\txattr =00\n", false},
    {"xattr with half a byte", HEAD "a\td\t0755\t0\t0\txattr x=0\n", false},
    {"xattr that is no hex", HEAD "a\td\t0755\t0\t0\txattr x=zz\n", false},
    {"absolute", HEAD DIR_LINE("/a"), false},
    {"trailing slash", HEAD DIR_LINE("a/"), false},
    {"double slash", HEAD DIR_LINE("a//b"), false},
    {"dot", HEAD DIR_LINE("a/./b"), false},
    {"up", HEAD DIR_LINE("../b"), false},
    {"three dots", HEAD DIR_LINE("..."), true},
    {"stray backslash", HEAD DIR_LINE("a\\b"), false},
    {"escape of another byte", HEAD DIR_LINE("a\\040b"), false},
    {"escape cut short", HEAD DIR_LINE("a\\01"), false},
    {"root is a file", HEAD FILE_LINE(""), false},
    {"twice the same", HEAD DIR_LINE("a") DIR_LINE("a"), false},
    {"out of order", HEAD DIR_LINE("b") DIR_LINE("a"), false},
    {"slash sorts as a byte", HEAD DIR_LINE("a") DIR_LINE("a-b") DIR_LINE("a/b"), true},
    {"order of components", HEAD DIR_LINE("a") DIR_LINE("a/b") DIR_LINE("a-b"), false},
    {"bytes above 127 sort last", HEAD DIR_LINE("a") DIR_LINE("\xc3\xa4"), true},
    {"escaped bytes sort as what they are", HEAD DIR_LINE("a\\134") DIR_LINE("aZ"), false},
    {"link to nothing", HEAD "b\th\ta\n", false},
    {"link to a later name", HEAD "a\th\tb\n" FILE_LINE("b"), false},
    {"link to itself", HEAD "a\th\ta\n", false},
    {"link to a link", HEAD FILE_LINE("a") "b\th\ta\n" "c\th\tb\n", false},
    {"link to a folder", HEAD DIR_LINE("a") "b\th\ta\n", false},
    {"link to a whiteout", HEAD "a\tw\n" "b\th\ta\n", false},
};

static void test_texts(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *why = NULL;
        unit_row("text: %s", texts[i].name);
        errno = 0;
        struct list *list = open_text(texts[i].text, strlen(texts[i].text), &why);
        UNIT_TRUE(!list == !texts[i].is_good);
        if (!list) {
            UNIT_INT(EINVAL, errno);
            UNIT_TRUE(why != NULL);
        }
        list_close(list);
    }
    unit_row("a NUL in a path");
    UNIT_TRUE(!open_text(HEAD "a\0b\td\t0755\t0\t0\n", sizeof HEAD + 15, NULL));
}

/* Every beginning and every changed byte of a good text: opened or refused, never a crash while reading it. */
static void test_damage(void)
{
    const char *good = texts[1].text;
    size_t len = strlen(good);
    unit_row("damage");
    for (size_t cut = 0; cut < len; cut++)
        for (int byte = 0; byte < 4; byte++) {
            char *text = malloc(len);
            memcpy(text, good, len);
            text[cut] = "\t\n\\\0"[byte];
            struct list *list = list_from_text(text, byte == 3 ? cut : len, NULL);
            struct arena arena = {0};
            struct entry entry;
            for (size_t i = 0; list && i < list_count(list); i++)
                list_entry(list, i, &arena, &entry);
            arena_free(&arena);
            list_close(list);
        }
    UNIT_TRUE(true);
}

static void test_decode(void)
{
    struct arena arena = {0};
    struct entry entry;
    struct list *list = open_text(texts[1].text, strlen(texts[1].text), NULL);
    unit_row("decode");
    if (!UNIT_TRUE(list))
        return;
    UNIT_INT(10, list_count(list));
    list_entry(list, 1, &arena, &entry);
    UNIT_STR("a", entry.path);
    UNIT_INT(ENTRY_OPAQUE, entry.type);
    UNIT_INT(01777, entry.mode);
    UNIT_INT(4294967295, entry.gid);
    list_entry(list, 3, &arena, &entry);
    UNIT_STR("../x y", entry.target);
    list_entry(list, 4, &arena, &entry);
    UNIT_INT(1, entry.major);
    UNIT_INT(3, entry.minor);
    list_entry(list, 7, &arena, &entry);
    UNIT_STR("a/b", entry.target);
    list_entry(list, 9, &arena, &entry);
    UNIT_INT(9, entry.size);
    UNIT_INT(2, entry.xattr_count);
    UNIT_STR("security.capability", entry.xattrs[0].name);
    UNIT_STR("00ff", entry.xattrs[0].hex);
    UNIT_STR("", entry.xattrs[1].hex);
    list_close(list);
    arena_free(&arena);
}

static void test_find(void)
{
    static const struct {
        const char *path;
        int64_t found, bound;
    } rows[] = {
        {"", -1, 0}, {"a", 0, 0}, {"a\tb", 1, 1}, {"a\nb", 2, 2}, {"a\\", 3, 3}, {"a/b", -1, 3}, {"b", -1, 4}, {"a\xff", -1, 4},
    };
    const char *text = HEAD DIR_LINE("a") DIR_LINE("a\\011b") DIR_LINE("a\\012b") DIR_LINE("a\\134");
    struct list *list = open_text(text, strlen(text), NULL);
    struct arena arena = {0};
    for (size_t i = 0; list && i < sizeof rows / sizeof *rows; i++) {
        unit_row("find %zu", i);
        UNIT_INT(rows[i].found, list_find(list, rows[i].path));
        UNIT_INT(rows[i].bound, list_lower_bound(list, rows[i].path));
        if (rows[i].found >= 0)
            UNIT_STR(rows[i].path, list_path(list, (size_t)rows[i].found, &arena));
    }
    unit_row("find in a part");
    UNIT_INT(2, list_lower_bound_in(list, "a", 2, 4));
    UNIT_INT(3, list_lower_bound_in(list, "z", 1, 3));
    arena_free(&arena);
    list_close(list);
}

/* --- building --- */

static struct entry file(const char *path, int64_t size)
{
    struct entry entry = {.path = path, .type = ENTRY_FILE, .mode = 0644, .size = size};
    digest_parse(HEX, &entry.digest);
    return entry;
}

static struct entry link_to(const char *path, const char *target)
{
    return (struct entry){.path = path, .type = ENTRY_HARDLINK, .target = target};
}

static const struct {
    const char *name;
    struct entry entries[6];
    const char *text;
} builds[] = {
    {"nothing", {{0}}, HEAD},
    {"sorted by bytes", {{.path = "a/b", .type = 'd', .mode = 0755}, {.path = "a", .type = 'd', .mode = 0755},
                         {.path = "a-b", .type = 'd', .mode = 0755}},
     HEAD DIR_LINE("a") DIR_LINE("a-b") DIR_LINE("a/b")},
    {"the later one wins", {{.path = "a", .type = 'd', .mode = 0700}, {.path = "b", .type = 'w'}, {.path = "a", .type = 'd', .mode = 0755}},
     HEAD DIR_LINE("a") "b\tw\n"},
    {"escaped", {{.path = "a\tb\nc\\d", .type = 'l', .mode = 0777, .target = "x\ty"}},
     HEAD "a\\011b\\012c\\134d\tl\t0777\t0\t0\tx\\011y\n"},
    {"xattrs sorted", {{.path = "a", .type = 'p', .mode = 0600, .uid = 7, .gid = 8,
                        .xattrs = (const struct entry_xattr[]){{"user.b", "00"}, {"user.a", "ff"}}, .xattr_count = 2}},
     HEAD "a\tp\t0600\t7\t8\txattr user.a=ff\txattr user.b=00\n"},
    {"devices", {{.path = "n", .type = 'c', .mode = 0666, .major = 1, .minor = 3}}, HEAD "n\tc\t0666\t0\t0\t1:3\n"},
    {"opaque root", {{.path = "", .type = 'D', .mode = 0755}}, HEAD "\tD\t0755\t0\t0\n"},
};

static void claim_text(struct list_builder *builder, const char *want)
{
    struct buf text = {0};
    struct digest digest;
    list_builder_finish(builder, &text, &digest);
    UNIT_STR(want, buf_text(&text));
    struct digest sum = digest_of(text.data, text.len);
    UNIT_MEM(sum.bytes, sizeof sum.bytes, digest.bytes, sizeof digest.bytes);
    struct list *list = open_text(text.data, text.len, NULL);
    UNIT_TRUE(list);
    list_close(list);
    buf_free(&text);
}

static void test_build(void)
{
    for (size_t i = 0; i < sizeof builds / sizeof *builds; i++) {
        unit_row("build: %s", builds[i].name);
        struct list_builder *builder = list_builder_new();
        for (size_t k = 0; builds[i].entries[k].path; k++)
            list_builder_add(builder, &builds[i].entries[k]);
        claim_text(builder, builds[i].text);
    }
}

/* Whichever name was met first, the first in byte order is the file. */
static void test_links(void)
{
    static const char *const targets[][3] = {{"", "a", "a"}, {"b", "", "b"}, {"b", "c", ""}, {"c", "a", ""}};
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct list_builder *builder = list_builder_new();
        unit_row("links %zu", i);
        for (int k = 2; k >= 0; k--) {
            struct entry entry = *targets[i][k] ? link_to(names[k], targets[i][k]) : file(names[k], 0);
            list_builder_add(builder, &entry);
        }
        claim_text(builder, HEAD FILE_LINE("a") "b\th\ta\n" "c\th\ta\n");
    }
}

static void test_large(void)
{
    enum { COUNT = 100000 };
    struct list_builder *builder = list_builder_new();
    struct timespec begin, end;
    struct buf text = {0};
    struct digest digest;
    char path[100];
    unit_row("100,000 entries");
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(path, sizeof path, "usr/lib/node_modules/folder%u/file%u.js", i * 7919 % 1000, i * 104729 % COUNT);
        struct entry entry = file(path, i);
        list_builder_add(builder, &entry);
    }
    list_builder_finish(builder, &text, &digest);
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("built in %ld ms\n", (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000);
    struct list *list = open_text(text.data, text.len, NULL);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    printf("opened in %ld ms\n", (begin.tv_sec - end.tv_sec) * 1000 + (begin.tv_nsec - end.tv_nsec) / 1000000);
    if (UNIT_TRUE(list))
        UNIT_INT(COUNT, list_count(list));
    list_close(list);
    buf_free(&text);
}

static void test_open(void)
{
    const char *why;
    unit_row("open a file");
    UNIT_INT(0, file_write_at(AT_FDCWD, "list", HEAD DIR_LINE("a"), sizeof HEAD DIR_LINE("a") - 1, 0644));
    struct list *list = list_open_at(AT_FDCWD, "list", &why);
    if (UNIT_TRUE(list))
        UNIT_INT(0, list_find(list, "a"));
    list_close(list);
    unit_row("open nothing");
    UNIT_TRUE(!list_open_at(AT_FDCWD, "none", &why));
    UNIT_INT(ENOENT, errno);
    unit_row("open a folder");
    UNIT_TRUE(!list_open_at(AT_FDCWD, ".", &why));
    UNIT_INT(EINVAL, errno);
    unit_row("open an empty file");
    UNIT_INT(0, file_write_at(AT_FDCWD, "empty", "", 0, 0644));
    UNIT_TRUE(!list_open_at(AT_FDCWD, "empty", &why));
    UNIT_INT(EINVAL, errno);
    unit_row("open a symlink");
    UNIT_INT(0, symlink("list", "link"));
    UNIT_TRUE(!list_open_at(AT_FDCWD, "link", &why));
    unlink("list");
    unlink("empty");
    unlink("link");
}

/* The text of every good listing above is what its entries come to, added in order. */
static void test_text(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!texts[i].is_good)
            continue;
        unit_row("%s", texts[i].name);
        struct list *list = open_text(texts[i].text, strlen(texts[i].text), NULL);
        struct arena arena = {0};
        struct buf text = {0};
        list_text_begin(&text);
        for (size_t k = 0; k < list_count(list); k++) {
            struct entry entry;
            list_entry(list, k, &arena, &entry);
            list_text_add(&text, &entry);
        }
        UNIT_STR(texts[i].text, buf_text(&text));
        buf_free(&text);
        arena_free(&arena);
        list_close(list);
    }
}

int main(void)
{
    test_texts();
    test_damage();
    test_decode();
    test_find();
    test_build();
    test_text();
    test_links();
    test_large();
    test_open();
    return unit_end();
}
