/* Fuzz entry: any bytes as a tar, compressed or not. All entries are read with their content; names are cleaned. */
#define TAR_LIMIT ((int64_t)16 * 1024 * 1024)

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"
#include "runtime/tar/read.h"
#include "tests/fuzz/fuzz.h"

/* Sparse files and bombs say that they are huge: that much of each is enough. */
static void read_data(struct tar_reader *tar)
{
    const void *piece;
    int64_t sum = 0;
    volatile unsigned char last;
    for (ssize_t len; sum < TAR_LIMIT && (len = tar_data(tar, &piece)) > 0; sum += len)
        last = ((const unsigned char *)piece)[len - 1];
    (void)last;
}

static void look_at(const struct tar_entry *entry)
{
    char clean[TAR_NAME_MAX];
    const char *error = tar_clean_name(entry->name, clean);
    if (!*entry->name || entry->size < 0 || (!error && (*clean == '/' || strstr(clean, "//") || strlen(clean) >= sizeof clean)))
        abort();
    for (size_t i = 0; i < entry->xattr_count; i++)
        if (!*entry->xattrs[i].name || entry->xattrs[i].size > TAR_XATTR_MAX)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autoclose int fd = memfd_create("tar", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, data, size) < 0)
        abort();
    tar_detect(fd);
    struct tar_reader *tar = tar_open(fd);
    struct tar_entry entry;
    int64_t total = 0;
    int more = 0;
    while (tar && total < TAR_LIMIT && (more = tar_next(tar, &entry)) > 0) {
        look_at(&entry);
        read_data(tar);
        total += entry.size;
    }
    if (tar && more < 0 && !*tar_error(tar))
        abort();
    if (tar)
        tar_close(tar);
    return 0;
}
