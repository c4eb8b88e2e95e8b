/*
 * Owns the form of rpm's headers, and which database has which form. Called by packages. Must not know how a database keeps
 * them.
 */
#include "runtime/sbom/rpm.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/span.h"
#include "runtime/sbom/packages.h"
#include "runtime/sbom/rpmdb.h"
#include "runtime/sbom/sqlite.h"

enum { ENTRY = 16, TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_STRINGS = 9, INTRO = 8, EPOCH = 1003 };

struct reading {
    struct packages *packages;
    const char *path;
    size_t unread;              /* headers that are none */
};

static uint32_t number(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* A header: numbers of entries and of bytes of data, entries (tag, type, offset, count), data. All big endian. */
struct header {
    struct span entries, data;
};

static bool parse_header(struct span blob, struct header *header)
{
    if (blob.len < INTRO)
        return false;
    uint64_t entries = (uint64_t)number(blob.text) * ENTRY, data = number(blob.text + 4);
    if (INTRO + entries + data > blob.len)
        return false;
    header->entries = (struct span){blob.text + INTRO, (size_t)entries};
    header->data = (struct span){blob.text + INTRO + entries, (size_t)data};
    return true;
}

/* The data from an entry's place on; empty: there is no such entry. */
static struct span find_entry(const struct header *header, uint32_t tag, uint32_t *type)
{
    for (size_t at = 0; at < header->entries.len; at += ENTRY) {
        const char *entry = header->entries.text + at;
        uint32_t offset = number(entry + 8);
        if (number(entry) != tag || offset >= header->data.len)
            continue;
        *type = number(entry + 4);
        return span_skip(header->data, offset);
    }
    return (struct span){0};
}

static const char *find_text(struct arena *arena, const struct header *header, uint32_t tag)
{
    uint32_t type;
    struct span text = find_entry(header, tag, &type);
    const char *end = text.len && (type == TYPE_STRING || type == TYPE_STRINGS) ? memchr(text.text, 0, text.len) : NULL;
    return end ? arena_strndup(arena, text.text, (size_t)(end - text.text)) : "";
}

static void take_header(void *data, struct span blob)
{
    struct reading *reading = data;
    struct packages *packages = reading->packages;
    struct header header;
    struct package package = {.type = "rpm", .from = reading->path};
    const char *version, *release;
    const struct {
        uint32_t tag;
        const char **text;
    } rows[] = {{1000, &package.name}, {1001, &version}, {1002, &release}, {1014, &package.license},
                {1022, &package.arch}, {1044, &package.source}};
    if (!parse_header(blob, &header)) {
        reading->unread++;
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        *rows[i].text = find_text(packages->arena, &header, rows[i].tag);
    reading->unread += !*package.name;
    /* Keys that packages are signed with stand there, too. */
    if (!*package.name || !strcmp(package.name, "gpg-pubkey"))
        return;
    uint32_t type;
    struct span epoch = find_entry(&header, EPOCH, &type);
    if (epoch.len >= 4 && type == TYPE_INT32)
        package.epoch = arena_printf(packages->arena, "%u", number(epoch.text));
    package.version = arena_printf(packages->arena, "%s-%s", version, release);
    packages_add(packages, &package);
}

static const char *read_sqlite(int fd, void (*take)(void *data, struct span value), void *data)
{
    return sqlite_read(fd, "Packages", 1, take, data);
}

/* What was written last and is not yet in the database itself. */
static const char *read_journal(int fd, void (*take)(void *data, struct span value), void *data)
{
    struct stat st;
    (void)take, (void)data;
    bool is_empty = fstat(fd, &st) == 0 && st.st_size == 0;
    return is_empty ? NULL : "changes that are not in rpm's database yet: packages may be missing here";
}

static const struct form {
    const char *name;
    const char *(*read)(int fd, void (*take)(void *data, struct span value), void *data);
} forms[] = {
    {"rpmdb.sqlite", read_sqlite},
    {"rpmdb.sqlite-wal", read_journal},
    {"Packages.db", ndb_read},
    {"Packages", bdb_read},
};

static const struct form *find_form(const char *path)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strcmp(strrchr(path, '/') + 1, forms[i].name))
            return &forms[i];
    return NULL;
}

bool rpm_is_database(const char *path)
{
    return find_form(path);
}

void rpm_read(struct packages *packages, const char *path, int fd)
{
    const struct form *form = find_form(path);
    struct reading reading = {packages, path, 0};
    const char *why = form->read(fd, take_header, &reading);
    if (why)
        packages_note(packages, path, why);
    if (reading.unread)
        packages_note(packages, path, arena_printf(packages->arena, "%zu records that are no package", reading.unread));
}
