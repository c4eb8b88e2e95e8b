/*
 * Owns what package.json says of an installed package. Called by packages. Must not know how it was found.
 */
#include "runtime/sbom/npm.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"
#include "runtime/sbom/packages.h"

static const char modules[] = "node_modules/", file[] = "/package.json";

/* "@scope/name" or "name" of ".../node_modules/NAME/package.json"; empty: it is deeper in a package. */
static struct span folder_name(const char *path)
{
    const char *name = NULL;
    for (const char *at = path; (at = strstr(at, modules)); at += strlen(modules))
        if (at == path || at[-1] == '/')
            name = at + strlen(modules);
    size_t len = name ? strlen(name) : 0;
    if (len <= strlen(file) || strcmp(name + len - strlen(file), file))
        return (struct span){0};
    len -= strlen(file);
    size_t slashes = 0;
    for (size_t i = 0; i < len; i++)
        slashes += name[i] == '/';
    return slashes == (*name == '@') ? (struct span){name, len} : (struct span){0};
}

bool npm_is_package(const char *path)
{
    return folder_name(path).len;
}

void npm_read(struct packages *packages, const char *path, struct span text)
{
    char *why = NULL;
    json_t *json = json_parse(text, &why);
    struct span folder = folder_name(path);
    const json_t *license = json_object_get(json, "license");
    if (!json_is_object(json))
        packages_note(packages, path, why ? why : "it is no JSON object");
    struct package package = {
        .type = "npm",
        .name = json_get_string(json, "name", arena_strndup(packages->arena, folder.text, folder.len)),
        .version = json_get_string(json, "version", ""),
        /* Old packages have {"type": …}. */
        .license = json_is_string(license) ? json_string_value(license) : json_get_string(license, "type", ""),
        .from = path,
    };
    packages_add(packages, &package);
    json_decref(json);
    free(why);
}
