/*
 * runtime/lib/rewrite.c: a file written in pieces has all of them, is left alone when they are what it has, and is as it
 * was when it cannot be written.
 */
#include "runtime/lib/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "tests/unit/unit.h"

enum { PIECE = 1000 };

/* len bytes, each telling its place; from odd on, others. */
static struct buf bytes(size_t len, size_t odd)
{
    struct buf text = {0};
    for (size_t i = 0; i < len; i++)
        buf_putc(&text, (char)('a' + i / 7 % 26 - (i >= odd ? 32 : 0)));
    return text;
}

static int say(const char *path, const struct buf *text)
{
    struct rewrite rewrite;
    rewrite_begin(&rewrite, path);
    for (size_t at = 0; at < text->len; at += PIECE)
        rewrite_add(&rewrite, text->data + at, text->len - at < PIECE ? text->len - at : PIECE);
    return rewrite_end(&rewrite);
}

static void claim_file(const char *path, const struct buf *want)
{
    struct buf text = {0};
    UNIT_INT(0, file_read_at(AT_FDCWD, path, &text, 1 << 22));
    UNIT_MEM(buf_text(want), want->len, buf_text(&text), text.len);
    buf_free(&text);
}

static void test_content(void)
{
    static const size_t sizes[] = {0, 1, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, 300 * 1024};
    size_t count = sizeof sizes / sizeof *sizes;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            struct buf before = bytes(sizes[i], SIZE_MAX), after = bytes(sizes[k], SIZE_MAX);
            struct stat old, new;
            unit_row("%zu bytes become %zu", sizes[i], sizes[k]);
            file_write_at(AT_FDCWD, "file", buf_text(&before), before.len, 0644);
            stat("file", &old);
            UNIT_INT(0, say("file", &after));
            claim_file("file", &after);
            UNIT_INT(0, stat("file", &new));
            UNIT_INT(0644, new.st_mode & 07777);
            UNIT_TRUE((i == k) == (old.st_ino == new.st_ino));
            buf_free(&before);
            buf_free(&after);
        }
    }
}

static void test_difference(void)
{
    static const size_t places[] = {0, 1, 16 * 1024, 128 * 1024 - 1, 128 * 1024, 200 * 1024, 300 * 1024 - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct buf before = bytes(300 * 1024, SIZE_MAX), after = bytes(300 * 1024, places[i]);
        unit_row("different from %zu on", places[i]);
        file_write_at(AT_FDCWD, "file", before.data, before.len, 0644);
        UNIT_INT(0, say("file", &after));
        claim_file("file", &after);
        buf_free(&before);
        buf_free(&after);
    }
}

static void test_others(void)
{
    struct buf text = bytes(200 * 1024, SIZE_MAX);
    unit_row("a new file");
    unlink("file");
    UNIT_INT(0, say("file", &text));
    claim_file("file", &text);
    unit_row("no folder");
    UNIT_INT(-1, say("none/file", &text));
    UNIT_INT(ENOENT, errno);
    unit_row("a folder is not replaced");
    mkdir("folder", 0755);
    UNIT_INT(-1, say("folder", &text));
    UNIT_INT(EISDIR, errno);
    char *left = xasprintf("folder.%ld.tmp", (long)getpid());
    UNIT_TRUE(access(left, F_OK) < 0);
    free(left);
    unit_row("what a killed process left");
    left = xasprintf("other.%ld.tmp", (long)getpid());
    file_write_at(AT_FDCWD, left, "x", 1, 0400);
    UNIT_INT(0, say("other", &text));
    claim_file("other", &text);
    UNIT_TRUE(access(left, F_OK) < 0);
    free(left);
    buf_free(&text);
}

int main(void)
{
    test_content();
    test_difference();
    test_others();
    return unit_end();
}
