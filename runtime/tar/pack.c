/*
 * Owns how a layer's listing becomes a tar: order, whiteouts, hard links, times, which xattrs. Called by dfgen-layer, its parts by
 * dfgen-export. Must not know compression or stores. The folder was made by dfgen and is immutable; still, sizes are checked.
 */
#include "runtime/tar/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/path.h"
#include "runtime/lib/times.h"
#include "runtime/tar/read.h"
#include "runtime/tar/whiteout.h"
#include "runtime/tar/write.h"

enum { ARENA_ENTRIES = 256 };  /* entries between two rounds of freeing */

int pack_open(int fs, const char *path)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
    int fd = path_open_in(fs, path, flags);
    if (fd >= 0 || errno != EACCES)
        return fd;
    /* Without privilege even one's own file of mode 0000 cannot be read. Its mode is back before anybody needs it. */
    struct stat st;
    autoclose int file = path_open_in(fs, path, O_PATH | O_NOFOLLOW);
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    if (file < 0 || fstat(file, &st) < 0 || !S_ISREG(st.st_mode) || chmod(name, (st.st_mode & 07777) | S_IRUSR) < 0)
        return -1;
    fd = path_open_in(fs, path, flags);
    if (chmod(name, st.st_mode & 07777) < 0 && fd >= 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int pack_time(const struct pack *pack, const char *path, int64_t *seconds)
{
    *seconds = pack->epoch;
    if (pack->times == TIMES_EPOCH)
        return 0;
    struct stat st;
    if (fstatat(pack->fs, path, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
        return -1;
    *seconds = times_of((enum times)pack->times, st.st_mtim.tv_sec, pack->epoch);
    return 0;
}

/* --- entries --- */

static enum tar_type type_of(enum entry_type type)
{
    static const struct {
        enum entry_type type;
        enum tar_type is;
    } rows[] = {
        {ENTRY_DIR, TAR_DIR},   {ENTRY_OPAQUE, TAR_DIR},  {ENTRY_FILE, TAR_FILE}, {ENTRY_SYMLINK, TAR_SYMLINK},
        {ENTRY_CHAR, TAR_CHAR}, {ENTRY_BLOCK, TAR_BLOCK}, {ENTRY_FIFO, TAR_FIFO}, {ENTRY_HARDLINK, TAR_HARDLINK},
        {ENTRY_WHITEOUT, TAR_FILE},
    };
    size_t i = 0;
    while (rows[i].type != type)
        i++;
    return rows[i].is;
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct tar_xattr from_hex(struct arena *arena, const struct entry_xattr *xattr)
{
    size_t size = strlen(xattr->hex) / 2;
    unsigned char *value = arena_alloc(arena, size + 1);
    for (size_t i = 0; i < size; i++)
        value[i] = (unsigned char)(nibble(xattr->hex[2 * i]) << 4 | nibble(xattr->hex[2 * i + 1]));
    return (struct tar_xattr){xattr->name, value, size};
}

static bool is_packed(const char *name, bool with_user)
{
    return !strcmp(name, "security.capability") || (with_user && !strncmp(name, "user.", 5));
}

void pack_entry(struct arena *arena, const struct entry *from, bool with_user, struct tar_entry *entry)
{
    struct tar_xattr *xattrs = arena_array(arena, from->xattr_count, sizeof *xattrs);
    *entry = (struct tar_entry){
        .name = from->path,
        .type = type_of(from->type),
        .mode = from->mode,
        .uid = from->uid,
        .gid = from->gid,
        .link = from->type == ENTRY_SYMLINK || from->type == ENTRY_HARDLINK ? from->target : "",
        .size = from->type == ENTRY_FILE ? from->size : 0,
        .major = from->type == ENTRY_CHAR || from->type == ENTRY_BLOCK ? from->major : 0,
        .minor = from->type == ENTRY_CHAR || from->type == ENTRY_BLOCK ? from->minor : 0,
        .xattrs = xattrs,
    };
    for (size_t i = 0; i < from->xattr_count; i++) {
        if (is_packed(from->xattrs[i].name, with_user))
            xattrs[entry->xattr_count++] = from_hex(arena, &from->xattrs[i]);
    }
}

/* An empty file of mode 0 whose name says what is gone. */
static int put_deletion(const struct pack *pack, struct arena *arena, const struct tar_sink *sink, const char *folder, const char *name)
{
    struct tar_entry entry = {
        .name = *folder ? arena_printf(arena, "%s/%s", folder, name) : name,
        .type = TAR_FILE,
        .mtime.tv_sec = pack->epoch,
        .link = "",
    };
    return tar_put_header(sink, &entry);
}

static int put_whiteout(const struct pack *pack, struct arena *arena, const struct tar_sink *sink, const char *path)
{
    const char *base = path_base(path);
    const char *folder = base == path ? "" : arena_strndup(arena, path, (size_t)(base - path) - 1);
    return put_deletion(pack, arena, sink, folder, arena_printf(arena, WHITEOUT_PREFIX "%s", base));
}

/* A link's header repeats what its first name has, as all writers of layers do it. False: the listing is damaged. */
static bool fill_link(const struct list *list, struct arena *arena, struct entry *entry)
{
    int64_t first = list_find(list, entry->target);
    struct entry whole;
    if (first < 0)
        return false;
    list_entry(list, (size_t)first, arena, &whole);
    entry->mode = whole.mode;
    entry->uid = whole.uid;
    entry->gid = whole.gid;
    return whole.type == ENTRY_FILE;
}

static int put_entry(const struct pack *pack, struct arena *arena, const struct tar_sink *sink, const struct entry *from)
{
    struct tar_entry entry;
    int64_t seconds;
    pack_entry(arena, from, false, &entry);
    if (pack_time(pack, from->path, &seconds) < 0)
        return -1;
    entry.mtime.tv_sec = seconds;
    if (from->type != ENTRY_FILE) {
        if (tar_put_header(sink, &entry) < 0)
            return -1;
        return from->type == ENTRY_OPAQUE ? put_deletion(pack, arena, sink, from->path, WHITEOUT_OPAQUE_NAME) : 0;
    }
    autoclose int fd = pack_open(pack->fs, from->path);
    return fd < 0 ? -1 : tar_put_file(sink, &entry, fd);
}

char *pack_layer(const struct pack *pack, const struct list *list, const struct tar_sink *sink)
{
    struct arena arena = {0};
    struct entry entry;
    char *error = NULL;
    for (size_t i = 0; i < list_count(list) && !error; i++) {
        if (i % ARENA_ENTRIES == 0)
            arena_free(&arena);
        list_entry(list, i, &arena, &entry);
        if (entry.type == ENTRY_HARDLINK && !fill_link(list, &arena, &entry))
            error = xasprintf("\"%s\" links to nothing", entry.path);
        else if ((entry.type == ENTRY_WHITEOUT ? put_whiteout(pack, &arena, sink, entry.path)
                                               : put_entry(pack, &arena, sink, &entry)) < 0)
            error = xasprintf("\"%s\": %s", entry.path, strerror(errno));
    }
    arena_free(&arena);
    if (!error && tar_put_end(sink) < 0)
        error = xstrdup(strerror(errno));
    return error;
}
