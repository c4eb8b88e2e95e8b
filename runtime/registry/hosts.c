/*
 * Owns the way from a repository's name to the servers that have it. Called by session. Must not know HTTP, nor the
 * syntax of any file (registries_conf.c has that of registries.conf).
 */
#include "runtime/registry/hosts.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"
#include "runtime/registry/certificates.h"
#include "runtime/registry/registries_conf.h"

static const char *copy(struct arena *arena, const char *text)
{
    return text ? arena_strdup(arena, text) : NULL;
}

/* A rule of dfgen.ini, as gen wrote it into the settings. */
static struct host_rule read_rule(struct arena *arena, const json_t *json)
{
    struct host_rule rule = {
        .prefix = copy(arena, json_get_string(json, "prefix", "")),
        .source = "dfgen.ini",
        .is_insecure = json_get_bool(json, "insecure", false),
        .is_blocked = json_get_bool(json, "blocked", false),
        .ca = copy(arena, json_get_string(json, "ca", NULL)),
        .cert = copy(arena, json_get_string(json, "cert", NULL)),
        .key = copy(arena, json_get_string(json, "key", NULL)),
    };
    const json_t *mirrors = json_object_get(json, "mirrors");
    for (size_t i = 0; i < json_array_size(mirrors); i++) {
        const char *location = json_string_value(json_array_get(mirrors, i));
        vec_push(&rule.mirrors, (struct mirror){.location = copy(arena, location ? location : ""),
                                                .for_digests = true, .for_tags = true});
    }
    return rule;
}

const char *hosts_read(struct hosts *hosts, struct arena *arena, const json_t *settings)
{
    *hosts = (struct hosts){.arena = arena};
    hosts->cert_dir = copy(arena, json_get_string(settings, "cert_dir", NULL));
    hosts->is_unchecked = !json_get_bool(settings, "tls_verify", true);
    const json_t *rules = json_object_get(settings, "rules");
    for (size_t i = 0; i < json_array_size(rules); i++)
        vec_push(&hosts->rules, read_rule(arena, json_array_get(rules, i)));
    hosts->own_count = hosts->rules.count;
    return registries_conf_read(hosts);
}

void hosts_free(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->rules.count; i++)
        vec_free(&hosts->rules.items[i].mirrors);
    vec_free(&hosts->rules);
    vec_free(&hosts->helpers);
}

/* How much of name a prefix covers: whole components (or up to a tag); "*.example.com" is any host below. 0: nothing. */
static size_t covered(const char *prefix, const char *name)
{
    size_t len = strlen(prefix);
    if (!strncmp(prefix, "*.", 2)) {
        size_t host = strcspn(name, "/"), tail = len - 1;
        return host > tail && !strncmp(name + host - tail, prefix + 1, tail) ? host : 0;
    }
    return !strncmp(prefix, name, len) && (!name[len] || name[len] == '/') ? len : 0;
}

static const struct host_rule *best_rule(const struct hosts *hosts, size_t from, size_t to, const char *name)
{
    const struct host_rule *best = NULL;
    size_t longest = 0;
    for (size_t i = from; i < to; i++) {
        const struct host_rule *rule = &hosts->rules.items[i];
        size_t len = covered(rule->prefix, name) ? strlen(rule->prefix) : 0;
        if (len > longest) {
            longest = len;
            best = rule;
        }
    }
    return best;
}

/* dfgen.ini over registries.conf. */
static const struct host_rule *find_rule(const struct hosts *hosts, const char *name)
{
    const struct host_rule *own = best_rule(hosts, 0, hosts->own_count, name);
    return own ? own : best_rule(hosts, hosts->own_count, hosts->rules.count, name);
}

static bool is_local(const char *host)
{
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    return (len == 9 && !strncasecmp(host, "localhost", 9)) || !strncmp(host, "127.", 4) ||
           (len == 5 && !strncmp(host, "[::1]", 5));
}

/* The server that a host's name stands for. */
static const char *server_of(const char *host)
{
    return !strcmp(host, "docker.io") || !strcmp(host, "index.docker.io") ? "registry-1.docker.io" : host;
}

static const char *make_place(struct hosts *hosts, const char *name, const struct host_rule *rule, struct place *place)
{
    size_t len = strcspn(name, "/");
    const char *host = arena_strndup(hosts->arena, name, len);
    place->host = server_of(host);
    place->repository = name[len] ? name + len + 1 : "";
    place->key = name;
    place->is_local = is_local(host);
    place->tls.is_unchecked = place->is_insecure |= hosts->is_unchecked;
    if (!*host || !*place->repository)
        return arena_printf(hosts->arena, "%s: a location is HOST[/PATH]", name);
    const struct certificates given = {rule ? rule->ca : NULL, rule ? rule->cert : NULL, rule ? rule->key : NULL};
    const char *why = certificates_find(hosts->arena, hosts->cert_dir, host, &given, &place->tls);
    return why ? arena_printf(hosts->arena, "%s: %s", host, why) : NULL;
}

const char *hosts_places(struct hosts *hosts, const char *repository, bool by_digest, bool for_push, struct places *places)
{
    const struct host_rule *rule = find_rule(hosts, repository);
    if (rule && rule->is_blocked)
        return arena_printf(hosts->arena, "%s is blocked by %s (\"%s\")", repository, rule->source, rule->prefix);
    const char *rest = repository + (rule ? covered(rule->prefix, repository) : 0), *why = NULL;
    for (size_t i = 0; rule && !for_push && i < rule->mirrors.count && !why; i++) {
        const struct mirror *mirror = &rule->mirrors.items[i];
        if ((by_digest ? !mirror->for_digests : !mirror->for_tags) || (rule->mirrors_by_digest && !by_digest))
            continue;
        struct place place = {.is_mirror = true, .is_insecure = mirror->is_insecure};
        /* A mirror is a registry too: what dfgen.ini says of its certificates holds. */
        const char *name = arena_printf(hosts->arena, "%s%s", mirror->location, rest);
        const struct host_rule *own = find_rule(hosts, name);
        place.is_insecure |= own && own->is_insecure;
        why = make_place(hosts, name, own, &place);
        vec_push(&places->items, place);
    }
    if (why)
        return why;
    struct place place = {.is_insecure = rule && rule->is_insecure};
    bool is_moved = rule && rule->location;
    const char *name = is_moved ? arena_printf(hosts->arena, "%s%s", rule->location, rest) : copy(hosts->arena, repository);
    why = make_place(hosts, name, rule, &place);
    vec_push(&places->items, place);
    return why;
}
