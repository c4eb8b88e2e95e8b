/*
 * Owns the files and keys of registries.conf. Called by hosts. Must not know TOML's syntax. Short names are docker.io's, as in
 * docker: search registries and aliases are read over.
 */
#include "runtime/registry/registries_conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/registry/hosts.h"
#include "runtime/registry/toml.h"

enum { FILE_LIMIT = 8 * 1024 * 1024 };

enum table { TABLE_TOP, TABLE_REGISTRY, TABLE_MIRROR, TABLE_ALIASES };

struct reading {
    struct hosts *hosts;
    const char *file;
    enum table table;
    size_t first;           /* of this file's rules */
};

/* --- what keys do --- */

static struct host_rule *rule_of(struct reading *reading)
{
    return &reading->hosts->rules.items[reading->hosts->rules.count - 1];
}

static struct mirror *mirror_of(struct reading *reading)
{
    struct host_rule *rule = rule_of(reading);
    return &rule->mirrors.items[rule->mirrors.count - 1];
}

static const char *nothing(struct reading *reading, const struct toml_value *value)
{
    (void)reading, (void)value;
    return NULL;
}

static const char *set_helpers(struct reading *reading, const struct toml_value *value)
{
    /* A later file replaces the list; "containers-auth.json" is what stands for the files themselves. */
    reading->hosts->helpers.count = 0;
    for (size_t i = 0; i < value->count; i++)
        if (strcmp(value->list[i], "containers-auth.json"))
            vec_push(&reading->hosts->helpers, value->list[i]);
    return NULL;
}

static const char *set_prefix(struct reading *reading, const struct toml_value *value)
{
    rule_of(reading)->prefix = value->string;
    return NULL;
}

static const char *set_location(struct reading *reading, const struct toml_value *value)
{
    rule_of(reading)->location = value->string;
    return NULL;
}

static const char *set_insecure(struct reading *reading, const struct toml_value *value)
{
    rule_of(reading)->is_insecure = value->boolean;
    return NULL;
}

static const char *set_blocked(struct reading *reading, const struct toml_value *value)
{
    rule_of(reading)->is_blocked = value->boolean;
    return NULL;
}

static const char *set_by_digest(struct reading *reading, const struct toml_value *value)
{
    rule_of(reading)->mirrors_by_digest = value->boolean;
    return NULL;
}

static const char *set_mirror_location(struct reading *reading, const struct toml_value *value)
{
    mirror_of(reading)->location = value->string;
    return NULL;
}

static const char *set_mirror_insecure(struct reading *reading, const struct toml_value *value)
{
    mirror_of(reading)->is_insecure = value->boolean;
    return NULL;
}

static const char *set_mirror_use(struct reading *reading, const struct toml_value *value)
{
    struct mirror *mirror = mirror_of(reading);
    mirror->for_digests = strcmp(value->string, "tag-only") != 0;
    mirror->for_tags = strcmp(value->string, "digest-only") != 0;
    bool is_known = !strcmp(value->string, "all") || !mirror->for_digests || !mirror->for_tags;
    return is_known ? NULL : "pull-from-mirror is all, digest-only or tag-only";
}

static const struct key {
    enum table table;
    const char *name;
    int kind;
    const char *(*set)(struct reading *reading, const struct toml_value *value);
} keys[] = {
    {TABLE_TOP, "unqualified-search-registries", TOML_LIST, nothing},
    {TABLE_TOP, "short-name-mode", TOML_STRING, nothing},
    {TABLE_TOP, "additional-layer-store-auth-helper", TOML_STRING, nothing},
    {TABLE_TOP, "credential-helpers", TOML_LIST, set_helpers},
    {TABLE_REGISTRY, "prefix", TOML_STRING, set_prefix},
    {TABLE_REGISTRY, "location", TOML_STRING, set_location},
    {TABLE_REGISTRY, "insecure", TOML_BOOLEAN, set_insecure},
    {TABLE_REGISTRY, "blocked", TOML_BOOLEAN, set_blocked},
    {TABLE_REGISTRY, "mirror-by-digest-only", TOML_BOOLEAN, set_by_digest},
    {TABLE_MIRROR, "location", TOML_STRING, set_mirror_location},
    {TABLE_MIRROR, "insecure", TOML_BOOLEAN, set_mirror_insecure},
    {TABLE_MIRROR, "pull-from-mirror", TOML_STRING, set_mirror_use},
    {TABLE_ALIASES, NULL, TOML_STRING, nothing},
};

/* --- reading --- */

static const char *on_table(void *data, const char *name, bool is_item)
{
    struct reading *reading = data;
    if (is_item && !strcmp(name, "registry")) {
        reading->table = TABLE_REGISTRY;
        vec_push(&reading->hosts->rules, (struct host_rule){.source = reading->file});
    } else if (is_item && !strcmp(name, "registry.mirror")) {
        if (reading->hosts->rules.count == reading->first)
            return "a [[registry.mirror]] stands before any [[registry]]";
        reading->table = TABLE_MIRROR;
        vec_push(&rule_of(reading)->mirrors, (struct mirror){.for_digests = true, .for_tags = true});
    } else if (!is_item && !strcmp(name, "aliases")) {
        reading->table = TABLE_ALIASES;
    } else if (!strncmp(name, "registries", 10)) {
        return "this is version 1 of the format, which is not supported: write [[registry]] tables";
    } else {
        return arena_printf(reading->hosts->arena, "the table %s is not understood", name);
    }
    return NULL;
}

static const char *on_value(void *data, const char *name, const struct toml_value *value)
{
    struct reading *reading = data;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct key *key = &keys[i];
        if (key->table != reading->table || (key->name && strcmp(key->name, name)))
            continue;
        if ((int)value->kind != key->kind)
            return arena_printf(reading->hosts->arena, "%s has a value of another kind", name);
        return key->set(reading, value);
    }
    return arena_printf(reading->hosts->arena, "the key %s is not understood", name);
}

/* What a table leaves out, and what it must not. */
static const char *finish(struct reading *reading)
{
    struct hosts *hosts = reading->hosts;
    for (size_t i = reading->first; i < hosts->rules.count; i++) {
        struct host_rule *rule = &hosts->rules.items[i];
        if (!rule->prefix)
            rule->prefix = rule->location;
        if (!rule->prefix || !*rule->prefix)
            return "a [[registry]] has neither prefix nor location";
        if (rule->location && (!*rule->location || !strncmp(rule->prefix, "*.", 2)))
            rule->location = NULL;
        for (size_t k = 0; k < rule->mirrors.count; k++)
            if (!rule->mirrors.items[k].location || !*rule->mirrors.items[k].location)
                return "a [[registry.mirror]] has no location";
    }
    return NULL;
}

/* A table of a later file replaces an earlier one's of the same prefix. */
static void replace_earlier(struct reading *reading)
{
    struct hosts *hosts = reading->hosts;
    for (size_t i = reading->first; i < hosts->rules.count; i++)
        for (size_t k = hosts->own_count; k < reading->first; k++)
            if (!strcmp(hosts->rules.items[k].prefix, hosts->rules.items[i].prefix))
                hosts->rules.items[k].prefix = "";
}

static const char *read_file(struct hosts *hosts, const char *file)
{
    struct reading reading = {hosts, file, TABLE_TOP, hosts->rules.count};
    struct toml_reader reader = {on_table, on_value, &reading};
    struct buf text = {0};
    int line = 0;
    /* How the variable says "none". */
    if (!strcmp(file, "/dev/null"))
        return NULL;
    if (file_read_at(AT_FDCWD, file, &text, FILE_LIMIT) < 0)
        return arena_printf(hosts->arena, "%s: %s", file, strerror(errno));
    const char *why = toml_read(hosts->arena, (struct span){buf_text(&text), text.len}, &reader, &line);
    if (!why)
        why = finish(&reading);
    if (!why)
        replace_earlier(&reading);
    buf_free(&text);
    return why ? arena_printf(hosts->arena, "%s:%d: %s", file, line, why) : NULL;
}

static const char *read_folder(struct hosts *hosts, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    const char *why = NULL;
    for (int i = 0; i < count; i++) {
        const char *dot = strrchr(entries[i]->d_name, '.');
        if (!why && dot && !strcmp(dot, ".conf"))
            why = read_file(hosts, arena_printf(hosts->arena, "%s/%s", folder, entries[i]->d_name));
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return why;
}

const char *registries_conf_read(struct hosts *hosts)
{
    struct arena *arena = hosts->arena;
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME"), *given = getenv("CONTAINERS_REGISTRIES_CONF");
    const char *folder = config && *config ? arena_printf(arena, "%s/containers", config)
                         : home            ? arena_printf(arena, "%s/.config/containers", home)
                                           : "";
    const char *own = arena_printf(arena, "%s/registries.conf", folder), *machine = "/etc/containers/registries.conf";
    const char *file = given && *given ? given : *folder && access(own, F_OK) == 0 ? own : machine;
    const char *why = file != machine || access(machine, F_OK) == 0 ? read_file(hosts, file) : NULL;
    if (!why)
        why = read_folder(hosts, "/etc/containers/registries.conf.d");
    if (!why && *folder)
        why = read_folder(hosts, arena_printf(arena, "%s/registries.conf.d", folder));
    return why;
}
