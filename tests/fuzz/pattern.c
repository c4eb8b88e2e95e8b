/*
 * Fuzz entry: an ignore file, a NUL, a path. Read, held against the path in each way that gen and the helpers do, which must agree;
 * each line also as a pattern of the other language.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/glob.h"
#include "runtime/lib/pattern.h"
#include "tests/fuzz/fuzz.h"

/* The walk down a path, folder by folder, comes to what the whole path comes to. */
static void check_steps(struct arena *arena, const struct pattern_list *list, const char *path)
{
    size_t count = pattern_list_count(list);
    bool *above = NULL, is_excluded = false;
    for (const char *end = path; *end;) {
        end += strcspn(end + 1, "/") + 1;
        bool *state = arena_array(arena, count + 1, sizeof *state);
        is_excluded = pattern_list_step(list, arena_strndup(arena, path, (size_t)(end - path)), above, state);
        above = state;
    }
    if (is_excluded != pattern_list_excludes(list, path))
        abort();
}

static bool is_clean(const char *path)
{
    return *path && *path != '/' && path[strlen(path) - 1] != '/' && !strstr(path, "//") && strcmp(path, ".") &&
           strncmp(path, "./", 2) && strcmp(path, "..") && strncmp(path, "../", 3) && !strstr(path, "/./") && !strstr(path, "/../");
}

static void read_line(struct arena *arena, const char *line, const char *path)
{
    const char *error;
    bool is_bad = false;
    glob_match(line, path, &is_bad);
    glob_is_wildcard(line);
    if (is_bad && glob_is_valid(line))
        abort();
    struct pattern *pattern = pattern_compile(arena, line, &error);
    if (pattern)
        pattern_match(pattern, path);
    else if (!error)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    const char *text = (const char *)data, *error = NULL;
    const char *end = size ? memchr(text, 0, size) : NULL;
    size_t len = end ? (size_t)(end - text) : size;
    const char *path = end ? arena_strndup(&arena, end + 1, size - len - 1) : "a/b";
    int line = 0;
    struct pattern_list *list = pattern_list_parse(&arena, (struct span){text, len}, &error, &line);
    if (!list && (!error || line < 1))
        abort();
    if (list && is_clean(path)) {
        check_steps(&arena, list, path);
        pattern_list_may_include_below(list, path);
        for (size_t i = 0; i < pattern_list_count(list); i++)
            read_line(&arena, pattern_list_text(list, i), path);
    }
    read_line(&arena, arena_strndup(&arena, text, len < 4096 ? len : 4096), path);
    arena_free(&arena);
    return 0;
}
