/*
 * Owns the table of what tells of packages, the walk that finds it in a root, and the list of them. Called by dfgen-image. Must not know what
 * becomes of the list.
 */
#include "runtime/sbom/packages.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/tree.h"
#include "runtime/sbom/golang.h"
#include "runtime/sbom/npm.h"
#include "runtime/sbom/purl.h"
#include "runtime/sbom/rpm.h"
#include "runtime/sbom/stanza.h"

enum { DATABASE_LIMIT = 256 * 1024 * 1024, RELEASE_LIMIT = 1024 * 1024, SCRATCH_ENTRIES = 256 };

/* What those who write stanzas call things (stanza.h). */
static const struct stanza_keys dpkg = {"deb", "Package", "Version", "Architecture", NULL, "Source", "Status", false};
static const struct stanza_keys apk = {"apk", "P", "V", "A", "L", "o", NULL, false};
static const struct stanza_keys python = {"pypi", "Name", "Version", NULL, "License", NULL, NULL, true};

static bool is_status(const char *path);

/* Patterns of paths; a star matches slashes, too. Of several that match, the first counts. */
static const struct database {
    const char *pattern;
    const struct stanza_keys *stanzas;      /* NULL: */
    void (*read)(struct packages *packages, const char *path, struct span text);    /* NULL: */
    void (*read_file)(struct packages *packages, const char *path, int fd);
    bool (*matches)(const char *path);      /* what the pattern cannot say; NULL: nothing */
} databases[] = {
    {"var/lib/dpkg/status", &dpkg, NULL, NULL, NULL},
    {"var/lib/dpkg/status.d/*", &dpkg, NULL, NULL, is_status},
    {"lib/apk/db/installed", &apk, NULL, NULL, NULL},
    {"usr/lib/apk/db/installed", &apk, NULL, NULL, NULL},
    {"*node_modules/*/package.json", NULL, npm_read, NULL, npm_is_package},
    {"*.dist-info/METADATA", &python, NULL, NULL, NULL},
    {"*.egg-info/PKG-INFO", &python, NULL, NULL, NULL},
    {"*.egg-info", &python, NULL, NULL, NULL},
    {"var/lib/rpm/*", NULL, NULL, rpm_read, rpm_is_database},
    {"usr/lib/sysimage/rpm/*", NULL, NULL, rpm_read, rpm_is_database},
};

/* Any other file that can be run. */
static const struct database program = {"*", NULL, NULL, golang_read, NULL};

/* --- the list --- */

void packages_add(struct packages *packages, const struct package *package)
{
    struct arena *arena = packages->arena;
    struct package own = *package;
    const char **texts[] = {&own.name, &own.version, &own.epoch, &own.arch, &own.license, &own.source, &own.from};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_strdup(arena, *texts[i] ? *texts[i] : "");
    own.purl = purl_make(arena, &own, &packages->distro);
    /* As rpm itself writes it. */
    if (*own.epoch)
        own.version = arena_printf(arena, "%s:%s", own.epoch, own.version);
    vec_push(&packages->list, own);
}

void packages_note(struct packages *packages, const char *from, const char *what)
{
    vec_push(&packages->notes, arena_printf(packages->arena, "/%s: %s", from, what));
}

static int compare_packages(const void *a, const void *b)
{
    const struct package *one = a, *other = b;
    int order = strcmp(one->purl, other->purl);
    return order ? order : strcmp(one->from, other->from);
}

static int compare_notes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort(struct packages *packages)
{
    size_t kept = 0;
    if (packages->notes.count)
        qsort(packages->notes.items, packages->notes.count, sizeof *packages->notes.items, compare_notes);
    if (!packages->list.count)
        return;
    qsort(packages->list.items, packages->list.count, sizeof *packages->list.items, compare_packages);
    for (size_t i = 0; i < packages->list.count; i++)
        if (!kept || compare_packages(&packages->list.items[kept - 1], &packages->list.items[i]))
            packages->list.items[kept++] = packages->list.items[i];
    packages->list.count = kept;
}

/* --- finding --- */

/* Checksums of the package's files lie beside them. */
static bool is_status(const char *path)
{
    return fnmatch("*.md5sums", path, 0);
}

static const struct database *find_database(const char *path)
{
    for (size_t i = 0; i < sizeof databases / sizeof *databases; i++)
        if (!fnmatch(databases[i].pattern, path, 0) && (!databases[i].matches || databases[i].matches(path)))
            return &databases[i];
    return NULL;
}

static void read_database(struct packages *packages, const struct tree *tree, const struct tree_node *node,
                          const struct database *database)
{
    struct buf text = {0};
    struct span all;
    autoclose int fd = tree_open_file(tree, node);
    if (fd >= 0 && database->read_file)
        database->read_file(packages, node->path, fd);
    else if (fd < 0 || fd_read_all(fd, &text, DATABASE_LIMIT) < 0)
        packages_note(packages, node->path, strerror(errno));
    else if (all = (struct span){buf_text(&text), text.len}, memchr(all.text, 0, all.len))
        packages_note(packages, node->path, "it has NUL bytes in it, so it was not read");
    else if (database->stanzas)
        stanza_read(packages, database->stanzas, node->path, all);
    else
        database->read(packages, node->path, all);
    buf_free(&text);
}

/* What is the topmost of its name in this layer, so each path counts once; a program counts by its first name. */
static void look_into_layer(struct packages *packages, const struct tree *tree, size_t layer)
{
    const struct list *list = tree_layer_list(tree, layer);
    struct arena scratch = {0};
    for (size_t i = 0; i < list_count(list); i++) {
        enum entry_type type = list_type(list, i);
        if (type != ENTRY_FILE && type != ENTRY_HARDLINK)
            continue;
        struct tree_node node;
        struct entry entry;
        list_entry(list, i, &scratch, &entry);
        const struct database *database = find_database(entry.path);
        if (!database && type == ENTRY_FILE && (entry.mode & 0111) && entry.size > 0)
            database = &program;
        if (database && tree_lookup(tree, packages->arena, entry.path, &node, &entry) && node.layer == layer &&
            entry.type == ENTRY_FILE)
            read_database(packages, tree, &node, database);
        if (i % SCRATCH_ENTRIES == 0)
            arena_free(&scratch);
    }
    arena_free(&scratch);
}

/* The value of KEY= in os-release's text, quotes or not. */
static const char *find_value(struct arena *arena, const char *text, const char *key)
{
    size_t len = strlen(key);
    while (text && (strncmp(text, key, len) || text[len] != '='))
        text = (text = strchr(text, '\n')) ? text + 1 : NULL;
    if (!text)
        return "";
    text += len + 1;
    text += strspn(text, "\"'");
    return arena_strndup(arena, text, strcspn(text, "\"'\n"));
}

static void find_distro(struct packages *packages, const struct tree *tree)
{
    const char *path;
    struct tree_node node;
    struct entry entry;
    struct buf text = {0};
    packages->distro = (struct distro){"", ""};
    if (!tree_resolve(tree, packages->arena, "etc/os-release", true, &path) ||
        !tree_lookup(tree, packages->arena, path, &node, &entry) || entry.type != ENTRY_FILE)
        return;
    autoclose int fd = tree_open_file(tree, &node);
    if (fd >= 0 && fd_read_all(fd, &text, RELEASE_LIMIT) == 0) {
        packages->distro.id = find_value(packages->arena, buf_text(&text), "ID");
        packages->distro.version = find_value(packages->arena, buf_text(&text), "VERSION_ID");
    }
    buf_free(&text);
}

void packages_find(struct packages *packages, const struct tree *tree)
{
    find_distro(packages, tree);
    for (size_t layer = 0; layer < tree_layer_count(tree); layer++)
        look_into_layer(packages, tree, layer);
    sort(packages);
}

void packages_free(struct packages *packages)
{
    vec_free(&packages->list);
    vec_free(&packages->notes);
}
