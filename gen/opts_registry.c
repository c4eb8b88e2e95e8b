/*
 * Owns what options and dfgen.ini say of registries, and how that is handed to the helpers. Called by opts_table and settings. Must not
 * know what a registry is asked.
 */
#include "gen/opts.h"

#include "gen/opts_registry.h"

#include <jansson.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"
#include "runtime/lib/span.h"

const char *opts_set_authfile(struct opts *opts, const char *base, const char *value)
{
    opts->authfile = opts_path(opts, base, value);
    return NULL;
}

const char *opts_set_cert_dir(struct opts *opts, const char *base, const char *value)
{
    opts->cert_dir = opts_path(opts, base, value);
    return NULL;
}

static const char *read_bool(const char *text, bool *value)
{
    *value = !strcmp(text, "true");
    return *value || !strcmp(text, "false") ? NULL : "true or false is wanted";
}

const char *opts_set_tls_verify(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    bool verify;
    const char *error = read_bool(value, &verify);
    opts->no_tls_verify = !verify;
    return error;
}

static struct opt_registry *find(struct opts *opts, const char *prefix)
{
    for (size_t i = 0; i < opts->registries.count; i++)
        if (!strcmp(opts->registries.items[i].prefix, prefix))
            return &opts->registries.items[i];
    vec_push(&opts->registries, (struct opt_registry){.prefix = arena_strdup(opts->arena, prefix)});
    return &opts->registries.items[opts->registries.count - 1];
}

/* HOST[:PORT][/PATH], "*.HOST": nothing that leads elsewhere in an address. */
static bool is_location(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:/[]*") == strlen(text) &&
           *text != '/' && text[strlen(text) - 1] != '/' && !strstr(text, "//") && !strstr(text, "..");
}

const char *opts_set_registry(struct opts *opts, const char *base, const char *prefix, const char *key, const char *value)
{
    size_t len = strlen(prefix);
    bool is_quoted = len > 2 && prefix[0] == '"' && prefix[len - 1] == '"';
    const char *name = is_quoted ? arena_strndup(opts->arena, prefix + 1, len - 2) : "";
    if (!is_location(name))
        return "a section of a registry is called [registry \"HOST[/PATH]\"]";
    struct opt_registry *registry = find(opts, name);
    if (!strcmp(key, "mirror")) {
        if (!is_location(value))
            return arena_printf(opts->arena, "\"%s\": a mirror is HOST[:PORT][/PATH]", value);
        seq_push(opts->arena, &registry->mirrors, arena_strdup(opts->arena, value));
        return NULL;
    }
    const struct {
        const char *key;
        bool *flag;
        const char **file;
    } rows[] = {
        {"insecure", &registry->is_insecure, NULL}, {"blocked", &registry->is_blocked, NULL}, {"ca", NULL, &registry->ca},
        {"cert", NULL, &registry->cert},            {"key", NULL, &registry->key},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].key, key))
            continue;
        if (rows[i].flag)
            return read_bool(value, rows[i].flag);
        *rows[i].file = opts_path(opts, base, value);
        return NULL;
    }
    return arena_printf(opts->arena, "unknown key %s in [registry %s] (mirror, insecure, blocked, ca, cert and key are)", key, prefix);
}

static void set_text(json_t *json, const char *key, const char *value)
{
    if (value)
        json_object_set_new(json, key, json_string(value));
}

static json_t *rule_json(const struct opt_registry *registry)
{
    json_t *rule = json_pack("{s:s,s:b,s:b}", "prefix", registry->prefix, "insecure", registry->is_insecure, "blocked",
                             registry->is_blocked);
    json_t *mirrors = json_array();
    for (size_t i = 0; i < registry->mirrors.count; i++)
        json_array_append_new(mirrors, json_string(registry->mirrors.items[i]));
    json_object_set_new(rule, "mirrors", mirrors);
    set_text(rule, "ca", registry->ca);
    set_text(rule, "cert", registry->cert);
    set_text(rule, "key", registry->key);
    return rule;
}

json_t *opts_registry_json(const struct opts *opts)
{
    json_t *json = json_object(), *rules = json_array();
    for (size_t i = 0; i < opts->registries.count; i++)
        json_array_append_new(rules, rule_json(&opts->registries.items[i]));
    json_object_set_new(json, "rules", rules);
    json_object_set_new(json, "tls_verify", json_boolean(!opts->no_tls_verify));
    set_text(json, "authfile", opts->authfile);
    set_text(json, "cert_dir", opts->cert_dir);
    return json;
}
