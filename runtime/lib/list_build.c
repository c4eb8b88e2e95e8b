/*
 * Owns making a layer's listing: entries in any order become sorted lines, one spelling for one content. Called by whatever makes
 * a layer or walks a folder. Must not know how a listing is read.
 */
#include "runtime/lib/list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/escape.h"
#include "runtime/lib/span.h"
#include "runtime/lib/vec.h"

struct item {
    const char *path;   /* raw */
    const char *rest;   /* the line after its path: "\tf\t0644…"; of a hard link: the raw path of its target */
    uint32_t path_len, rest_len;
    uint32_t number;    /* of the call that added it: the last one of a path counts */
    bool is_link;
};

struct list_builder {
    struct arena arena;
    struct buf line;    /* being composed */
    VEC(struct item) items;
};

struct list_builder *list_builder_new(void)
{
    return xcalloc(1, sizeof(struct list_builder));
}

void list_builder_free(struct list_builder *builder)
{
    if (!builder)
        return;
    arena_free(&builder->arena);
    buf_free(&builder->line);
    vec_free(&builder->items);
    free(builder);
}

static int compare_xattrs(const void *a, const void *b)
{
    return strcmp(((const struct entry_xattr *)a)->name, ((const struct entry_xattr *)b)->name);
}

static void add_xattrs(struct buf *line, const struct entry *entry)
{
    struct entry_xattr *sorted = xcalloc(entry->xattr_count, sizeof *sorted);
    memcpy(sorted, entry->xattrs, entry->xattr_count * sizeof *sorted);
    qsort(sorted, entry->xattr_count, sizeof *sorted, compare_xattrs);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        buf_puts(line, "\txattr ");
        escape_add(line, span_of(sorted[i].name), false);
        buf_putc(line, '=');
        buf_puts(line, sorted[i].hex);
    }
    free(sorted);
}

/* As "\t%PRIu64"; printf costs more than all the rest of a line. */
static void add_number(struct buf *line, uint64_t value)
{
    char text[24], *at = text + sizeof text;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    *--at = '\t';
    buf_add(line, at, (size_t)(text + sizeof text - at));
}

static void add_digest(struct buf *line, const struct digest *digest)
{
    char hex[DIGEST_HEX + 1];
    digest_hex(digest, hex);
    buf_putc(line, '\t');
    buf_add(line, hex, DIGEST_HEX);
}

/* The line after its path, but for hard links. */
static void compose(struct buf *line, const struct entry *entry)
{
    mode_t mode = entry->mode;
    char head[] = {'\t', (char)entry->type, '\t', (char)('0' + (mode >> 9 & 7)), (char)('0' + (mode >> 6 & 7)),
                   (char)('0' + (mode >> 3 & 7)), (char)('0' + (mode & 7))};
    buf_add(line, head, entry->type == ENTRY_WHITEOUT ? 2 : sizeof head);
    if (entry->type == ENTRY_WHITEOUT)
        return;
    add_number(line, entry->uid);
    add_number(line, entry->gid);
    if (entry->type == ENTRY_FILE) {
        add_number(line, (uint64_t)entry->size);
        add_digest(line, &entry->digest);
    } else if (entry->type == ENTRY_SYMLINK) {
        buf_putc(line, '\t');
        escape_add(line, span_of(entry->target), false);
    } else if (entry->type == ENTRY_CHAR || entry->type == ENTRY_BLOCK) {
        buf_printf(line, "\t%" PRIu32 ":%" PRIu32, entry->major, entry->minor);
    }
    if (entry->xattr_count)
        add_xattrs(line, entry);
}

void list_text_begin(struct buf *text)
{
    buf_puts(text, "dfgen-list 1\n");
}

void list_text_add(struct buf *text, const struct entry *entry)
{
    escape_add(text, span_of(entry->path), false);
    if (entry->type == ENTRY_HARDLINK) {
        buf_puts(text, "\th\t");
        escape_add(text, span_of(entry->target), false);
    } else {
        compose(text, entry);
    }
    buf_putc(text, '\n');
}

void list_builder_add(struct list_builder *builder, const struct entry *entry)
{
    struct buf *line = &builder->line;
    struct item item = {.number = (uint32_t)builder->items.count, .is_link = entry->type == ENTRY_HARDLINK};
    /* Path and rest lie in one piece of the arena, each with its NUL. */
    item.path_len = (uint32_t)strlen(entry->path);
    buf_clear(line);
    buf_add(line, entry->path, item.path_len + 1);
    if (item.is_link)
        buf_puts(line, entry->target);
    else
        compose(line, entry);
    item.rest_len = (uint32_t)line->len - item.path_len - 1;
    item.path = arena_strndup(&builder->arena, line->data, line->len);
    item.rest = item.path + item.path_len + 1;
    vec_push(&builder->items, item);
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : x->number < y->number ? -1 : x->number > y->number;
}

/* Most callers add in order already: then looking once is all. */
static void sort(struct list_builder *builder)
{
    struct item *items = builder->items.items;
    size_t count = builder->items.count, kept = 0, i = 1;
    while (i < count && compare_items(&items[i - 1], &items[i]) < 0)
        i++;
    if (i < count)
        qsort(items, count, sizeof *items, compare_items);
    for (i = 0; i < count; i++)
        if (i + 1 == count || strcmp(items[i].path, items[i + 1].path))
            items[kept++] = items[i];
    builder->items.count = kept;
}

static int compare_path(const void *path, const void *item)
{
    return strcmp(path, ((const struct item *)item)->path);
}

/* The item that holds a link's data, whichever number of links away. */
static size_t find_file(const struct list_builder *builder, const struct item *link)
{
    const struct item *items = builder->items.items, *at = link;
    for (size_t hops = 0; at && at->is_link && hops <= builder->items.count; hops++)
        at = bsearch(at->rest, items, builder->items.count, sizeof *items, compare_path);
    if (!at || at->is_link || strchr("dDw", at->rest[1]))
        die("hard link %s to %s, which is no file of the layer", link->path, link->rest);
    return (size_t)(at - items);
}

/* The first name in byte order gets the data, so that one content has one listing whatever order it was met in. */
static void order_links(struct list_builder *builder)
{
    struct item *items = builder->items.items;
    size_t count = builder->items.count, link_count = 0;
    for (size_t i = 0; i < count; i++)
        link_count += items[i].is_link;
    if (!link_count)
        return;
    size_t *files = xcalloc(count, sizeof *files), *firsts = xcalloc(count, sizeof *firsts);
    for (size_t i = 0; i < count; i++)
        firsts[i] = i;
    for (size_t i = 0; i < count; i++) {
        files[i] = items[i].is_link ? find_file(builder, &items[i]) : i;
        if (i < firsts[files[i]])
            firsts[files[i]] = i;
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].is_link || firsts[i] == i)
            continue;
        items[firsts[i]].rest = items[i].rest;
        items[firsts[i]].rest_len = items[i].rest_len;
    }
    for (size_t i = 0; i < count; i++) {
        const struct item *first = &items[firsts[files[i]]];
        items[i].is_link = first != &items[i];
        if (first == &items[i])
            continue;
        items[i].rest = first->path;
        items[i].rest_len = first->path_len;
    }
    free(files);
    free(firsts);
}

void list_builder_finish(struct list_builder *builder, struct buf *text, struct digest *digest)
{
    size_t begin = text->len;
    sort(builder);
    order_links(builder);
    list_text_begin(text);
    for (size_t i = 0; i < builder->items.count; i++) {
        const struct item *item = &builder->items.items[i];
        escape_add(text, (struct span){item->path, item->path_len}, false);
        if (item->is_link) {
            buf_puts(text, "\th\t");
            escape_add(text, (struct span){item->rest, item->rest_len}, false);
        } else {
            buf_add(text, item->rest, item->rest_len);
        }
        buf_putc(text, '\n');
    }
    *digest = digest_of(text->data + begin, text->len - begin);
    list_builder_free(builder);
}
