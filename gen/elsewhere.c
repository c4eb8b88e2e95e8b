/*
 * Owns what a context that lies elsewhere is, and the step files that fetch and unpack it. Called by images, plan and
 * cmd_context. Must not know when they run.
 */
#include "gen/elsewhere.h"

#include <jansson.h>
#include <string.h>

#include "gen/add.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"

/* As ADD would have it: docker takes an address without its scheme. */
static struct span whole_text(struct arena *arena, struct span text)
{
    return span_starts(text, "github.com/") ? span_of(arena_printf(arena, "https://%.*s", SPAN(text))) : text;
}

static const char *classify(struct arena *arena, struct span text, struct add_source *source)
{
    struct span whole = whole_text(arena, text);
    const char *error = add_classify(arena, whole, source);
    /* "github.com/USER/NAME" is a repository with or without .git. */
    const char *end = whole.text + whole.len, *cut = memchr(whole.text, '#', whole.len);
    if (source->kind == ADD_HTTP && whole.text != text.text)
        error = add_classify(arena,
                             span_of(arena_printf(arena, "%.*s.git%.*s", (int)((cut ? cut : end) - whole.text),
                                                  whole.text, (int)(cut ? end - cut : 0), cut ? cut : "")), source);
    return error;
}

bool elsewhere_is_one(struct arena *arena, struct span text)
{
    struct add_source source;
    classify(arena, text, &source);
    return source.kind != ADD_PATH;
}

struct add_source *elsewhere_parse(struct arena *arena, struct span text, const char **error)
{
    struct add_source *source = arena_alloc(arena, sizeof *source);
    *error = classify(arena, text, source);
    if (source->kind == ADD_HTTP)
        source->name = ELSEWHERE_FILE;
    return *error ? NULL : source;
}

static void set_text(json_t *json, const char *key, struct span text)
{
    if (text.len)
        json_object_set_new(json, key, json_bytes(text));
}

void elsewhere_set_fetch(json_t *json, const struct add_source *remote)
{
    json_object_set_new(json, "kind", json_string("fetch"));
    set_text(json, "url", remote->url);
    set_text(json, "checksum", remote->checksum);
    if (remote->kind == ADD_HTTP) {
        set_text(json, "name", span_of(remote->name));
        return;
    }
    json_object_set_new(json, "git", json_true());
    set_text(json, "ref", remote->ref);
    set_text(json, "subdir", span_of(remote->subdir));
    json_object_set_new(json, "keep_git_dir", json_boolean(remote->keeps_git_dir));
    json_object_set_new(json, "submodules", json_boolean(!remote->skips_submodules));
}

void elsewhere_set_unpack(json_t *json, const char *role, const char *path)
{
    json_object_set_new(json, "kind", json_string("copy"));
    json_object_set_new(json, "dest", json_string("/"));
    json_object_set_new(json, "slash", json_true());
    json_object_set_new(json, "unpack", json_true());
    json_object_set_new(json, "sources", json_pack("[{s:s,s:i,s:o}]", "input", role, "n", 0, "path",
                                                   json_bytes(span_of(path))));
}
