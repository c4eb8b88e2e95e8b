/*
 * Owns unpacking of compressed sources: ISA-L where it is there and the format is gzip, libarchive's filters for all else. Called by whoever
 * stacks sources. Must not know that the bytes are a tar; libarchive sees them as one nameless file.
 */
#include "runtime/tar/source.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "runtime/lib/die.h"
#include "runtime/tar/codec.h"

struct filter_source {
    struct source source;
    struct source *below;
    struct archive *archive;
    bool is_open, is_done;
    const char *format;
};

static ssize_t filter_read(struct archive *archive, void *data, const void **piece)
{
    struct filter_source *filter = data;
    ssize_t len = filter->below->next(filter->below, piece);
    if (len < 0) {
        filter->source.why = filter->below->why;
        archive_set_error(archive, errno, "read error");
    }
    return len;
}

static ssize_t filter_fail(struct filter_source *filter)
{
    static const char *const damaged[] = {NULL, "the gzip data is damaged", "the zstd data is damaged",
                                          "the bzip2 data is damaged", "the xz data is damaged"};
    if (filter->below->why)
        filter->source.why = filter->below->why;
    else if (archive_errno(filter->archive) == ENOMEM)
        errno = ENOMEM;
    else
        for (size_t i = 1; i < sizeof damaged / sizeof *damaged; i++)
            if (filter->format == compression_names[i])
                filter->source.why = damaged[i];
    return -1;
}

/* Everything below has to pass by whoever takes its digest, also what follows the compressed data. */
static ssize_t filter_drain(struct filter_source *filter)
{
    const void *piece;
    ssize_t len;
    filter->is_done = true;
    while ((len = filter->below->next(filter->below, &piece)) > 0)
        ;
    filter->source.why = filter->below->why;
    return len;
}

static ssize_t filter_next(struct source *source, const void **piece)
{
    struct filter_source *filter = (struct filter_source *)source;
    struct archive_entry *entry;
    size_t len = 0;
    int64_t offset;
    if (filter->is_done)
        return 0;
    if (!filter->is_open) {
        if (archive_read_open(filter->archive, filter, NULL, filter_read, NULL) != ARCHIVE_OK)
            return filter_fail(filter);
        int found = archive_read_next_header(filter->archive, &entry);
        if (found == ARCHIVE_EOF)
            return filter_drain(filter);
        /* libarchive passes on what it does not take for that format, and unpacks what was packed twice: neither is meant. */
        if (found != ARCHIVE_OK || archive_filter_count(filter->archive) != 2)
            return filter_fail(filter);
        filter->is_open = true;
    }
    do {
        int result = archive_read_data_block(filter->archive, piece, &len, &offset);
        if (result == ARCHIVE_EOF)
            return filter_drain(filter);
        if (result != ARCHIVE_OK)
            return filter_fail(filter);
    } while (len == 0);
    return (ssize_t)len;
}

static void filter_close(struct source *source)
{
    struct filter_source *filter = (struct filter_source *)source;
    archive_read_free(filter->archive);
    free(filter);
}

static int pass(void *data, const void *piece, size_t len)
{
    (void)data, (void)piece, (void)len;
    return 0;
}

struct source *source_unpack(struct source *below, enum compression compression)
{
    static int (*const support[])(struct archive *) = {
        [COMPRESSION_GZIP] = archive_read_support_filter_gzip,
        [COMPRESSION_ZSTD] = archive_read_support_filter_zstd,
        [COMPRESSION_BZIP2] = archive_read_support_filter_bzip2,
        [COMPRESSION_XZ] = archive_read_support_filter_xz,
    };
    if (compression == COMPRESSION_NONE)
        return source_tap(below, pass, NULL);
    struct source *gunzip = compression == COMPRESSION_GZIP ? isal_gunzip(below) : NULL;
    if (gunzip)
        return gunzip;
    struct filter_source *filter = xcalloc(1, sizeof *filter);
    filter->source = (struct source){filter_next, filter_close, NULL};
    filter->below = below;
    filter->format = compression_names[compression];
    filter->archive = archive_read_new();
    if (!filter->archive)
        die("out of memory");
    archive_read_support_format_raw(filter->archive);
    archive_read_support_format_empty(filter->archive);
    support[compression](filter->archive);
    return &filter->source;
}
