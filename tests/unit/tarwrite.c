/*
 * Guards runtime/tar/write: what it writes reads back the same (by runtime/tar/read), ustar suffices where it can, and pax is
 * used where it cannot.
 */
#include "unit.h"

#include "runtime/tar/read.h"
#include "runtime/tar/write.h"

#include <unistd.h>

#include "runtime/lib/buf.h"

static int put(void *data, const void *bytes, size_t len)
{
    buf_add(data, bytes, len);
    return 0;
}

/* len bytes of letter, with a slash at each of the places. */
static const char *name_of(size_t len, size_t slash, size_t other)
{
    static char names[16][512];
    static size_t turn;
    char *name = names[turn++ % 16];
    memset(name, 'n', len);
    name[len] = 0;
    if (slash)
        name[slash] = '/';
    if (other)
        name[other] = '/';
    return name;
}

static void check(const char *label, const struct tar_entry *entry, bool wants_pax)
{
    struct buf tar = {0};
    struct tar_sink sink = {put, &tar};
    struct tar_entry back = {0};
    char clean[TAR_NAME_MAX];
    unit_row("%s", label);
    UNIT_INT(0, tar_put_header(&sink, entry));
    size_t headers = tar.len / 512;
    UNIT_TRUE(wants_pax ? headers >= 3 && tar.data[156] == 'x' : headers == 1);
    UNIT_MEM("ustar\0" "00", 8, tar.data + 257, 8);
    /* The content of large files is left out: reading stops before it is missed. */
    FILE *file = tmpfile();
    fwrite(tar.data, 1, tar.len, file);
    fflush(file);
    struct tar_reader *reader = tar_open(fileno(file));
    if (UNIT_INT(1, tar_next(reader, &back))) {
        UNIT_STR(NULL, tar_clean_name(back.name, clean));
        UNIT_STR(entry->name, clean);
        UNIT_STR(entry->link, back.link);
        UNIT_INT(entry->type, back.type);
        UNIT_INT(entry->mode, back.mode);
        UNIT_INT(entry->uid, back.uid);
        UNIT_INT(entry->gid, back.gid);
        UNIT_INT(entry->size, back.size);
        UNIT_INT(entry->mtime.tv_sec, back.mtime.tv_sec);
        UNIT_INT(entry->major, back.major);
        UNIT_INT(entry->minor, back.minor);
        UNIT_INT(entry->xattr_count, back.xattr_count);
        for (size_t i = 0; i < entry->xattr_count && i < back.xattr_count; i++)
            UNIT_MEM(entry->xattrs[i].value, entry->xattrs[i].size, back.xattrs[i].value, back.xattrs[i].size);
    }
    tar_close(reader);
    fclose(file);
    buf_free(&tar);
}

static void test_round_trips(void)
{
    static const struct tar_xattr capability = {"security.capability", "\1\0\0\2\0\4\0\0\n=\0\0\0\0\0\0\0\0\0\0", 20};
    const struct {
        const char *label;
        struct tar_entry entry;
        bool wants_pax;
    } rows[] = {
        {"root", {.name = "", .type = TAR_DIR, .mode = 0700, .link = ""}, false},
        {"file", {.name = "a", .type = TAR_FILE, .mode = 04755, .link = "", .uid = 1, .gid = 2, .mtime.tv_sec = 1735689600}, false},
        {"bytes", {.name = "\xff\n\xc3\xa9", .type = TAR_FILE, .link = ""}, false},
        {"name 100", {.name = name_of(100, 0, 0), .type = TAR_FILE, .link = ""}, false},
        {"name 101", {.name = name_of(101, 0, 0), .type = TAR_FILE, .link = ""}, true},
        {"name 101 with a slash", {.name = name_of(101, 1, 0), .type = TAR_FILE, .link = ""}, false},
        {"folder 99", {.name = name_of(99, 0, 0), .type = TAR_DIR, .link = ""}, false},
        {"folder 100", {.name = name_of(100, 0, 0), .type = TAR_DIR, .link = ""}, true},
        {"name 255", {.name = name_of(256, 155, 0), .type = TAR_FILE, .link = ""}, false},
        {"prefix 156", {.name = name_of(257, 156, 0), .type = TAR_FILE, .link = ""}, true},
        {"slash at 99", {.name = name_of(300, 99, 200), .type = TAR_FILE, .link = ""}, true},
        {"link 100", {.name = "l", .type = TAR_SYMLINK, .mode = 0777, .link = name_of(100, 1, 2)}, false},
        {"link 101", {.name = "l", .type = TAR_SYMLINK, .mode = 0777, .link = name_of(101, 1, 2)}, true},
        {"hard link", {.name = "l", .type = TAR_HARDLINK, .mode = 0644, .link = "b/c"}, false},
        {"id 2097151", {.name = "u", .type = TAR_FILE, .link = "", .uid = 2097151}, false},
        {"id 2097152", {.name = "u", .type = TAR_FILE, .link = "", .uid = 2097152, .gid = UINT32_MAX - 1}, true},
        {"size 8 GiB - 1", {.name = "s", .type = TAR_FILE, .link = "", .size = (8LL << 30) - 1}, false},
        {"size 8 GiB", {.name = "s", .type = TAR_FILE, .link = "", .size = 8LL << 30}, true},
        {"before 1970", {.name = "t", .type = TAR_FILE, .link = "", .mtime.tv_sec = -7}, true},
        {"device", {.name = "d", .type = TAR_BLOCK, .mode = 0600, .link = "", .major = 8, .minor = 1}, false},
        {"fifo", {.name = "p", .type = TAR_FIFO, .link = ""}, false},
        {"capability", {.name = "c", .type = TAR_FILE, .link = "", .xattrs = &capability, .xattr_count = 1}, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(rows[i].label, &rows[i].entry, rows[i].wants_pax);
}

/* A file that is shorter or longer than its header says would shift all that follows. */
static void test_sizes(void)
{
    static const struct {
        int64_t size;
        int want;
    } rows[] = {{3, 0}, {2, -1}, {4, -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf tar = {0};
        struct tar_sink sink = {put, &tar};
        FILE *file = tmpfile();
        fputs("abc", file);
        rewind(file);
        unit_row("size %d of a file of 3", (int)rows[i].size);
        UNIT_INT(rows[i].want, tar_put_file(&sink, &(struct tar_entry){.name = "f", .type = TAR_FILE, .link = "", .size = rows[i].size},
                                            fileno(file)));
        if (!rows[i].want)
            UNIT_INT(1024, tar.len);
        fclose(file);
        buf_free(&tar);
    }
}

int main(void)
{
    test_round_trips();
    test_sizes();
    return unit_end();
}
