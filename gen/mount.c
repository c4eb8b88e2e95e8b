/*
 * Owns the grammar of RUN --mount: a CSV record of keys, each a row of a table. Called by stage, twice: early for
 * "from", and when the RUN is resolved. Must not know what is mounted where.
 */
#include "gen/mount.h"

#include <stdlib.h>
#include <string.h>

#include "gen/value.h"
#include "gen/word.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

const char *const mount_type_names[] = {"bind", "cache", "tmpfs", "secret", "ssh"};

enum { TYPE_COUNT = sizeof mount_type_names / sizeof *mount_type_names };

/* What a key may be told about: a bit for each type. */
enum {
    ON_SECRET = 1 << MOUNT_SECRET,
    ON_SSH = 1 << MOUNT_SSH,
    ON_TMPFS = 1 << MOUNT_TMPFS,
    ON_ALL = (1 << TYPE_COUNT) - 1,
};

struct parser {
    struct arena *arena;
    struct mount *mount;
    struct span field;          /* "key=value" */
    bool has_access;            /* ro or rw was given */
    bool has_env;
};

typedef const char *(*setter)(struct parser *parser, const char *key, struct span value);

static const char *invalid_value(struct parser *parser, const char *key, struct span value)
{
    return arena_printf(parser->arena, "invalid value for %s: %.*s", key, SPAN(value));
}

static const char *set_type(struct parser *parser, const char *key, struct span value)
{
    (void)key;
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (span_is_nocase(value, mount_type_names[i])) {
            parser->mount->type = (enum mount_type)i;
            return NULL;
        }
    return arena_printf(parser->arena, "unsupported mount type \"%.*s\"", SPAN(value));
}

static const char *set_from(struct parser *parser, const char *key, struct span value)
{
    const char *dollar = value.len ? memchr(value.text, '$', value.len) : NULL;
    if (dollar && dollar + 1 < value.text + value.len)
        return arena_printf(parser->arena, "'%s' doesn't support variable expansion, define alias stage instead", key);
    parser->mount->from = value;
    return NULL;
}

#define TEXT_SETTER(field)                                                                       \
    static const char *set_##field(struct parser *parser, const char *key, struct span value)    \
    {                                                                                            \
        (void)key;                                                                               \
        parser->mount->field = value;                                                            \
        return NULL;                                                                             \
    }

TEXT_SETTER(source)
TEXT_SETTER(target)
TEXT_SETTER(id)

static const char *set_env(struct parser *parser, const char *key, struct span value)
{
    (void)key;
    parser->mount->env = value;
    parser->has_env = true;
    return NULL;
}

static const char *set_readonly(struct parser *parser, const char *key, struct span value)
{
    parser->has_access = true;
    return value_bool(value, &parser->mount->is_readonly) ? NULL : invalid_value(parser, key, value);
}

static const char *set_readwrite(struct parser *parser, const char *key, struct span value)
{
    const char *error = set_readonly(parser, key, value);
    parser->mount->is_readonly = !parser->mount->is_readonly;
    return error;
}

static const char *set_required(struct parser *parser, const char *key, struct span value)
{
    return value_bool(value, &parser->mount->is_required) ? NULL : invalid_value(parser, key, value);
}

static const char *set_size(struct parser *parser, const char *key, struct span value)
{
    return value_size(parser->arena, value, &parser->mount->size) ? invalid_value(parser, key, value) : NULL;
}

static const char *set_sharing(struct parser *parser, const char *key, struct span value)
{
    static const char *const modes[] = {"shared", "private", "locked"};
    (void)key;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (span_is_nocase(value, modes[i])) {
            parser->mount->sharing = modes[i];
            return NULL;
        }
    return arena_printf(parser->arena, "unsupported sharing value \"%.*s\"", SPAN(value));
}

static const char *set_number(struct parser *parser, const char *key, struct span value, int base, int64_t *number)
{
    int64_t sum = 0;
    for (size_t i = 0; i < value.len && sum <= UINT32_MAX; i++) {
        int digit = value.text[i] - '0';
        if (digit < 0 || digit >= base)
            return arena_printf(parser->arena, "invalid value %.*s for %s", SPAN(value), key);
        sum = sum * base + digit;
    }
    if (!value.len || sum > UINT32_MAX)
        return arena_printf(parser->arena, "invalid value %.*s for %s", SPAN(value), key);
    *number = sum;
    return NULL;
}

static const char *set_mode(struct parser *parser, const char *key, struct span value)
{
    return set_number(parser, key, value, 8, &parser->mount->mode);
}

static const char *set_uid(struct parser *parser, const char *key, struct span value)
{
    return set_number(parser, key, value, 10, &parser->mount->uid);
}

static const char *set_gid(struct parser *parser, const char *key, struct span value)
{
    return set_number(parser, key, value, 10, &parser->mount->gid);
}

static const struct key {
    const char *name;
    setter set;
    unsigned types;         /* that may have been named before it */
    bool is_switch;         /* may stand without a value */
    bool is_raw;            /* never expanded */
} keys[] = {
    {"type", set_type, ON_ALL, false, false},
    {"from", set_from, ON_ALL, false, true},
    {"source", set_source, ON_ALL, false, false},
    {"src", set_source, ON_ALL, false, false},
    {"target", set_target, ON_ALL, false, false},
    {"dst", set_target, ON_ALL, false, false},
    {"destination", set_target, ON_ALL, false, false},
    {"readonly", set_readonly, ON_ALL, true, false},
    {"ro", set_readonly, ON_ALL, true, false},
    {"readwrite", set_readwrite, ON_ALL, true, false},
    {"rw", set_readwrite, ON_ALL, true, false},
    {"required", set_required, ON_SECRET | ON_SSH, true, false},
    {"size", set_size, ON_TMPFS, false, false},
    {"id", set_id, ON_ALL, false, false},
    {"sharing", set_sharing, ON_ALL, false, false},
    {"mode", set_mode, ON_ALL, false, false},
    {"uid", set_uid, ON_ALL, false, false},
    {"gid", set_gid, ON_ALL, false, false},
    {"env", set_env, ON_ALL, false, false},
};

static const struct key *find_key(struct span name)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (span_is_nocase(name, keys[i].name))
            return &keys[i];
    return NULL;
}

/* The next field of a CSV record; NULL, or what is wrong with it. */
static const char *next_field(struct arena *arena, struct span *rest, struct span *field)
{
    if (!rest->len || rest->text[0] != '"') {
        const char *comma = rest->len ? memchr(rest->text, ',', rest->len) : NULL;
        *field = (struct span){rest->text, comma ? (size_t)(comma - rest->text) : rest->len};
        *rest = span_skip(*rest, field->len);
        return field->len && memchr(field->text, '"', field->len) ? "bare \" in non-quoted-field" : NULL;
    }
    char *out = arena_alloc(arena, rest->len + 1);
    size_t len = 0, at = 1;
    for (;; at++) {
        if (at >= rest->len)
            return "extraneous or missing \" in quoted-field";
        if (rest->text[at] == '"' && (at + 1 == rest->len || rest->text[at + 1] != '"'))
            break;
        at += rest->text[at] == '"';
        out[len++] = rest->text[at];
    }
    *field = (struct span){out, len};
    *rest = span_skip(*rest, at + 1);
    return rest->len && rest->text[0] != ',' ? "extraneous or missing \" in quoted-field" : NULL;
}

static const char *read_switch(struct parser *parser, const struct key *key)
{
    if (!key || !key->is_switch)
        return arena_printf(parser->arena, "invalid field '%.*s' must be a key=value pair", SPAN(parser->field));
    if (!(key->types & 1u << parser->mount->type))
        return arena_printf(parser->arena, "unexpected key '%s' for mount type '%s'", key->name,
                            mount_type_names[parser->mount->type]);
    return key->set(parser, key->name, span_of("true"));
}

static const char *read_field(struct parser *parser, char escape, const struct word_env *vars)
{
    struct span field = parser->field;
    const char *equals = field.len ? memchr(field.text, '=', field.len) : NULL;
    struct span name = {field.text, equals ? (size_t)(equals - field.text) : field.len};
    const struct key *key = find_key(name);
    if (!vars && !(equals && key && key->is_raw))
        return NULL;
    if (!equals)
        return read_switch(parser, key);
    struct span value = span_skip(field, name.len + 1);
    if (vars && !(key && key->is_raw)) {
        struct word_result word = word_expand(parser->arena, value, escape, WORD_ONE, vars);
        if (word.error)
            return arena_printf(parser->arena, "failed to process \"%.*s\": %s", SPAN(value), word.error);
        value = word.text;
    }
    if (!key)
        return arena_printf(parser->arena, "unexpected key '%.*s' in '%.*s'", SPAN(name), SPAN(field));
    if (!(key->types & 1u << parser->mount->type))
        return arena_printf(parser->arena, "unexpected key '%s' for mount type '%s'", key->name,
                            mount_type_names[parser->mount->type]);
    return key->set(parser, key->name, value);
}

static const char *check_secret(const struct parser *parser)
{
    const struct mount *mount = parser->mount;
    if (parser->has_env && !mount->env.len)
        return "invalid value for env: a variable has a name";
    if (mount->from.len)
        return "secret mount should not have a from";
    if (!mount->source.len && !mount->target.len && !mount->id.len)
        return "invalid secret mount. one of source, target required";
    if (mount->source.len && mount->id.len)
        return "both source and id can't be set";
    return NULL;
}

/* What keys mean together. */
static const char *check_whole(struct parser *parser)
{
    struct mount *mount = parser->mount;
    const char *type = mount_type_names[mount->type];
    bool takes_owner = mount->type != MOUNT_BIND && mount->type != MOUNT_TMPFS;
    const char *denied = mount->mode >= 0 ? "mode" : mount->uid >= 0 ? "uid" : mount->gid >= 0 ? "gid" : NULL;
    if (denied && !takes_owner)
        return arena_printf(parser->arena, "%s not allowed for \"%s\" type mounts", denied, type);
    if (!parser->has_access)
        mount->is_readonly = mount->type != MOUNT_CACHE && mount->type != MOUNT_TMPFS;
    if (mount->sharing && mount->type != MOUNT_CACHE)
        return arena_printf(parser->arena, "invalid cache sharing set for %s mount", type);
    if (mount->type == MOUNT_SSH && mount->source.len)
        return "ssh does not support source";
    return mount->type == MOUNT_SECRET ? check_secret(parser) : NULL;
}

const char *mount_parse(struct arena *arena, struct span text, char escape, const struct word_env *vars,
                        struct mount *mount)
{
    static const struct span none = {"", 0};
    *mount = (struct mount){.type = MOUNT_BIND, .target = none, .source = none, .from = none, .id = none, .env = none,
                            .mode = -1, .uid = -1, .gid = -1};
    struct parser parser = {.arena = arena, .mount = mount};
    struct span rest = text;
    if (!text.len)
        return "failed to parse csv mounts: nothing is said of the mount";
    for (;;) {
        const char *error = next_field(arena, &rest, &parser.field);
        if (error)
            return arena_printf(arena, "failed to parse csv mounts: %s", error);
        error = read_field(&parser, escape, vars);
        if (error)
            return error;
        if (!rest.len)
            break;
        rest = span_skip(rest, 1);
    }
    return vars ? check_whole(&parser) : NULL;
}
