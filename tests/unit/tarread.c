/*
 * Guards runtime/tar/read against archives that others write and that nobody should: forms of headers, numbers, damage, names, and what ADD takes
 * for a tar. Blocks are made here by hand, so that the writer's errors do not hide the reader's.
 */
#include "unit.h"

#include "runtime/tar/read.h"

#include <unistd.h>

#include "runtime/lib/buf.h"

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
    char magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};

static void add_header(struct buf *tar, char type, const char *name, const char *size, const char *mutation)
{
    struct header header = {0};
    unsigned sum = 0;
    snprintf(header.name, sizeof header.name, "%s", name);
    strcpy(header.mode, "0000644");
    strcpy(header.uid, "0000001");
    strcpy(header.gid, "0000002");
    memcpy(header.size, size, strlen(size) + 1);
    strcpy(header.mtime, "00000000017");
    header.type = type;
    memcpy(header.magic, "ustar\0" "00", 8);
    /* "FIELD=BYTES" in place of what stands there. */
    if (mutation && !strncmp(mutation, "uid=", 4))
        memcpy(header.uid, mutation + 4, 8);
    if (mutation && !strncmp(mutation, "magic=", 6))
        memset(header.magic, 0, 8);
    if (mutation && !strncmp(mutation, "link=", 5))
        strcpy(header.link, mutation + 5);
    if (mutation && !strncmp(mutation, "prefix=", 7))
        strcpy(header.prefix, mutation + 7);
    memset(header.sum, ' ', 8);
    for (size_t i = 0; i < sizeof header; i++)
        sum += ((unsigned char *)&header)[i];
    if (mutation && !strcmp(mutation, "sum"))
        sum++;
    snprintf(header.sum, sizeof header.sum, "%06o", sum);
    buf_add(tar, &header, sizeof header);
}

static void add_content(struct buf *tar, const char *text)
{
    static const char zeros[512];
    size_t len = strlen(text);
    buf_add(tar, text, len);
    buf_add(tar, zeros, -len & 511);
}

static void add_extended(struct buf *tar, char type, const char *records)
{
    char size[32];
    snprintf(size, sizeof size, "%011zo", strlen(records));
    add_header(tar, type, "x", size, NULL);
    add_content(tar, records);
}

static FILE *file_of(const struct buf *tar)
{
    FILE *file = tmpfile();
    fwrite(buf_text(tar), 1, tar->len, file);
    fflush(file);
    return file;
}

/* --- one entry, read or refused --- */

static const struct row {
    const char *label;
    const char *records;    /* of a pax header before it, may be NULL */
    char records_type, type;
    const char *name, *size, *mutation;
    const char *want;       /* "name|type|uid|size|mtime|link", or "!" and part of the error */
} rows[] = {
    {"plain", NULL, 0, '0', "a", "00000000003", NULL, "a|f|1|3|15|"},
    {"V7", NULL, 0, 0, "a", "3", "magic=", "a|f|1|3|15|"},
    {"V7 folder", NULL, 0, 0, "a/", "0", "magic=", "a/|d|1|0|15|"},
    {"prefix", NULL, 0, '0', "b", "3", "prefix=a", "a/b|f|1|3|15|"},
    {"spaces around", NULL, 0, '0', "a", "  3 ", NULL, "a|f|1|3|15|"},
    {"contiguous", NULL, 0, '7', "a", "3", NULL, "a|f|1|3|15|"},
    {"folder's size counts for nothing", NULL, 0, '5', "a/", "3", NULL, "a/|d|1|0|15|"},
    {"symlink", NULL, 0, '2', "a", "0", "link=/etc", "a|l|1|0|15|/etc"},
    {"link without a target", NULL, 0, '2', "a", "0", NULL, "!link without a target"},
    {"base 256", NULL, 0, '0', "a", "3", "uid=\x80\0\0\0\0\1\0\0", "a|f|65536|3|15|"},
    {"base 256, negative", NULL, 0, '0', "a", "3", "uid=\xff\xff\xff\xff\xff\xff\xff\xff", "!out of range"},
    {"base 256, too large", NULL, 0, '0', "a", "3", "uid=\x80\0\0\1\0\0\0\0", "!out of range"},
    {"no number", NULL, 0, '0', "a", "3", "uid=12x4\0\0\0", "!malformed"},
    {"eight", NULL, 0, '0', "a", "8", NULL, "!size is malformed"},
    {"wrong sum", NULL, 0, '0', "a", "3", "sum", "!no tar header"},
    {"unknown type", NULL, 0, 'Z', "a", "3", NULL, "!unknown type"},
    {"no name", NULL, 0, '0', "", "3", NULL, "!without a name"},
    {"pax path", "13 path=long\n", 'x', '0', "a", "3", NULL, "long|f|1|3|15|"},
    {"pax ids and time", "14 uid=123456\n16 mtime=-1.250\n", 'x', '0', "a", "3", NULL, "a|f|123456|3|-2|"},
    {"pax size", "9 size=3\n", 'x', '0', "a", "0", NULL, "a|f|1|3|15|"},
    {"pax of another's", "12 comment=\n", 'x', '0', "a", "3", NULL, "a|f|1|3|15|"},
    {"global is not for entries", "13 path=long\n", 'g', '0', "a", "3", NULL, "a|f|1|3|15|"},
    {"GNU long name", "quite/long", 'L', '0', "a", "3", NULL, "quite/long|f|1|3|15|"},
    {"GNU long link", "quite/long", 'K', '2', "a", "0", "link=b", "a|l|1|0|15|quite/long"},
    {"pax length 0", "0 path=x\n", 'x', '0', "a", "3", NULL, "!malformed"},
    {"pax length too long", "99 path=x\n", 'x', '0', "a", "3", NULL, "!malformed"},
    {"pax length too short", "3 path=x\n", 'x', '0', "a", "3", NULL, "!malformed"},
    {"pax huge length", "99999999999999999999 path=x\n", 'x', '0', "a", "3", NULL, "!malformed"},
    {"pax without =", "7 path\n", 'x', '0', "a", "3", NULL, "!malformed"},
    {"pax without key", "5 =x\n", 'x', '0', "a", "3", NULL, "!malformed"},
    {"pax uid too large", "18 uid=4294967295\n", 'x', '0', "a", "3", NULL, "!out of range"},
    {"pax negative size", "11 size=-1\n", 'x', '0', "a", "3", NULL, "!malformed"},
};

static void check(const struct row *row)
{
    struct buf tar = {0};
    struct tar_entry entry;
    char got[600];
    unit_row("%s", row->label);
    if (row->records)
        add_extended(&tar, row->records_type, row->records);
    add_header(&tar, row->type, row->name, row->size, row->mutation);
    add_content(&tar, "abc");
    FILE *file = file_of(&tar);
    struct tar_reader *reader = tar_open(fileno(file));
    int more = tar_next(reader, &entry);
    if (*row->want == '!') {
        UNIT_INT(-1, more);
        if (!strstr(tar_error(reader), row->want + 1))
            UNIT_STR(row->want + 1, tar_error(reader));
    } else if (UNIT_INT(1, more)) {
        snprintf(got, sizeof got, "%s|%c|%u|%" PRId64 "|%" PRId64 "|%s", entry.name, entry.type, entry.uid, entry.size,
                 (int64_t)entry.mtime.tv_sec, entry.link);
        UNIT_STR(row->want, got);
        const void *piece;
        if (entry.type == TAR_FILE && UNIT_INT(3, tar_data(reader, &piece)))
            UNIT_MEM("abc", 3, piece, 3);
    }
    UNIT_INT(*row->want != '!', tar_detect(fileno(file)));
    tar_close(reader);
    fclose(file);
    buf_free(&tar);
}

/* --- sparse files --- */

static void test_sparse(void)
{
    static const struct {
        const char *label, *records, *content, *want;
    } forms[] = {
        {"0.1", "26 GNU.sparse.map=1,2,5,1\n21 GNU.sparse.size=7\n", "abc", "\0ab\0\0c\0"},
        {"0.0", "21 GNU.sparse.size=7\n23 GNU.sparse.offset=1\n25 GNU.sparse.numbytes=3\n", "abc", "\0abc\0\0\0"},
        {"pieces overlap", "26 GNU.sparse.map=1,2,2,1\n21 GNU.sparse.size=7\n", "abc", NULL},
        {"piece outside", "26 GNU.sparse.map=1,2,6,2\n21 GNU.sparse.size=7\n", "abc", NULL},
        {"too little content", "26 GNU.sparse.map=1,2,4,3\n21 GNU.sparse.size=7\n", "abc", NULL},
        {"no size", "26 GNU.sparse.map=1,2,5,1\n", "abc", NULL},
        {"format 2", "22 GNU.sparse.major=2\n21 GNU.sparse.size=7\n", "abc", NULL},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct buf tar = {0}, got = {0};
        struct tar_entry entry;
        const void *piece;
        ssize_t len;
        unit_row("sparse %s", forms[i].label);
        add_extended(&tar, 'x', forms[i].records);
        add_header(&tar, '0', "a", "3", NULL);
        add_content(&tar, forms[i].content);
        FILE *file = file_of(&tar);
        struct tar_reader *reader = tar_open(fileno(file));
        if (UNIT_INT(forms[i].want ? 1 : -1, tar_next(reader, &entry)) && forms[i].want) {
            while ((len = tar_data(reader, &piece)) > 0)
                buf_add(&got, piece, (size_t)len);
            UNIT_INT(7, entry.size);
            UNIT_MEM(forms[i].want, 7, got.data, got.len);
        }
        tar_close(reader);
        fclose(file);
        buf_free(&tar);
        buf_free(&got);
    }
}

/* --- ends --- */

static void test_ends(void)
{
    static const struct {
        const char *label;
        size_t keep, zeros;
        int want[3];    /* of three calls */
        bool is_tar;
    } ends[] = {
        {"two blocks of zeros", 1024, 1024, {1, 0, 0}, true},
        {"one block of zeros", 1024, 512, {1, 0, 0}, true},
        {"no block of zeros", 1024, 0, {1, 0, 0}, true},
        {"cut in the padding", 600, 0, {1, -1, -1}, true},
        {"cut in the content", 513, 0, {1, -1, -1}, true},
        {"cut in the header", 400, 0, {-1, -1, -1}, false},
        {"nothing but zeros", 0, 1024, {0, 0, 0}, false},
        {"nothing at all", 0, 0, {0, 0, 0}, false},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        static const char zeros[1024];
        struct buf tar = {0};
        struct tar_entry entry;
        unit_row("%s", ends[i].label);
        add_header(&tar, '0', "a", "3", NULL);
        add_content(&tar, "abc");
        tar.len = ends[i].keep;
        buf_add(&tar, zeros, ends[i].zeros);
        FILE *file = file_of(&tar);
        struct tar_reader *reader = tar_open(fileno(file));
        for (size_t k = 0; k < 3; k++)
            UNIT_INT(ends[i].want[k], tar_next(reader, &entry));
        UNIT_INT(ends[i].is_tar, tar_detect(fileno(file)));
        tar_close(reader);
        fclose(file);
        buf_free(&tar);
    }
}

/* --- names --- */

static void test_names(void)
{
    static const struct {
        const char *name, *want;    /* NULL: refused */
    } names[] = {
        {"a", "a"},         {"./a", "a"},       {"/a", "a"},        {"//a//b/", "a/b"},  {"./", ""},      {"/", ""},
        {".", ""},          {"a/./b", "a/b"},   {"..a", "..a"},     {"a/...", "a/..."},  {"..", NULL},    {"../a", NULL},
        {"a/..", NULL},     {"a/../b", NULL},   {"/../a", NULL},    {"-a", "-a"},        {"\n\xff", "\n\xff"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char clean[TAR_NAME_MAX];
        unit_row("name \"%s\"", names[i].name);
        const char *why = tar_clean_name(names[i].name, clean);
        UNIT_INT(!names[i].want, why != NULL);
        if (names[i].want && !why)
            UNIT_STR(names[i].want, clean);
    }
    for (size_t len = 254; len < 257; len++) {
        char name[300], clean[TAR_NAME_MAX];
        memset(name, 'n', len);
        name[len] = 0;
        unit_row("a component of %zu bytes", len);
        UNIT_INT(len > 255, tar_clean_name(name, clean) != NULL);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(&rows[i]);
    test_sparse();
    test_ends();
    test_names();
    return unit_end();
}
