/* runtime/lib/digest.c: known sums, strict names, and fields that never run together. */
#include "runtime/lib/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"
#include "tests/unit/unit.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_sums(void)
{
    static const char *const rows[][2] = {{"", EMPTY}, {"abc", ABC}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char hex[DIGEST_HEX + 1];
        int64_t size;
        unit_row("sum of %s", rows[i][0]);
        struct digest digest = digest_of(rows[i][0], strlen(rows[i][0])), parsed, file;
        digest_hex(&digest, hex);
        UNIT_STR(rows[i][1], hex);
        UNIT_TRUE(digest_parse(hex, &parsed));
        UNIT_MEM(digest.bytes, DIGEST_SIZE, parsed.bytes, DIGEST_SIZE);
        UNIT_INT(0, file_write_at(AT_FDCWD, "file", rows[i][0], strlen(rows[i][0]), 0644));
        autoclose int fd = open("file", O_RDONLY | O_CLOEXEC);
        UNIT_INT(0, digest_fd(fd, &file, &size));
        UNIT_INT(strlen(rows[i][0]), size);
        UNIT_MEM(digest.bytes, DIGEST_SIZE, file.bytes, DIGEST_SIZE);
        unlink("file");
    }
    unit_row("a folder cannot be summed");
    autoclose int dir = open(".", O_RDONLY | O_CLOEXEC);
    struct digest digest;
    int64_t size;
    UNIT_INT(-1, digest_fd(dir, &digest, &size));
    UNIT_INT(EISDIR, errno);
}

static void test_fields(void)
{
    struct digest_state one, two;
    unit_row("fields");
    digest_begin(&one);
    digest_add_field(&one, "ab");
    digest_add_field(&one, "c");
    digest_begin(&two);
    digest_add_field(&two, "a");
    digest_add_field(&two, "bc");
    struct digest a = digest_end(&one), b = digest_end(&two);
    UNIT_TRUE(memcmp(a.bytes, b.bytes, DIGEST_SIZE));
    unit_row("in pieces");
    digest_begin(&one);
    digest_add(&one, "a", 1);
    digest_add(&one, "bc", 2);
    a = digest_end(&one);
    b = digest_of("abc", 3);
    UNIT_MEM(b.bytes, DIGEST_SIZE, a.bytes, DIGEST_SIZE);
}

static void test_names(void)
{
    static const struct {
        const char *name;
        bool is_valid;
    } rows[] = {
        {"sha256:" ABC, true}, {"sha256:" ABC "0", false}, {"sha256:", false}, {"", false}, {ABC, false}, {"sha512:" ABC, false},
        {"SHA256:" ABC, false}, {"sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", false},
        {"sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", false}, {"sha256:/../../../../../../../../x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("name %s", rows[i].name);
        UNIT_INT(rows[i].is_valid, digest_is_valid_name(rows[i].name));
    }
}

int main(void)
{
    test_sums();
    test_fields();
    test_names();
    return unit_end();
}
