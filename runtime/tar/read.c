/*
 * Owns the walk through a tar: headers, extended headers before them, content after them. Called by whatever unpacks. Must not know where
 * entries go: names are given as they are.
 */
#include "runtime/tar/read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/tar/header.h"
#include "runtime/tar/pax.h"
#include "runtime/tar/source.h"

enum { ZEROS = 64 * 1024 };

struct tar_reader {
    struct source *source;
    struct source *own[2];          /* opened here: to be closed, the last first */
    const char *piece;              /* what of the source's current piece is not used yet */
    size_t piece_len;
    int64_t offset;                 /* in the archive */
    bool is_at_end;
    struct buf name, link, records; /* of the entry; name and link also GNU's long ones */
    bool has_long_name, has_long_link;
    struct pax pax;
    int64_t stored, padding;        /* of the entry's content: bytes in the archive that are left */
    int64_t position, size;         /* in a sparse file */
    size_t sparse_at;               /* the piece of it that is next */
    bool is_sparse;
    char error[256];
};

static const char zeros[ZEROS];

static int fail(struct tar_reader *tar, const char *why)
{
    snprintf(tar->error, sizeof tar->error, "%s (at byte %" PRId64 " of the tar)", why, tar->offset);
    return -1;
}

/* --- bytes --- */

/* There is something in piece: 1; 0 at the end; -1. */
static int more(struct tar_reader *tar)
{
    if (tar->piece_len)
        return 1;
    const void *piece;
    ssize_t len = tar->source->next(tar->source, &piece);
    if (len < 0)
        return fail(tar, tar->source->why ? tar->source->why : strerror(errno));
    tar->piece = piece;
    tar->piece_len = (size_t)len;
    return len > 0;
}

static void use(struct tar_reader *tar, size_t len)
{
    tar->piece += len;
    tar->piece_len -= len;
    tar->offset += (int64_t)len;
}

/* Exactly len bytes to data (NULL: nowhere): 1; 0 when the end comes first; -1. */
static int take(struct tar_reader *tar, void *data, int64_t len)
{
    char *out = data;
    while (len) {
        int got = more(tar);
        if (got <= 0)
            return got;
        size_t step = (int64_t)tar->piece_len < len ? tar->piece_len : (size_t)len;
        if (out) {
            memcpy(out, tar->piece, step);
            out += step;
        }
        use(tar, step);
        len -= (int64_t)step;
    }
    return 1;
}

static int take_all(struct tar_reader *tar, void *data, int64_t len)
{
    int got = take(tar, data, len);
    return got == 0 ? fail(tar, "the archive ends too early") : got < 0 ? -1 : 0;
}

static int64_t padding_of(int64_t size)
{
    return -size & (TAR_BLOCK_SIZE - 1);
}

/* The content of an extended header, with a NUL behind it that does not count. */
static int take_records(struct tar_reader *tar, int64_t size, struct buf *out)
{
    if (size > TAR_HEADER_MAX)
        return fail(tar, "an extended header of more than 1 MiB");
    buf_clear(out);
    char *data = buf_room(out, (size_t)size);
    if (take_all(tar, data, size) < 0)
        return -1;
    out->len = (size_t)size;
    out->data[out->len] = 0;
    return take_all(tar, NULL, padding_of(size));
}

/* --- headers --- */

static const char *text_of(struct buf *buf)
{
    return buf_text(buf);
}

static void put_field(struct buf *buf, const char *field, size_t len)
{
    buf_add(buf, field, strnlen(field, len));
}

static bool is_ustar(const struct tar_header *header)
{
    return !memcmp(header->magic, "ustar\0" "00", 8);
}

static bool is_gnu(const struct tar_header *header)
{
    return !memcmp(header->magic, "ustar  ", 8);
}

static int take_names(struct tar_reader *tar, const struct tar_header *header)
{
    struct span path = tar->pax.sparse_name.text ? tar->pax.sparse_name : tar->pax.path;
    if (path.text || !tar->has_long_name)
        buf_clear(&tar->name);
    if (path.text) {
        buf_add(&tar->name, path.text, path.len);
    } else if (!tar->has_long_name) {
        if (is_ustar(header) && header->prefix[0]) {
            put_field(&tar->name, header->prefix, sizeof header->prefix);
            buf_putc(&tar->name, '/');
        }
        put_field(&tar->name, header->name, sizeof header->name);
    }
    if (tar->pax.link.text || !tar->has_long_link)
        buf_clear(&tar->link);
    if (tar->pax.link.text)
        buf_add(&tar->link, tar->pax.link.text, tar->pax.link.len);
    else if (!tar->has_long_link)
        put_field(&tar->link, header->link, sizeof header->link);
    if (!tar->name.len)
        return fail(tar, "an entry without a name");
    return 0;
}

static int take_id(struct tar_reader *tar, bool has, int64_t said, const char field[8], uint32_t *id)
{
    int64_t number = said;
    if (!has && !header_number(field, 8, &number))
        return fail(tar, "an owner's id is malformed");
    if (number < 0 || number > (int64_t)UINT32_MAX - 1)
        return fail(tar, "an owner's id is out of range");
    *id = (uint32_t)number;
    return 0;
}

/* Types of a header that stands for a file, and what they are here. */
static const struct {
    char type;
    enum tar_type is;
} types[] = {
    {'0', TAR_FILE},  {'\0', TAR_FILE},   {'7', TAR_FILE}, {'S', TAR_FILE},  {'1', TAR_HARDLINK}, {'2', TAR_SYMLINK},
    {'3', TAR_CHAR},  {'4', TAR_BLOCK},   {'5', TAR_DIR},  {'6', TAR_FIFO},
};

static int take_type(struct tar_reader *tar, const struct tar_header *header, struct tar_entry *entry)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i].type != header->type)
            continue;
        entry->type = types[i].is;
        /* Before ustar a folder was a file with a slash at its end. */
        if (entry->type == TAR_FILE && tar->name.data[tar->name.len - 1] == '/')
            entry->type = TAR_DIR;
        return 0;
    }
    return fail(tar, "an entry of unknown type");
}

static int take_device(struct tar_reader *tar, const struct tar_header *header, struct tar_entry *entry)
{
    int64_t major, minor;
    if (!header_number(header->major, sizeof header->major, &major) ||
        !header_number(header->minor, sizeof header->minor, &minor) || major < 0 || major > 0xfff || minor < 0 ||
        minor > 0xfffff)
        return fail(tar, "a device's number is out of range");
    entry->major = (uint32_t)major;
    entry->minor = (uint32_t)minor;
    return 0;
}

/* --- sparse files --- */

/* Old GNU: more pieces in blocks of 21 after the header. */
static int take_gnu_map(struct tar_reader *tar, const struct tar_header *header)
{
    const char *why = pax_add_gnu_pieces(&tar->pax, (const char *)header->gnu.pieces, 4);
    if (!header_number(header->gnu.real_size, sizeof header->gnu.real_size, &tar->pax.sparse_size))
        why = "a sparse file's size is malformed";
    char block[TAR_BLOCK_SIZE];
    for (bool is_extended = header->gnu.is_extended; !why && is_extended; is_extended = block[504]) {
        if (take_all(tar, block, sizeof block) < 0)
            return -1;
        why = pax_add_gnu_pieces(&tar->pax, block, 21);
    }
    return why ? fail(tar, why) : 0;
}

/* Format 1.0: the map is decimal lines before the data, filled to whole blocks. */
static int take_data_map(struct tar_reader *tar)
{
    struct buf text = {0};
    struct span rest = {"", 0};
    int64_t numbers = -1, number, offset = 0;
    const char *why = NULL;
    for (int64_t i = 0; !why && (numbers < 0 || i < 1 + 2 * numbers);) {
        if (!memchr(rest.text, '\n', rest.len)) {
            struct buf next = {0};
            buf_add(&next, rest.text, rest.len);
            if (tar->stored < TAR_BLOCK_SIZE || next.len > TAR_BLOCK_SIZE) {
                why = "a sparse file's map is malformed";
                buf_free(&next);
                break;
            }
            char *room = buf_room(&next, TAR_BLOCK_SIZE);
            if (take_all(tar, room, TAR_BLOCK_SIZE) < 0) {
                buf_free(&next);
                buf_free(&text);
                return -1;
            }
            next.len += TAR_BLOCK_SIZE;
            tar->stored -= TAR_BLOCK_SIZE;
            buf_free(&text);
            text = next;
            rest = (struct span){text.data, text.len};
            continue;
        }
        if ((why = pax_map_number(&rest, &number)))
            break;
        if (numbers < 0)
            numbers = number > 64 * 1024 ? 64 * 1024 : number;
        else if (i % 2)
            offset = number;
        else
            vec_push(&tar->pax.pieces, (struct sparse_piece){offset, number});
        i++;
    }
    buf_free(&text);
    return why ? fail(tar, why) : 0;
}

static int take_sparse(struct tar_reader *tar, const struct tar_header *header, struct tar_entry *entry)
{
    int64_t stored;
    if (header->type == 'S' && take_gnu_map(tar, header) < 0)
        return -1;
    if (!tar->pax.is_sparse)
        return 0;
    if (tar->pax.sparse_major > 1 || (tar->pax.sparse_major == 1 && tar->pax.sparse_minor > 0))
        return fail(tar, "a sparse file in an unknown format");
    if (tar->pax.sparse_major == 1) {
        tar->pax.pieces.count = 0;
        if (take_data_map(tar) < 0)
            return -1;
    }
    if (tar->pax.sparse_size < 0)
        return fail(tar, "a sparse file without a size");
    const char *why = pax_check_pieces(&tar->pax, tar->pax.sparse_size, &stored);
    if (!why && stored != tar->stored)
        why = "a sparse file's map and size differ";
    if (why)
        return fail(tar, why);
    tar->is_sparse = true;
    tar->size = entry->size = tar->pax.sparse_size;
    return 0;
}

/* --- entries --- */

static int take_content(struct tar_reader *tar, const struct tar_header *header, struct tar_entry *entry)
{
    int64_t size = tar->pax.size;
    if (!tar->pax.has_size && !header_number(header->size, sizeof header->size, &size))
        return fail(tar, "a size is malformed");
    if (size < 0)
        return fail(tar, "a negative size");
    tar->stored = tar->padding = tar->position = tar->sparse_at = 0;
    tar->is_sparse = false;
    /* What is no file has no content, whatever its size says. */
    if (entry->type != TAR_FILE)
        return 0;
    tar->stored = entry->size = size;
    tar->padding = padding_of(size);
    return take_sparse(tar, header, entry);
}

static int take_entry(struct tar_reader *tar, const struct tar_header *header, struct tar_entry *entry)
{
    int64_t number;
    memset(entry, 0, sizeof *entry);
    if (take_names(tar, header) < 0 || take_type(tar, header, entry) < 0)
        return -1;
    if (!header_number(header->mode, sizeof header->mode, &number) || number < 0)
        return fail(tar, "a mode is malformed");
    entry->mode = (mode_t)(number & 07777);
    if (take_id(tar, tar->pax.has_uid, tar->pax.uid, header->uid, &entry->uid) < 0 ||
        take_id(tar, tar->pax.has_gid, tar->pax.gid, header->gid, &entry->gid) < 0)
        return -1;
    entry->mtime = tar->pax.mtime;
    if (!tar->pax.has_mtime) {
        if (!header_number(header->mtime, sizeof header->mtime, &number))
            return fail(tar, "a time is malformed");
        entry->mtime = (struct timespec){.tv_sec = number};
    }
    if ((entry->type == TAR_CHAR || entry->type == TAR_BLOCK) && take_device(tar, header, entry) < 0)
        return -1;
    if (take_content(tar, header, entry) < 0)
        return -1;
    bool is_link = entry->type == TAR_SYMLINK || entry->type == TAR_HARDLINK;
    if (is_link && !tar->link.len)
        return fail(tar, "a link without a target");
    entry->name = text_of(&tar->name);
    entry->link = is_link ? text_of(&tar->link) : "";
    entry->xattrs = tar->pax.xattrs.items;
    entry->xattr_count = tar->pax.xattrs.count;
    return 1;
}

/* A header that only tells of the next one. 1: it was such a one, 0: it was not, -1. */
static int take_extension(struct tar_reader *tar, const struct tar_header *header)
{
    if (!header->type || !strchr("xXgLKV", header->type))
        return 0;
    int64_t size;
    struct buf ignored = {0};
    if (!header_number(header->size, sizeof header->size, &size) || size < 0)
        return fail(tar, "a size is malformed");
    bool is_name = header->type == 'L' || header->type == 'K';
    struct buf *where = header->type == 'L'                          ? &tar->name
                        : header->type == 'K'                        ? &tar->link
                        : header->type == 'x' || header->type == 'X' ? &tar->records
                                                                     : &ignored;
    int result = take_records(tar, size, where);
    buf_free(&ignored);
    if (result < 0)
        return -1;
    if (header->type == 'x' || header->type == 'X') {
        pax_reset(&tar->pax);
        const char *why = pax_parse(&tar->pax, where->data, where->len);
        if (why)
            return fail(tar, why);
    }
    if (is_name) {
        where->len = strlen(text_of(where));
        if (where->len >= TAR_NAME_MAX)
            return fail(tar, "a name longer than 4095 bytes");
        tar->has_long_name |= header->type == 'L';
        tar->has_long_link |= header->type == 'K';
    }
    return 1;
}

/* The next header: 1; 0 at the archive's end, which is a block of zeros or the end of the bytes; -1. */
static int take_header(struct tar_reader *tar, struct tar_header *header)
{
    int got = more(tar);
    if (got <= 0)
        return got;
    if (take_all(tar, header, sizeof *header) < 0)
        return -1;
    if (!memcmp(header, zeros, sizeof *header)) {
        /* A single such block with more behind it is damage, not an end. */
        got = take(tar, header, sizeof *header);
        if (got > 0 && memcmp(header, zeros, sizeof *header))
            return fail(tar, "a block of zeros in the middle");
        return got < 0 ? -1 : 0;
    }
    if (!header_is_valid(header))
        return fail(tar, "this is no tar header");
    return 1;
}

int tar_next(struct tar_reader *tar, struct tar_entry *entry)
{
    struct tar_header header;
    if (tar->error[0])
        return -1;
    if (tar->is_at_end)
        return 0;
    if (take_all(tar, NULL, tar->stored) < 0 || take_all(tar, NULL, tar->padding) < 0)
        return -1;
    tar->stored = tar->padding = 0;
    tar->has_long_name = tar->has_long_link = false;
    pax_reset(&tar->pax);
    bool is_extended = false;
    for (;;) {
        int got = take_header(tar, &header);
        if (got < 0)
            return -1;
        if (got == 0) {
            tar->is_at_end = true;
            return is_extended ? fail(tar, "an extended header with no entry behind it") : 0;
        }
        int was_extension = take_extension(tar, &header);
        if (was_extension < 0)
            return -1;
        if (!was_extension)
            break;
        is_extended |= header.type != 'g' && header.type != 'V';
    }
    if (header.type == 'S' && !is_gnu(&header))
        return fail(tar, "an entry of unknown type");
    return take_entry(tar, &header, entry);
}

/* Of a sparse file: zeros up to the next piece, or how much of the piece there is. */
static ssize_t sparse_data(struct tar_reader *tar, const void **piece)
{
    for (;;) {
        bool has_piece = tar->sparse_at < tar->pax.pieces.count;
        struct sparse_piece next = has_piece ? tar->pax.pieces.items[tar->sparse_at] : (struct sparse_piece){tar->size, 0};
        if (tar->position < next.offset) {
            int64_t hole = next.offset - tar->position;
            ssize_t len = hole < ZEROS ? (ssize_t)hole : ZEROS;
            *piece = zeros;
            tar->position += len;
            return len;
        }
        int64_t left = next.offset + next.length - tar->position;
        if (left > 0) {
            int got = more(tar);
            if (got <= 0)
                return got < 0 ? -1 : fail(tar, "the archive ends too early");
            size_t len = (int64_t)tar->piece_len < left ? tar->piece_len : (size_t)left;
            *piece = tar->piece;
            use(tar, len);
            tar->position += (int64_t)len;
            tar->stored -= (int64_t)len;
            return (ssize_t)len;
        }
        if (!has_piece)
            return 0;
        tar->sparse_at++;
    }
}

ssize_t tar_data(struct tar_reader *tar, const void **piece)
{
    if (tar->error[0])
        return -1;
    if (tar->is_sparse)
        return sparse_data(tar, piece);
    if (!tar->stored)
        return 0;
    int got = more(tar);
    if (got <= 0)
        return got < 0 ? -1 : fail(tar, "the archive ends too early");
    size_t len = (int64_t)tar->piece_len < tar->stored ? tar->piece_len : (size_t)tar->stored;
    *piece = tar->piece;
    use(tar, len);
    tar->stored -= (int64_t)len;
    return (ssize_t)len;
}

int tar_drain(struct tar_reader *tar)
{
    for (;;) {
        int got = tar->error[0] ? -1 : more(tar);
        if (got <= 0)
            return got;
        use(tar, tar->piece_len);
    }
}

/* --- opening --- */

struct tar_reader *tar_open_source(struct source *source)
{
    struct tar_reader *tar = xcalloc(1, sizeof *tar);
    tar->source = source;
    pax_reset(&tar->pax);
    return tar;
}

struct tar_reader *tar_open(int fd)
{
    char magic[COMPRESSION_MAGIC];
    ssize_t len = pread(fd, magic, sizeof magic, 0);
    if (len < 0)
        return NULL;
    struct source *file = source_file(fd, 0, -1);
    struct source *plain = source_unpack(file, compression_sniff(magic, (size_t)len));
    struct tar_reader *tar = tar_open_source(plain);
    tar->own[0] = file;
    tar->own[1] = plain;
    return tar;
}

void tar_close(struct tar_reader *tar)
{
    if (!tar)
        return;
    source_close(tar->own[1]);
    source_close(tar->own[0]);
    buf_free(&tar->name);
    buf_free(&tar->link);
    buf_free(&tar->records);
    pax_free(&tar->pax);
    free(tar);
}

const char *tar_error(const struct tar_reader *tar)
{
    return tar->error;
}

bool tar_detect(int fd)
{
    struct tar_entry entry;
    struct tar_reader *tar = tar_open(fd);
    bool is_tar = tar && tar_next(tar, &entry) > 0;
    tar_close(tar);
    return is_tar;
}

const char *tar_clean_name(const char *name, char *clean)
{
    size_t len = 0;
    for (const char *at = name; *at;) {
        at += strspn(at, "/");
        size_t part = strcspn(at, "/");
        if (part == 2 && !memcmp(at, "..", 2))
            return "\"..\" in a name";
        if (part > 255)
            return "a part of a name is longer than 255 bytes";
        if (part && !(part == 1 && *at == '.')) {
            if (len + part + 2 > TAR_NAME_MAX)
                return "a name longer than 4095 bytes";
            if (len)
                clean[len++] = '/';
            memcpy(clean + len, at, part);
            len += part;
        }
        at += part;
    }
    clean[len] = 0;
    return NULL;
}
