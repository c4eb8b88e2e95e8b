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
#include "runtime/sbom/npm.h"
#include "runtime/sbom/stanza.h"

enum { DATABASE_LIMIT = 256 * 1024 * 1024 };

/* What those who write stanzas call things (stanza.h). */
static const struct stanza_keys dpkg = {"deb", "Package", "Version", "Architecture", NULL, "Status", false};
static const struct stanza_keys apk = {"apk", "P", "V", "A", "L", NULL, false};
static const struct stanza_keys python = {"pypi", "Name", "Version", NULL, "License", NULL, true};

static bool is_rpm(const char *path), is_status(const char *path);

/* Patterns of paths; a star matches slashes, too. Of several that match, the first counts. */
static const struct database {
    const char *pattern;
    const struct stanza_keys *stanzas;      /* NULL: */
    void (*read)(struct packages *packages, const char *path, struct span text);    /* NULL: known, but not read */
    bool (*matches)(const char *path);      /* what the pattern cannot say; NULL: nothing */
} databases[] = {
    {"var/lib/dpkg/status", &dpkg, NULL, NULL},
    {"var/lib/dpkg/status.d/*", &dpkg, NULL, is_status},
    {"lib/apk/db/installed", &apk, NULL, NULL},
    {"usr/lib/apk/db/installed", &apk, NULL, NULL},
    {"*node_modules/*/package.json", NULL, npm_read, npm_is_package},
    {"*.dist-info/METADATA", &python, NULL, NULL},
    {"*.egg-info/PKG-INFO", &python, NULL, NULL},
    {"*.egg-info", &python, NULL, NULL},
    {"var/lib/rpm/*", NULL, NULL, is_rpm},
    {"usr/lib/sysimage/rpm/*", NULL, NULL, is_rpm},
};

/* --- the list --- */

/* What may stand in a package URL as it is; "/" only between the parts of an npm name. */
static void add_escaped(struct buf *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~:/";
    for (; *text; text++) {
        if (strchr(plain, *text))
            buf_putc(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
    }
}

/* PyPI's names are the same in any case, with dash and underscore alike. */
static const char *purl_name(struct arena *arena, const struct package *package)
{
    if (strcmp(package->type, "pypi"))
        return package->name;
    char *name = arena_strdup(arena, package->name);
    for (char *at = name; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
        else if (*at == '_')
            *at = '-';
    }
    return name;
}

static const char *make_purl(const struct packages *packages, const struct package *package)
{
    struct buf purl = {0};
    bool is_of_distro = !strcmp(package->type, "deb") || !strcmp(package->type, "apk");
    buf_printf(&purl, "pkg:%s/", package->type);
    if (is_of_distro && *packages->distro) {
        add_escaped(&purl, packages->distro);
        buf_putc(&purl, '/');
    }
    add_escaped(&purl, purl_name(packages->arena, package));
    if (*package->version) {
        buf_putc(&purl, '@');
        add_escaped(&purl, package->version);
    }
    if (*package->arch) {
        buf_puts(&purl, "?arch=");
        add_escaped(&purl, package->arch);
    }
    const char *text = arena_strdup(packages->arena, buf_text(&purl));
    buf_free(&purl);
    return text;
}

void packages_add(struct packages *packages, const struct package *package)
{
    struct arena *arena = packages->arena;
    struct package own = *package;
    const char **texts[] = {&own.name, &own.version, &own.arch, &own.license, &own.from};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_strdup(arena, *texts[i] ? *texts[i] : "");
    own.purl = make_purl(packages, &own);
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

static bool is_rpm(const char *path)
{
    static const char *const names[] = {"Packages", "Packages.db", "rpmdb.sqlite"};
    const char *base = strrchr(path, '/') + 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(base, names[i]))
            return true;
    return false;
}

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

/* False with errno. */
static bool read_node(const struct tree *tree, const struct tree_node *node, struct buf *text)
{
    autoclose int fd = tree_open_file(tree, node);
    return fd >= 0 && fd_read_all(fd, text, DATABASE_LIMIT) == 0;
}

static void read_database(struct packages *packages, const struct tree *tree, const struct tree_node *node,
                          const struct database *database)
{
    struct buf text = {0};
    struct span all;
    if (!database->stanzas && !database->read)
        packages_note(packages, node->path, "a database of rpm, which dfgen cannot read: its packages are missing here");
    else if (!read_node(tree, node, &text))
        packages_note(packages, node->path, strerror(errno));
    else if (all = (struct span){buf_text(&text), text.len}, memchr(all.text, 0, all.len))
        packages_note(packages, node->path, "it has NUL bytes in it, so it was not read");
    else if (database->stanzas)
        stanza_read(packages, database->stanzas, node->path, all);
    else
        database->read(packages, node->path, all);
    buf_free(&text);
}

/* What is the topmost of its name in this layer, so each path counts once. */
static void look_into_layer(struct packages *packages, const struct tree *tree, size_t layer)
{
    const struct list *list = tree_layer_list(tree, layer);
    struct arena scratch = {0};
    for (size_t i = 0; i < list_count(list); i++) {
        enum entry_type type = list_type(list, i);
        if (type != ENTRY_FILE && type != ENTRY_HARDLINK)
            continue;
        const char *path = list_path(list, i, &scratch);
        const struct database *database = find_database(path);
        struct tree_node node;
        struct entry entry;
        if (database && tree_lookup(tree, packages->arena, path, &node, &entry) && node.layer == layer && entry.type == ENTRY_FILE)
            read_database(packages, tree, &node, database);
    }
    arena_free(&scratch);
}

/* ID=debian, quotes or not. */
static const char *find_distro(struct packages *packages, const struct tree *tree)
{
    const char *path, *id = "";
    struct tree_node node;
    struct entry entry;
    struct buf text = {0};
    if (tree_resolve(tree, packages->arena, "etc/os-release", true, &path) &&
        tree_lookup(tree, packages->arena, path, &node, &entry) && entry.type == ENTRY_FILE && read_node(tree, &node, &text)) {
        const char *at = buf_text(&text);
        while (at && strncmp(at, "ID=", 3))
            at = (at = strchr(at, '\n')) ? at + 1 : NULL;
        if (at) {
            at += 3 + strspn(at + 3, "\"'");
            id = arena_strndup(packages->arena, at, strcspn(at, "\"'\n"));
        }
    }
    buf_free(&text);
    return id;
}

void packages_find(struct packages *packages, const struct tree *tree)
{
    packages->distro = find_distro(packages, tree);
    for (size_t layer = 0; layer < tree_layer_count(tree); layer++)
        look_into_layer(packages, tree, layer);
    sort(packages);
}

void packages_free(struct packages *packages)
{
    vec_free(&packages->list);
    vec_free(&packages->notes);
}
