/*
 * Owns source policies: reading the JSON, and what its rules make of a source, as BuildKit's engine has it. Called by
 * those who look up images, URLs and repositories. Must not know how these are had.
 */
#include "gen/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gen/add.h"
#include "gen/policy_regex.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/vec.h"

#include "gen/seq.h"

enum { POLICY_LIMIT = 16 * 1024 * 1024, CONVERT_LIMIT = 20 };

enum action { ACTION_ALLOW, ACTION_DENY, ACTION_CONVERT };
enum match { MATCH_WILDCARD, MATCH_EXACT, MATCH_REGEX };
enum condition { CONDITION_EQUAL, CONDITION_NOTEQUAL, CONDITION_MATCHES };

static const char *const actions[] = {"ALLOW", "DENY", "CONVERT", NULL};
static const char *const matches[] = {"WILDCARD", "EXACT", "REGEX", NULL};
static const char *const conditions[] = {"EQUAL", "NOTEQUAL", "MATCHES", NULL};

/* Attributes of sources that mean something here. */
enum attribute {
    HTTP_CHECKSUM,
    GIT_CHECKSUM,
    GIT_FULL_URL,
    GIT_KEEP_DIR,
    GIT_SKIP_SUBMODULES,
    IMAGE_CHECKSUM,
    ATTRIBUTE_COUNT
};
static const char *const attributes[] = {"http.checksum",         "git.checksum",   "git.fullurl", "git.keepgitdir",
                                         "git.skipsubmodules", "image.checksum", NULL};

struct constraint {
    enum attribute attribute;
    enum condition condition;
    const char *value;
    struct policy_regex *regex;     /* of CONDITION_MATCHES */
};

struct rule {
    size_t number;                  /* from 0, as in rules[N] */
    enum action action;
    enum match match;
    const char *identifier;
    struct policy_regex *regex;     /* NULL: MATCH_EXACT */
    SEQ(struct constraint) constraints;
    const char *update;             /* the identifier's; NULL: none */
    const char *updates[ATTRIBUTE_COUNT];   /* NULL: not changed */
};

struct policy {
    const char *shown;
    SEQ(struct rule) rules;
};

/* --- reading --- */

struct reading {
    struct arena *arena;
    struct policy *policy;
};

_Noreturn static void malformed(const struct reading *reading, const char *place, const char *why)
{
    die_usage("%s: %s: %s", reading->policy->shown, place, why);
}

static const char *under(const struct reading *reading, const char *place, const char *member)
{
    return arena_printf(reading->arena, "%s%s%s", place, *place ? "." : "", member);
}

/* An object that has no other members than these. */
static void check_members(const struct reading *reading, const char *place, const json_t *object,
                          const char *const *known)
{
    if (!json_is_object(object))
        malformed(reading, *place ? place : "it", "an object is wanted");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        const char *const *name = known;
        while (*name && strcmp(*name, key))
            name++;
        if (!*name)
            malformed(reading, under(reading, place, key), "a source policy has no such member");
    }
}

static const char *read_string(const struct reading *reading, const char *place, const json_t *value,
                               const char *fallback)
{
    if (!value)
        return fallback;
    if (!json_is_string(value) || json_string_length(value) != strlen(json_string_value(value)))
        malformed(reading, place, "a string is wanted");
    return arena_strdup(reading->arena, json_string_value(value));
}

_Noreturn static void is_none_of(const struct reading *reading, const char *place, const char *const *names)
{
    const char *list = names[0];
    for (size_t i = 1; names[i]; i++)
        list = arena_printf(reading->arena, "%s, %s", list, names[i]);
    malformed(reading, place, arena_printf(reading->arena, "it is none of %s", list));
}

/* By name, or by number as older writers had it. */
static int read_enum(const struct reading *reading, const char *place, const json_t *value, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        bool is_it = json_is_integer(value) ? json_integer_value(value) == i
                                            : json_is_string(value) && !strcmp(json_string_value(value), names[i]);
        if (value ? is_it : !i)
            return i;
    }
    is_none_of(reading, place, names);
}

static enum attribute read_attribute(const struct reading *reading, const char *place, const char *key)
{
    int i = 0;
    while (attributes[i] && strcmp(attributes[i], key))
        i++;
    if (!attributes[i])
        malformed(reading, place, arena_printf(reading->arena, "the attribute %s is not supported", key));
    return (enum attribute)i;
}

static void read_constraint(const struct reading *reading, struct rule *rule, const char *place, const json_t *json)
{
    static const char *const members[] = {"key", "value", "condition", NULL};
    const char *error = NULL;
    check_members(reading, place, json, members);
    const char *key = read_string(reading, under(reading, place, "key"), json_object_get(json, "key"), "");
    struct constraint constraint = {
        .attribute = read_attribute(reading, under(reading, place, "key"), key),
        .value = read_string(reading, under(reading, place, "value"), json_object_get(json, "value"), ""),
        .condition = (enum condition)read_enum(reading, under(reading, place, "condition"),
                                               json_object_get(json, "condition"), conditions),
    };
    if (constraint.condition == CONDITION_MATCHES)
        constraint.regex = policy_regex_new(reading->arena, constraint.value, &error);
    if (error)
        malformed(reading, under(reading, place, "value"), error);
    seq_push(reading->arena, &rule->constraints, constraint);
}

static void read_selector(const struct reading *reading, struct rule *rule, const char *place, const json_t *json)
{
    static const char *const members[] = {"identifier", "match_type", "constraints", NULL};
    const char *error = NULL, *identifier = under(reading, place, "identifier");
    check_members(reading, place, json, members);
    rule->identifier = read_string(reading, identifier, json_object_get(json, "identifier"), NULL);
    if (!rule->identifier)
        malformed(reading, identifier, "it is missing");
    rule->match = (enum match)read_enum(reading, under(reading, place, "match_type"),
                                        json_object_get(json, "match_type"), matches);
    if (rule->match != MATCH_EXACT)
        rule->regex = (rule->match == MATCH_REGEX ? policy_regex_new : policy_regex_wildcard)(reading->arena,
                                                                                              rule->identifier, &error);
    if (error)
        malformed(reading, identifier, error);
    const json_t *list = json_object_get(json, "constraints");
    if (list && !json_is_array(list))
        malformed(reading, under(reading, place, "constraints"), "an array is wanted");
    for (size_t i = 0; i < json_array_size(list); i++)
        read_constraint(reading, rule, arena_printf(reading->arena, "%s.constraints[%zu]", place, i),
                        json_array_get(list, i));
}

static void read_updates(const struct reading *reading, struct rule *rule, const char *place, const json_t *json)
{
    static const char *const members[] = {"identifier", "attrs", NULL};
    check_members(reading, place, json, members);
    rule->update = read_string(reading, under(reading, place, "identifier"), json_object_get(json, "identifier"), NULL);
    if (rule->update && !*rule->update)
        rule->update = NULL;
    json_t *attrs = json_object_get(json, "attrs"), *value;
    const char *key, *there = under(reading, place, "attrs");
    if (attrs && !json_is_object(attrs))
        malformed(reading, there, "an object is wanted");
    json_object_foreach(attrs, key, value) {
        const char *where = under(reading, there, key);
        rule->updates[read_attribute(reading, where, key)] = read_string(reading, where, value, "");
    }
}

static void read_rule(const struct reading *reading, size_t number, const json_t *json)
{
    static const char *const members[] = {"action", "selector", "updates", NULL};
    const char *place = arena_printf(reading->arena, "rules[%zu]", number);
    struct rule rule = {.number = number};
    check_members(reading, place, json, members);
    rule.action =
        (enum action)read_enum(reading, under(reading, place, "action"), json_object_get(json, "action"), actions);
    read_selector(reading, &rule, under(reading, place, "selector"), json_object_get(json, "selector"));
    const json_t *updates = json_object_get(json, "updates");
    if (rule.action == ACTION_CONVERT)
        read_updates(reading, &rule, under(reading, place, "updates"), updates);
    else if (updates)
        malformed(reading, under(reading, place, "updates"), "only a rule with the action CONVERT changes anything");
    seq_push(reading->arena, &reading->policy->rules, rule);
}

struct policy *policy_read(struct arena *arena, const char *path, const char *shown)
{
    static const char *const members[] = {"version", "rules", NULL};
    struct policy *policy = arena_alloc(arena, sizeof *policy);
    struct reading reading = {arena, policy};
    char *why = NULL;
    policy->shown = arena_strdup(arena, shown);
    json_t *json = json_read_at(AT_FDCWD, path, POLICY_LIMIT, &why);
    if (!json)
        die_usage("cannot read the source policy %s: %s", shown, why ? why : strerror(errno));
    check_members(&reading, "", json, members);
    const json_t *version = json_object_get(json, "version"), *rules = json_object_get(json, "rules");
    if (version &&
        !(json_is_integer(version) && (json_integer_value(version) == 0 || json_integer_value(version) == 1)))
        malformed(&reading, "version", "only 1 is known");
    if (!json_is_array(rules))
        malformed(&reading, "rules", "an array is wanted");
    for (size_t i = 0; i < json_array_size(rules); i++)
        read_rule(&reading, i, json_array_get(rules, i));
    json_decref(json);
    return policy;
}

void policy_free(struct policy *policy)
{
    for (size_t i = 0; i < policy->rules.count; i++) {
        struct rule *rule = &policy->rules.items[i];
        for (size_t k = 0; k < rule->constraints.count; k++)
            if (rule->constraints.items[k].regex)
                policy_regex_free(rule->constraints.items[k].regex);
        if (rule->regex)
            policy_regex_free(rule->regex);
    }
    policy->rules.count = 0;
}

/* --- the engine --- */

struct input {
    const char *identifier;
    const char *attrs[ATTRIBUTE_COUNT];     /* NULL: not said */
    const struct rule *changed_by;          /* the last that did; NULL: none */
};

static bool constraint_holds(const struct constraint *constraint, const struct input *input)
{
    const char *value = input->attrs[constraint->attribute] ? input->attrs[constraint->attribute] : "";
    if (constraint->condition == CONDITION_MATCHES)
        return policy_regex_matches(constraint->regex, value);
    return !strcmp(value, constraint->value) == (constraint->condition == CONDITION_EQUAL);
}

static bool rule_matches(const struct rule *rule, const struct input *input)
{
    for (size_t i = 0; i < rule->constraints.count; i++)
        if (!constraint_holds(&rule->constraints.items[i], input))
            return false;
    return !strcmp(rule->identifier, input->identifier) ||
           (rule->regex && policy_regex_matches(rule->regex, input->identifier));
}

/* True: the input is another one now. */
static bool convert(const struct rule *rule, struct arena *arena, struct input *input)
{
    const char *template = rule->update ? rule->update : rule->identifier, *identifier = template;
    struct buf text = {0};
    if (rule->regex && rule->update) {
        policy_regex_replace(rule->regex, input->identifier, template, &text);
        identifier = arena_strdup(arena, buf_text(&text));
        buf_free(&text);
    }
    /* Only the attributes: a pattern is no identifier. */
    if (!rule->update)
        identifier = input->identifier;
    bool is_changed = *identifier && strcmp(identifier, input->identifier);
    if (is_changed)
        input->identifier = identifier;
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        if (!rule->updates[i] || (input->attrs[i] && !strcmp(input->attrs[i], rule->updates[i])))
            continue;
        input->attrs[i] = rule->updates[i];
        is_changed = true;
    }
    if (is_changed)
        input->changed_by = rule;
    return is_changed;
}

/* A rule that converts begins again from the first; of those that allow and deny, the last counts. */
static const char *apply(const struct policy *policy, struct arena *arena, struct input *input)
{
    for (size_t turns = 0; policy;) {
        const struct rule *denied = NULL, *rule = policy->rules.items, *end = rule + policy->rules.count;
        bool is_changed = false;
        for (; rule < end && !is_changed; rule++) {
            if (!rule_matches(rule, input))
                continue;
            if (rule->action == ACTION_CONVERT)
                is_changed = convert(rule, arena, input);
            else
                denied = rule->action == ACTION_DENY ? rule : NULL;
        }
        if (!is_changed && denied)
            return arena_printf(arena, "%s is denied by rules[%zu] of the source policy %s", input->identifier,
                                denied->number, policy->shown);
        if (!is_changed)
            return NULL;
        if (++turns > CONVERT_LIMIT)
            return arena_printf(arena, "the source policy %s converts %s for ever (rules[%zu])", policy->shown,
                                input->identifier, input->changed_by->number);
    }
    return NULL;
}

static const char *wrong(const struct policy *policy, struct arena *arena, const struct input *input, const char *why)
{
    return arena_printf(arena, "rules[%zu] of the source policy %s makes it %s: %s", input->changed_by->number,
                        policy->shown, input->identifier, why);
}

/* --- kinds of sources --- */

static const char image_scheme[] = "docker-image://";

static bool starts(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

const char *policy_image(const struct policy *policy, struct arena *arena, const char *reference,
                         const char **converted)
{
    struct input input = {.identifier = arena_printf(arena, "%s%s", image_scheme, reference)};
    struct ref ref;
    *converted = reference;
    const char *error = apply(policy, arena, &input);
    if (error || !input.changed_by)
        return error;
    const char *checksum = input.attrs[IMAGE_CHECKSUM];
    if (!starts(input.identifier, image_scheme))
        return wrong(policy, arena, &input, "an image can only become another image");
    if (!ref_parse(arena, span_of(input.identifier + strlen(image_scheme)), &ref))
        return wrong(policy, arena, &input, ref_error(arena, span_of(input.identifier + strlen(image_scheme))));
    if (checksum && (!digest_is_valid_name(checksum) || (ref.digest && strcmp(ref.digest, checksum))))
        return wrong(policy, arena, &input, arena_printf(arena, "its image.checksum is %s", checksum));
    if (checksum)
        ref.digest = checksum;
    *converted = ref_text(arena, &ref);
    return NULL;
}

const char *policy_check(const struct policy *policy, struct arena *arena, const char *identifier)
{
    struct input input = {.identifier = identifier};
    const char *error = apply(policy, arena, &input);
    return error || !input.changed_by ? error : wrong(policy, arena, &input, "this source cannot become another one");
}

/* "git://HOST/PATH#REF:SUBDIR", the same whatever way the repository is had. */
static const char *git_identifier(struct arena *arena, const struct add_source *remote)
{
    const char *url = arena_strndup(arena, remote->url.text, remote->url.len), *scheme = strstr(url, "://");
    const char *rest = scheme ? scheme + 3 : url, *at = strchr(rest, '@');
    if (at && (size_t)(at - rest) < strcspn(rest, "/"))
        rest = at + 1;
    size_t host = strcspn(rest, scheme ? "/" : ":/");
    const char *path = rest + host + (rest[host] != 0);
    const char *subdir = remote->subdir ? remote->subdir : "";
    return arena_printf(arena, "git://%.*s/%s%s%.*s%s%s", (int)host, rest, path_clean(arena, span_of(path)),
                        remote->ref.len || *subdir ? "#" : "", SPAN(remote->ref), *subdir ? ":" : "", subdir);
}

static const char *text_of(struct arena *arena, struct span text)
{
    return text.len ? arena_strndup(arena, text.text, text.len) : NULL;
}

static bool is_commit(const char *text)
{
    size_t len = strspn(text, "0123456789abcdef");
    return !text[len] && (len == 40 || len == 64);
}

/* What the identifier says behind "#". */
static const char *take_git(struct arena *arena, const struct input *input, const char *before,
                            struct add_source *remote)
{
    const char *cut = strchr(input->identifier, '#'), *full = input->attrs[GIT_FULL_URL];
    size_t len = cut ? (size_t)(cut - input->identifier) : strlen(input->identifier);
    if (!starts(input->identifier, "git://"))
        return "a git repository can only become another git repository";
    bool is_moved = len != strcspn(before, "#") || strncmp(before, input->identifier, len);
    bool has_new_url = full && strcmp(full, text_of(arena, remote->url));
    if (is_moved && !has_new_url)
        return "the rule changes the repository, but not its attribute git.fullurl, which says where it is";
    if (has_new_url)
        remote->url = span_of(full);
    const char *fragment = cut ? cut + 1 : "", *colon = strchr(fragment, ':');
    remote->ref = (struct span){fragment, colon ? (size_t)(colon - fragment) : strlen(fragment)};
    remote->subdir = path_clean(arena, span_of(colon ? colon + 1 : ""));
    if (input->attrs[GIT_KEEP_DIR])
        remote->keeps_git_dir = !strcmp(input->attrs[GIT_KEEP_DIR], "true");
    if (input->attrs[GIT_SKIP_SUBMODULES])
        remote->skips_submodules = !strcmp(input->attrs[GIT_SKIP_SUBMODULES], "true");
    const char *checksum = input->attrs[GIT_CHECKSUM], *ref = text_of(arena, remote->ref);
    if (!checksum && ref && is_commit(ref))
        checksum = ref;
    remote->checksum = (struct span){"", 0};
    return checksum ? add_set_checksum(arena, remote, span_of(checksum)) : NULL;
}

static const char *take_http(struct arena *arena, const struct input *input, struct add_source *remote)
{
    if (!starts(input->identifier, "https://") && !starts(input->identifier, "http://"))
        return "a file of an address can only become that of another address";
    remote->url = span_of(input->identifier);
    const char *checksum = input->attrs[HTTP_CHECKSUM];
    remote->checksum = (struct span){"", 0};
    return checksum ? add_set_checksum(arena, remote, span_of(checksum)) : NULL;
}

const char *policy_remote(const struct policy *policy, struct arena *arena, struct add_source *remote, bool *changed)
{
    bool is_git = remote->kind == ADD_GIT;
    struct input input = {.identifier = is_git ? git_identifier(arena, remote) : text_of(arena, remote->url)};
    const char *before = input.identifier;
    input.attrs[is_git ? GIT_CHECKSUM : HTTP_CHECKSUM] = text_of(arena, remote->checksum);
    if (is_git) {
        input.attrs[GIT_FULL_URL] = text_of(arena, remote->url);
        input.attrs[GIT_KEEP_DIR] = remote->keeps_git_dir ? "true" : NULL;
        input.attrs[GIT_SKIP_SUBMODULES] = remote->skips_submodules ? "true" : NULL;
    }
    *changed = false;
    const char *error = policy ? apply(policy, arena, &input) : NULL;
    if (error || !input.changed_by)
        return error;
    *changed = true;
    const char *why = is_git ? take_git(arena, &input, before, remote) : take_http(arena, &input, remote);
    return why ? wrong(policy, arena, &input, why) : NULL;
}
