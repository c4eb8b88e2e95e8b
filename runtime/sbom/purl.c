/*
 * Owns the form of package URLs: what each type puts where. Called by packages. Must not know where packages come from.
 */
#include "runtime/sbom/purl.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/sbom/packages.h"

/* What a type's names are like. */
static const struct type {
    const char *name;
    bool is_of_distro;          /* the distribution is the namespace, and a qualifier */
    bool is_lower;              /* case does not count */
    bool has_dashes;            /* underscores are the same */
} types[] = {
    {"deb", true, true, false}, {"apk", true, true, false}, {"rpm", true, false, false},
    {"pypi", false, true, true}, {"golang", false, true, false},
};

/* What may stand in a package URL as it is; "/" only between the parts of a name. */
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

static const char *own_name(struct arena *arena, const struct type *type, const char *from)
{
    char *name = arena_strdup(arena, from);
    for (char *at = name; type && *at; at++) {
        if (type->is_lower && *at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
        else if (type->has_dashes && *at == '_')
            *at = '-';
    }
    return name;
}

/* "NAME (VERSION)" as "NAME@VERSION"; "": it has the package's own name. */
static const char *upstream(struct arena *arena, const struct package *package)
{
    const char *space = strchr(package->source, ' ');
    if (!strcmp(package->source, package->name))
        return "";
    if (!space || space[1] != '(' || space[strlen(space) - 1] != ')')
        return package->source;
    int name = (int)(space - package->source), version = (int)strlen(space) - 3;
    return arena_printf(arena, "%.*s@%.*s", name, package->source, version, space + 2);
}

/* Sorted by name, as they have to be. */
static void add_qualifiers(struct buf *purl, struct arena *arena, const struct package *package, const char *distro)
{
    const struct {
        const char *name, *value;
    } rows[] = {
        {"arch", package->arch}, {"distro", distro}, {"epoch", package->epoch}, {"upstream", upstream(arena, package)},
    };
    char mark = '?';
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!*rows[i].value)
            continue;
        buf_printf(purl, "%c%s=", mark, rows[i].name);
        add_escaped(purl, rows[i].value);
        mark = '&';
    }
}

const char *purl_make(struct arena *arena, const struct package *package, const struct distro *distro)
{
    struct buf purl = {0};
    const struct type *type = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(package->type, types[i].name))
            type = &types[i];
    bool is_of_distro = type && type->is_of_distro && *distro->id;
    buf_printf(&purl, "pkg:%s/", package->type);
    if (is_of_distro) {
        /* Red Hat's vendor is not called like its system. */
        add_escaped(&purl, strcmp(distro->id, "rhel") ? distro->id : "redhat");
        buf_putc(&purl, '/');
    }
    add_escaped(&purl, own_name(arena, type, package->name));
    if (*package->version) {
        buf_putc(&purl, '@');
        add_escaped(&purl, package->version);
    }
    const char *named = is_of_distro ? distro->id : "";
    if (*named && *distro->version)
        named = arena_printf(arena, "%s-%s", distro->id, distro->version);
    add_qualifiers(&purl, arena, package, named);
    const char *text = arena_strdup(arena, buf_text(&purl));
    buf_free(&purl);
    return text;
}
