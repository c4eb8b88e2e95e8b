/*
 * Owns SQLite's file format (sqlite.org/fileformat2.html): pages, b-trees of tables, records. Called by rpm. Must not know
 * what the rows say, and trusts no number in the file.
 */
#include "runtime/sbom/sqlite.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

enum { FILE_HEADER = 100, DEPTH_MAX = 20, RECORD_MAX = 32 << 20, TABLE_LEAF = 13, TABLE_INTERIOR = 5 };

static const char damaged[] = "the SQLite database is damaged";

struct sqlite {
    int fd;
    uint32_t page_size, usable, page_count;
    uint32_t visited;           /* pages so far: more than there are means a loop */
};

/* Gets each record of a table; what it returns ends the walk. */
struct visitor {
    const char *(*record)(void *data, struct span record);
    void *data;
};

struct page {
    const unsigned char *bytes;
    size_t header;              /* where the b-tree's header begins */
    unsigned cells;
};

static uint32_t number(const unsigned char *bytes, size_t size)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* False: it does not end in time. */
static bool take_varint(struct span *text, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 9 && text->len; i++) {
        unsigned char byte = (unsigned char)*text->text;
        *text = span_skip(*text, 1);
        if (i == 8) {
            *value = *value << 8 | byte;
            return true;
        }
        *value = *value << 7 | (byte & 0x7f);
        if (!(byte & 0x80))
            return true;
    }
    return false;
}

/* --- records --- */

/* How long the value of a serial type is. */
static uint64_t serial_size(uint64_t type)
{
    static const unsigned char sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
    return type < sizeof sizes ? sizes[type] : (type - 12) / 2;
}

/* The bytes of a column, of an integer too. False: there are not so many, or they are not there. */
static bool find_column(struct span record, unsigned column, struct span *value)
{
    struct span types = record;
    uint64_t header_len, type, at;
    if (!take_varint(&types, &header_len) || header_len > record.len || header_len < record.len - types.len)
        return false;
    types.len = (size_t)header_len - (record.len - types.len);
    at = header_len;
    for (unsigned i = 0; take_varint(&types, &type); i++) {
        uint64_t size = serial_size(type);
        if (size > record.len - at)
            return false;
        if (i == column) {
            *value = (struct span){record.text + at, (size_t)size};
            return true;
        }
        at += size;
    }
    return false;
}

/* --- pages --- */

static bool read_page(const struct sqlite *file, uint32_t n, unsigned char *bytes)
{
    int64_t at = (int64_t)(n - 1) * file->page_size;
    return n && n <= file->page_count && fd_pread_all(file->fd, bytes, file->page_size, at) == 0;
}

/* What of a payload lies in the cell itself. */
static size_t local_size(const struct sqlite *file, uint64_t size)
{
    uint32_t usable = file->usable, least = (usable - 12) * 32 / 255 - 23;
    if (size <= usable - 35)
        return (size_t)size;
    uint64_t local = least + (size - least) % (usable - 4);
    return (size_t)(local <= usable - 35 ? local : least);
}

/* The rest of a payload: pages that begin with the next one's number. */
static bool read_overflow(const struct sqlite *file, uint32_t next, char *to, size_t left)
{
    unsigned char *bytes = xmalloc(file->page_size);
    while (left && read_page(file, next, bytes)) {
        size_t len = left < file->usable - 4 ? left : file->usable - 4;
        memcpy(to, bytes + 4, len);
        to += len;
        left -= len;
        next = number(bytes, 4);
    }
    free(bytes);
    return !left;
}

static const char *visit_leaf_cell(const struct sqlite *file, struct span cell, const struct visitor *visitor)
{
    uint64_t size, row;
    if (!take_varint(&cell, &size) || !take_varint(&cell, &row))
        return damaged;
    if (size > RECORD_MAX)
        return "a row of the SQLite database is too large";
    size_t local = local_size(file, size);
    if (local > cell.len || (local < size && cell.len - local < 4))
        return damaged;
    if (local == size)
        return visitor->record(visitor->data, (struct span){cell.text, local});
    char *whole = xmalloc((size_t)size);
    memcpy(whole, cell.text, local);
    const char *why = damaged;
    if (read_overflow(file, number((const unsigned char *)cell.text + local, 4), whole + local, (size_t)size - local))
        why = visitor->record(visitor->data, (struct span){whole, (size_t)size});
    free(whole);
    return why;
}

static const char *visit_tree(struct sqlite *file, uint32_t n, int depth, const struct visitor *visitor);

static const char *visit_cells(struct sqlite *file, const struct page *page, int depth, const struct visitor *visitor)
{
    bool is_leaf = page->bytes[page->header] == TABLE_LEAF;
    size_t pointers = page->header + (is_leaf ? 8 : 12);
    const char *why = pointers + 2 * (size_t)page->cells > file->usable ? damaged : NULL;
    for (unsigned i = 0; i < page->cells && !why; i++) {
        size_t at = number(page->bytes + pointers + 2 * i, 2);
        if (at + 4 > file->usable)
            return damaged;
        if (is_leaf)
            why = visit_leaf_cell(file, (struct span){(const char *)page->bytes + at, file->usable - at}, visitor);
        else
            why = visit_tree(file, number(page->bytes + at, 4), depth + 1, visitor);
    }
    if (!why && !is_leaf)
        why = visit_tree(file, number(page->bytes + page->header + 8, 4), depth + 1, visitor);
    return why;
}

static const char *visit_tree(struct sqlite *file, uint32_t n, int depth, const struct visitor *visitor)
{
    if (depth > DEPTH_MAX || file->visited++ > file->page_count)
        return damaged;
    unsigned char *bytes = xmalloc(file->page_size);
    const char *why = damaged;
    if (read_page(file, n, bytes)) {
        size_t header = n == 1 ? FILE_HEADER : 0;
        struct page page = {bytes, header, number(bytes + header + 3, 2)};
        if (bytes[header] == TABLE_LEAF || bytes[header] == TABLE_INTERIOR)
            why = visit_cells(file, &page, depth, visitor);
    }
    free(bytes);
    return why;
}

/* --- the schema, and the table --- */

struct search {
    const char *table;
    uint32_t root;              /* 0: not found */
};

static const char *see_schema(void *data, struct span record)
{
    struct search *search = data;
    struct span type, name, root;
    if (!find_column(record, 0, &type) || !find_column(record, 1, &name) || !find_column(record, 3, &root))
        return damaged;
    if (span_is(type, "table") && span_is(name, search->table) && root.len <= 4)
        search->root = number((const unsigned char *)root.text, root.len);
    return NULL;
}

struct taking {
    unsigned column;
    void (*take)(void *data, struct span value);
    void *data;
};

static const char *see_row(void *data, struct span record)
{
    const struct taking *taking = data;
    struct span value;
    if (!find_column(record, taking->column, &value))
        return damaged;
    taking->take(taking->data, value);
    return NULL;
}

static const char *open_file(struct sqlite *file)
{
    unsigned char header[FILE_HEADER];
    struct stat st;
    if (fd_pread_all(file->fd, header, sizeof header, 0) < 0 || memcmp(header, "SQLite format 3", 16) ||
        fstat(file->fd, &st) < 0)
        return "it is no SQLite database";
    uint32_t size = number(header + 16, 2);
    file->page_size = size == 1 ? 65536 : size;
    file->usable = file->page_size - header[20];
    if (file->page_size < 512 || (file->page_size & (file->page_size - 1)) || file->usable < 480)
        return damaged;
    int64_t count = (int64_t)st.st_size / file->page_size;
    file->page_count = count > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)count;
    return NULL;
}

const char *sqlite_read(int fd, const char *table, unsigned column, void (*take)(void *data, struct span value),
                        void *data)
{
    struct sqlite file = {.fd = fd};
    struct search search = {table, 0};
    struct taking taking = {column, take, data};
    const char *why = open_file(&file);
    if (!why)
        why = visit_tree(&file, 1, 0, &(struct visitor){see_schema, &search});
    if (!why && !search.root)
        why = "the SQLite database does not have the table that it should";
    file.visited = 0;
    return why ? why : visit_tree(&file, search.root, 0, &(struct visitor){see_row, &taking});
}
