/* runtime/lib/fdio.c: files are read whole or not at all, replaced in one step, copied exactly, and trees go however they are locked. */
#include "runtime/lib/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

static void claim_content(const char *path, const char *want)
{
    struct buf text = {0};
    UNIT_INT(0, file_read_at(AT_FDCWD, path, &text, 1 << 20));
    UNIT_STR(want, buf_text(&text));
    buf_free(&text);
}

static void test_read(void)
{
    static const struct {
        const char *path;
        size_t limit;
        int error;
    } rows[] = {{"five", 5, 0}, {"five", 4, EFBIG}, {"five", 6, 0}, {"none", 5, ENOENT}, {".", 5, EISDIR}, {"fifo", 5, EINVAL},
                {"empty", 0, 0}, {"/proc/self/cmdline", 100000, 0}, {"/proc/self/status", 3, EFBIG}};
    file_write_at(AT_FDCWD, "five", "12345", 5, 0644);
    file_write_at(AT_FDCWD, "empty", NULL, 0, 0644);
    mkfifo("fifo", 0644);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf text = {0};
        unit_row("read %s up to %zu", rows[i].path, rows[i].limit);
        errno = 0;
        int result = file_read_at(AT_FDCWD, rows[i].path, &text, rows[i].limit);
        UNIT_INT(rows[i].error, result < 0 ? errno : 0);
        buf_free(&text);
    }
    unit_row("read appends");
    struct buf text = {0};
    buf_puts(&text, "0");
    UNIT_INT(0, file_read_at(AT_FDCWD, "five", &text, 5));
    UNIT_STR("012345", buf_text(&text));
    buf_free(&text);
    unit_row("pread beyond the end");
    autoclose int fd = open("five", O_RDONLY | O_CLOEXEC);
    char data[5];
    UNIT_INT(0, fd_pread_all(fd, data, 3, 2));
    UNIT_MEM("345", 3, data, 3);
    UNIT_INT(-1, fd_pread_all(fd, data, 4, 2));
    UNIT_INT(EIO, errno);
}

static void test_write(void)
{
    struct stat st, again;
    bool changed;
    char pid_name[64];
    unit_row("mode is exact");
    UNIT_INT(0, file_write_at(AT_FDCWD, "new", "x", 1, 0666));
    UNIT_INT(0, stat("new", &st));
    UNIT_INT(0666, st.st_mode & 07777);
    unit_row("what a killed one left is in nobody's way");
    snprintf(pid_name, sizeof pid_name, "new.%ld.tmp", (long)getpid());
    close(open(pid_name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    UNIT_INT(0, file_write_at(AT_FDCWD, "new", "y", 1, 0644));
    claim_content("new", "y");
    UNIT_INT(-1, stat(pid_name, &st));
    unit_row("nothing is left after a failure");
    mkdir("folder", 0755);
    mkdir("folder/x", 0755);
    UNIT_INT(-1, file_write_at(AT_FDCWD, "folder", "y", 1, 0644));
    snprintf(pid_name, sizeof pid_name, "folder.%ld.tmp", (long)getpid());
    UNIT_INT(-1, stat(pid_name, &st));
    unit_row("a symlink is replaced, not followed");
    symlink("five", "link");
    UNIT_INT(0, file_write_at(AT_FDCWD, "link", "z", 1, 0644));
    claim_content("five", "12345");
    unit_row("same content");
    UNIT_INT(0, stat("new", &st));
    UNIT_INT(0, file_write_if_changed_at(AT_FDCWD, "new", "y", 1, &changed));
    UNIT_INT(0, stat("new", &again));
    UNIT_TRUE(!changed && st.st_ino == again.st_ino);
    static const char *const others[] = {"", "yy", "z"};
    for (size_t i = 0; i < 3; i++) {
        unit_row("other content %s", others[i]);
        UNIT_INT(0, file_write_if_changed_at(AT_FDCWD, "new", others[i], strlen(others[i]), &changed));
        UNIT_TRUE(changed);
        claim_content("new", others[i]);
    }
}

static void test_copy(void)
{
    static const struct {
        int64_t offset, size;
        const char *want;
        int error;
    } rows[] = {{0, -1, "12345", 0}, {2, -1, "345", 0}, {1, 2, "23", 0}, {0, 0, "", 0}, {0, 6, "12345", EIO}, {5, -1, "", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("copy %zu", i);
        autoclose int from = open("five", O_RDONLY | O_CLOEXEC), to = open("copy", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        lseek(from, rows[i].offset, SEEK_SET);
        errno = 0;
        int result = fd_copy(from, to, rows[i].size);
        UNIT_INT(rows[i].error, result < 0 ? errno : 0);
        claim_content("copy", rows[i].want);
    }
    unit_row("copy from a pipe");
    int ends[2];
    UNIT_INT(0, pipe(ends));
    UNIT_INT(0, fd_write_all(ends[1], "pipe", 4));
    close(ends[1]);
    autoclose int to = open("copy", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    UNIT_INT(0, fd_copy(ends[0], to, -1));
    close(ends[0]);
    claim_content("copy", "pipe");
    unit_row("copy what claims to be empty");
    autoclose int proc = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    UNIT_INT(0, ftruncate(to, 0));
    lseek(to, 0, SEEK_SET);
    UNIT_INT(0, fd_copy(proc, to, -1));
    UNIT_TRUE(lseek(to, 0, SEEK_END) > 0);
}

static void test_folders(void)
{
    static const struct {
        const char *path;
        int error;
    } rows[] = {{"d/e/f", 0}, {"d/e/f/", 0}, {"d//e", 0}, {"", 0}, {"five", ENOTDIR}, {"five/x", ENOTDIR}, {"/tmp", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("make folder %s", rows[i].path);
        errno = 0;
        int result = dir_make_at(AT_FDCWD, rows[i].path, 0755);
        UNIT_INT(rows[i].error, result < 0 ? errno : 0);
    }
}

static void test_remove(void)
{
    struct stat st;
    unit_row("remove a locked tree");
    dir_make_at(AT_FDCWD, "gone/a/b", 0755);
    file_write_at(AT_FDCWD, "gone/a/b/file", "x", 1, 0400);
    mkdir("stay", 0755);
    file_write_at(AT_FDCWD, "stay/file", "x", 1, 0644);
    symlink("../../stay", "gone/a/link");
    chmod("gone/a/b", 0);
    chmod("gone/a", 0500);
    UNIT_INT(0, tree_remove_at(AT_FDCWD, "gone"));
    UNIT_INT(-1, lstat("gone", &st));
    unit_row("not through symlinks");
    UNIT_INT(0, stat("stay/file", &st));
    symlink("stay", "to-stay");
    UNIT_INT(0, tree_remove_at(AT_FDCWD, "to-stay"));
    UNIT_INT(0, stat("stay/file", &st));
    unit_row("nothing there");
    UNIT_INT(0, tree_remove_at(AT_FDCWD, "gone"));
    unit_row("link");
    UNIT_INT(0, file_link_or_copy_at(AT_FDCWD, "stay/file", AT_FDCWD, "stay/other", 0644));
    claim_content("stay/other", "x");
    unit_row("link over what is there");
    UNIT_INT(-1, file_link_or_copy_at(AT_FDCWD, "stay/file", AT_FDCWD, "stay/other", 0644));
    UNIT_INT(EEXIST, errno);
}

int main(void)
{
    umask(022);
    test_read();
    test_write();
    test_copy();
    test_folders();
    test_remove();
    static const char *const made[] = {"five", "empty", "fifo", "new", "folder", "link", "copy", "d", "stay"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        tree_remove_at(AT_FDCWD, made[i]);
    return unit_end();
}
