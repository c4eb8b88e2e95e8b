/*
 * Owns the bytes of a tar that dfgen writes. Called by what packs layers and by exports. Must not know layers: it writes what it is told, in
 * the order it is told.
 */
#include "runtime/tar/write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/tar/header.h"
#include "runtime/tar/read.h"

enum { CHUNK = 256 * 1024 };

static const char zeros[2 * TAR_BLOCK_SIZE];

int tar_put_data(const struct tar_sink *sink, const void *bytes, size_t len)
{
    return len ? sink->put(sink->data, bytes, len) : 0;
}

int tar_put_padding(const struct tar_sink *sink, int64_t size)
{
    return tar_put_data(sink, zeros, (size_t)(-size & (TAR_BLOCK_SIZE - 1)));
}

int tar_put_end(const struct tar_sink *sink)
{
    return tar_put_data(sink, zeros, sizeof zeros);
}

/* --- pax --- */

/* "LENGTH KEY=VALUE\n", where LENGTH counts its own digits too. */
static void add_record(struct buf *records, const char *key, const void *value, size_t len)
{
    size_t rest = strlen(key) + len + 3;
    size_t total = rest + 1;
    char digits[24];
    while ((size_t)snprintf(digits, sizeof digits, "%zu", total) + rest != total)
        total++;
    buf_printf(records, "%zu %s=", total, key);
    buf_add(records, value, len);
    buf_putc(records, '\n');
}

static void add_number(struct buf *records, const char *key, int64_t number)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, number);
    add_record(records, key, digits, (size_t)len);
}

static void add_xattrs(struct buf *records, const struct tar_entry *entry)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        char *key = xasprintf("SCHILY.xattr.%s", entry->xattrs[i].name);
        add_record(records, key, entry->xattrs[i].value, entry->xattrs[i].size);
        free(key);
    }
}

/* --- fields --- */

/* A name of at most 100 bytes, or split at a slash into 155 and 100. */
static bool put_name(struct tar_header *header, const char *name, size_t len)
{
    size_t room = sizeof header->name;
    if (len <= room) {
        memcpy(header->name, name, len);
        return true;
    }
    if (len > room + 1 + sizeof header->prefix)
        return false;
    /* The shortest prefix; the slash itself goes in neither part, and none of them may be empty. */
    const char *slash = memchr(name + len - room - 1, '/', room);
    if (!slash || slash == name || (size_t)(slash - name) > sizeof header->prefix)
        return false;
    memcpy(header->prefix, name, (size_t)(slash - name));
    memcpy(header->name, slash + 1, len - (size_t)(slash - name) - 1);
    return true;
}

static void put_number(char *field, size_t len, int64_t number, const char *key, struct buf *records)
{
    if (header_put_number(field, len, number))
        return;
    header_put_number(field, len, 0);
    add_number(records, key, number);
}

static char type_of(enum tar_type type)
{
    static const struct {
        enum tar_type type;
        char is;
    } rows[] = {
        {TAR_FILE, '0'}, {TAR_HARDLINK, '1'}, {TAR_SYMLINK, '2'}, {TAR_CHAR, '3'},
        {TAR_BLOCK, '4'}, {TAR_DIR, '5'}, {TAR_FIFO, '6'},
    };
    size_t i = 0;
    while (rows[i].type != type)
        i++;
    return rows[i].is;
}

static void put_sum(struct tar_header *header)
{
    header_put_number(header->checksum, 7, header_sum(header, false));
    header->checksum[7] = ' ';
}

static void begin_header(struct tar_header *header, char type)
{
    memset(header, 0, sizeof *header);
    header->type = type;
    memcpy(header->magic, "ustar\0" "00", 8);
}

/* Everything into the header that fits, the rest into records. */
static void fill(struct tar_header *header, const struct tar_entry *entry, struct buf *records)
{
    bool is_dir = entry->type == TAR_DIR;
    char *name = xasprintf("%s%s", *entry->name ? entry->name : ".", is_dir ? "/" : "");
    size_t name_len = strlen(name), link_len = strlen(entry->link);
    begin_header(header, type_of(entry->type));
    if (!put_name(header, name, name_len)) {
        add_record(records, "path", name, name_len);
        memcpy(header->name, name, sizeof header->name);
        /* Cut off at a slash, an old reader would take it for a folder. */
        if (!is_dir && header->name[sizeof header->name - 1] == '/')
            header->name[sizeof header->name - 1] = '_';
    }
    if (link_len > sizeof header->link)
        add_record(records, "linkpath", entry->link, link_len);
    memcpy(header->link, entry->link, link_len < sizeof header->link ? link_len : sizeof header->link);
    header_put_number(header->mode, sizeof header->mode, entry->mode & 07777);
    put_number(header->uid, sizeof header->uid, entry->uid, "uid", records);
    put_number(header->gid, sizeof header->gid, entry->gid, "gid", records);
    put_number(header->size, sizeof header->size, entry->type == TAR_FILE ? entry->size : 0, "size", records);
    put_number(header->mtime, sizeof header->mtime, entry->mtime.tv_sec, "mtime", records);
    header_put_number(header->major, sizeof header->major, entry->major);
    header_put_number(header->minor, sizeof header->minor, entry->minor);
    add_xattrs(records, entry);
    put_sum(header);
    free(name);
}

static int put_records(const struct tar_sink *sink, const struct buf *records)
{
    struct tar_header header;
    begin_header(&header, 'x');
    strcpy(header.name, "PaxHeaders.0");
    header_put_number(header.mode, sizeof header.mode, 0644);
    header_put_number(header.uid, sizeof header.uid, 0);
    header_put_number(header.gid, sizeof header.gid, 0);
    header_put_number(header.size, sizeof header.size, (int64_t)records->len);
    header_put_number(header.mtime, sizeof header.mtime, 0);
    header_put_number(header.major, sizeof header.major, 0);
    header_put_number(header.minor, sizeof header.minor, 0);
    put_sum(&header);
    if (tar_put_data(sink, &header, sizeof header) < 0 || tar_put_data(sink, records->data, records->len) < 0)
        return -1;
    return tar_put_padding(sink, (int64_t)records->len);
}

int tar_put_header(const struct tar_sink *sink, const struct tar_entry *entry)
{
    struct tar_header header;
    struct buf records = {0};
    fill(&header, entry, &records);
    int result = records.len ? put_records(sink, &records) : 0;
    buf_free(&records);
    return result < 0 ? -1 : tar_put_data(sink, &header, sizeof header);
}

int tar_put_file(const struct tar_sink *sink, const struct tar_entry *entry, int fd)
{
    static _Thread_local char chunk[CHUNK];
    if (tar_put_header(sink, entry) < 0)
        return -1;
    for (int64_t left = entry->size;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got > left || (got == 0 && left)) {
            errno = EIO;
            return -1;
        }
        if (got == 0)
            return tar_put_padding(sink, entry->size);
        if (tar_put_data(sink, chunk, (size_t)got) < 0)
            return -1;
        left -= got;
    }
}
