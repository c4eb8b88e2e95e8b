/* runtime/lib/path.c: path text is cleaned as Go does it, and no name leaves the root that it is opened in. */
#include "runtime/lib/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "tests/unit/unit.h"

static void test_clean(void)
{
    static const struct {
        const char *path, *go, *below;
    } rows[] = {
        {"", ".", ""}, {".", ".", ""}, {"/", "/", ""}, {"//", "/", ""}, {"a", "a", "a"}, {"/a", "/a", "a"}, {"a/", "a", "a"},
        {"a//b", "a/b", "a/b"}, {"a/./b", "a/b", "a/b"}, {"a/../b", "b", "b"}, {"a/..", ".", ""}, {"..", "..", ""},
        {"../..", "../..", ""}, {"../a", "../a", "a"}, {"/..", "/", ""}, {"/../a", "/a", "a"}, {"a/../..", "..", ""},
        {"a/../../b", "../b", "b"}, {"../../a/../b", "../../b", "b"}, {"abc/def/../../..", "..", ""}, {"/abc/def/../../..", "/", ""},
        {"...", "...", "..."}, {"a/...", "a/...", "a/..."}, {".a", ".a", ".a"}, {"a/b/../c/./d//", "a/c/d", "a/c/d"}, {"./", ".", ""},
        {"a/b/..", "a", "a"}, {"../a/b/../..", "..", ""}, {"\xff/..\xff", "\xff/..\xff", "\xff/..\xff"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        unit_row("clean %s", rows[i].path);
        UNIT_STR(rows[i].go, path_clean_go(&arena, span_of(rows[i].path)));
        UNIT_STR(rows[i].below, path_clean(&arena, span_of(rows[i].path)));
        arena_free(&arena);
    }
}

static void test_text(void)
{
    static const struct {
        const char *a, *b, *joined;
    } joins[] = {{"a", "b", "a/b"}, {"", "b", "b"}, {".", "b", "b"}, {"a/", "b", "a/b"}, {"a", "/b", "/b"}, {"a", "", "a"}, {"a", ".", "a"},
                 {"/", "b", "/b"}, {"", "", ""}};
    static const struct {
        const char *from, *path, *relative;
    } relatives[] = {{"/a/b", "/a/c", "../c"}, {"/a", "/a", "."}, {"/a", "/a/b/c", "b/c"}, {"/a/b/c", "/a", "../.."}, {"/", "/a", "a"},
                     {"/a", "/", ".."}, {"/ab", "/a", "../a"}, {"/a", "/ab", "../ab"}, {"/a/b", "/c/d", "../../c/d"}};
    static const struct {
        const char *path, *dir;
        bool is_below;
    } belows[] = {{"a/b", "a", true}, {"a", "a", true}, {"ab", "a", false}, {"a", "a/b", false}, {"a", "", true}, {"", "", true}, {"", "a", false}};
    static const char *const bases[][2] = {{"a/b", "b"}, {"a", "a"}, {"", ""}, {"a/", ""}};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        unit_row("join %s %s", joins[i].a, joins[i].b);
        UNIT_STR(joins[i].joined, path_join(&arena, joins[i].a, joins[i].b));
    }
    for (size_t i = 0; i < sizeof relatives / sizeof *relatives; i++) {
        unit_row("from %s to %s", relatives[i].from, relatives[i].path);
        UNIT_STR(relatives[i].relative, path_relative(&arena, relatives[i].from, relatives[i].path));
    }
    for (size_t i = 0; i < sizeof belows / sizeof *belows; i++) {
        unit_row("is %s below %s", belows[i].path, belows[i].dir);
        UNIT_INT(belows[i].is_below, path_is_below(belows[i].path, belows[i].dir));
    }
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        unit_row("base of %s", bases[i][0]);
        UNIT_STR(bases[i][1], path_base(bases[i][0]));
    }
    arena_free(&arena);
}

static void test_open(void)
{
    static const struct {
        const char *name;
        int error;
    } rows[] = {
        {"dir/file", 0}, {"/dir/file", 0}, {"../../dir/file", 0}, {"absolute", 0}, {"up", 0}, {"", 0}, {"/", 0}, {"none", ENOENT},
        {"dangling", ENOENT}, {"loop", ELOOP}, {"dir/file/x", ENOTDIR}, {"out", ENOENT},
    };
    mkdir("root", 0755);
    mkdir("root/dir", 0755);
    close(open("root/dir/file", O_CREAT | O_WRONLY, 0644));
    close(open("secret", O_CREAT | O_WRONLY, 0644));
    symlink("/dir/file", "root/absolute");
    symlink("../../../dir/file", "root/up");
    symlink("../secret", "root/out");
    symlink("none", "root/dangling");
    symlink("loop", "root/loop");
    autoclose int root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("open %s", rows[i].name);
        errno = 0;
        autoclose int fd = path_open_in(root, rows[i].name, O_RDONLY);
        UNIT_INT(rows[i].error, fd >= 0 ? 0 : errno);
        if (fd >= 0)
            UNIT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    unit_row("magic links are refused");
    autoclose int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int fd = path_open_in(proc, "self/cwd", O_RDONLY);
    UNIT_INT(-1, fd);
    tree_remove_at(AT_FDCWD, "root");
    unlink("secret");
}

int main(void)
{
    test_clean();
    test_text();
    test_open();
    return unit_end();
}
