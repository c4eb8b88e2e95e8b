/*
 * Owns dfgen.lock as a source policy: a rule for each thing that is locked, which converts it to what it was. Called by
 * cmd_lock. Must not know how a policy is read.
 */
#include "gen/policy.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/manifest.h"

#include "gen/lock.h"
#include "gen/record.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/url.h"

static json_t *rule(const char *identifier, const char *match, json_t *updates)
{
    json_t *selector = json_pack("{s:s}", "identifier", identifier);
    if (match)
        json_object_set_new(selector, "match_type", json_string(match));
    return json_pack("{s:s,s:o,s:o}", "action", "CONVERT", "selector", selector, "updates", updates);
}

/* --- images --- */

static bool index_has(const char *store, const char *digest, const struct lock_entry *entry)
{
    bool is_there = false;
    char *name = xasprintf("%s/blobs/sha256/%s", store, digest + 7);
    json_t *index = json_read_at(AT_FDCWD, name, JSON_LIMIT, NULL);
    const json_t *list = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(list); i++)
        is_there |= !strcmp(json_get_string(json_array_get(list, i), "digest", ""), entry->digest);
    json_decref(index);
    free(name);
    return is_there;
}

/* What the store has under the name: from a registry, or by dfgen load. NULL: nothing. */
static const char *top_digest(struct arena *arena, const char *store, const char *name)
{
    struct descriptor top;
    if (record_read(arena, store, name, &top))
        return top.digest;
    const char *digest = NULL;
    json_t *index = json_read_at(AT_FDCWD, arena_printf(arena, "%s/index.json", store), JSON_LIMIT, NULL);
    const json_t *list = json_object_get(index, "manifests");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *found = json_get_string(entry, "digest", "");
        if (!strcmp(json_get_string(json_object_get(entry, "annotations"), "io.containerd.image.name", ""), name) &&
            digest_is_valid_name(found))
            digest = arena_strdup(arena, found);
    }
    json_decref(index);
    return digest;
}

/*
 * Rules know no platforms: of several, the index has to be named that they were found in. NULL: this is not the first
 * entry of the name.
 */
static const char *image_digest(const struct lock *lock, struct arena *arena, const char *store,
                                const struct lock_entry *first)
{
    bool is_one = true;
    for (const struct lock_entry *entry = lock->entries.items; entry < lock->entries.items + lock->entries.count;
         entry++) {
        if (entry->kind != LOCK_IMAGE || strcmp(entry->name, first->name))
            continue;
        if (entry < first)
            return NULL;
        is_one &= !strcmp(entry->digest, first->digest);
    }
    if (is_one)
        return first->digest;
    const char *top = top_digest(arena, store, first->name);
    bool has_index = top;
    for (size_t i = 0; i < lock->entries.count && has_index; i++) {
        const struct lock_entry *entry = &lock->entries.items[i];
        if (entry->kind == LOCK_IMAGE && !strcmp(entry->name, first->name))
            has_index = index_has(store, top, entry);
    }
    if (!has_index)
        die_usage("%s is locked for several platforms with a digest each, and a source policy can name only one: no "
                  "index with all of "
                  "them is in the store; dfgen lock --update %s asks for it anew, or lock one --platform",
                  first->name, first->name);
    return top;
}

static json_t *image_rule(const struct lock *lock, struct arena *arena, const char *store,
                          const struct lock_entry *entry)
{
    struct ref ref;
    const char *digest = image_digest(lock, arena, store, entry);
    /* What names its digest needs no rule. */
    if (!digest || !ref_parse(arena, span_of(entry->name), &ref) || ref.digest)
        return NULL;
    const char *identifier = arena_printf(arena, "docker-image://%s", entry->name);
    return rule(identifier, NULL,
                json_pack("{s:o}", "identifier", json_string(arena_printf(arena, "%s@%s", identifier, digest))));
}

/* --- the others --- */

static json_t *url_rule(const struct lock_entry *entry)
{
    return rule(entry->name, strchr(entry->name, '*') ? "EXACT" : NULL,
                json_pack("{s:{s:s}}", "attrs", "http.checksum", entry->digest));
}

static void add_quoted(struct buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("\\.+*?()|[]{}^$", text[i]))
            buf_putc(out, '\\');
        buf_putc(out, text[i]);
    }
}

/* One rule for all folders of the repository that the Dockerfile may take: "git://HOST/PATH#REF:FOLDER". */
static json_t *git_rule(struct arena *arena, const struct lock_entry *entry)
{
    const char *scheme = strstr(entry->name, "://"), *rest = scheme ? scheme + 3 : entry->name, *at = strchr(rest, '@');
    if (!scheme && at)
        rest = at + 1;
    size_t len = strcspn(rest, "#"), host = strcspn(rest, scheme ? "/" : ":/");
    const char *ref = rest[len] ? rest + len + 1 : "";
    struct buf pattern = {0}, update = {0};
    const char *path = host < len ? path_clean(arena, (struct span){rest + host + 1, len - host - 1}) : "";
    const char *place = arena_printf(arena, "git://%.*s/%s", (int)host, rest, path);
    buf_putc(&pattern, '^');
    add_quoted(&pattern, place, strlen(place));
    if (*ref) {
        buf_putc(&pattern, '#');
        add_quoted(&pattern, ref, strlen(ref));
        buf_puts(&pattern, "(:.*)?$");
    } else {
        buf_puts(&pattern, "(?:#(:.*)?)?$");
    }
    buf_printf(&update, "%s#%s${1}", place, entry->digest);
    json_t *json = rule(buf_text(&pattern), "REGEX", json_pack("{s:s}", "identifier", buf_text(&update)));
    buf_free(&pattern);
    buf_free(&update);
    return json;
}

void policy_write(const struct lock *lock, struct arena *arena, const char *store, const char *path)
{
    json_t *rules = json_array();
    for (size_t i = 0; i < lock->entries.count; i++) {
        const struct lock_entry *entry = &lock->entries.items[i];
        json_t *one = entry->kind == LOCK_IMAGE ? image_rule(lock, arena, store, entry)
                      : entry->kind == LOCK_URL ? url_rule(entry)
                                                : git_rule(arena, entry);
        if (one)
            json_array_append_new(rules, one);
    }
    json_t *policy = json_pack("{s:i,s:o}", "version", 1, "rules", rules);
    char *text = json_dumps(policy, JSON_INDENT(2));
    char *whole = xasprintf("%s\n", text ? text : "");
    bool is_stdout = !strcmp(path, "-");
    if (!text || (is_stdout && (fputs(whole, stdout) < 0 || fflush(stdout))) ||
        (!is_stdout && file_write_if_changed_at(AT_FDCWD, path, whole, strlen(whole), NULL) < 0))
        die("cannot write the source policy %s:", path);
    free(whole);
    free(text);
    json_decref(policy);
}
