/*
 * Owns the options of build checks: which are skipped, and whether one that fires is an error. Called by stage. Must not know what the checks
 * look at.
 */
#include "gen/diag.h"

#include "gen/ast.h"

#include "gen/check.h"

#include <string.h>

#include "gen/opts.h"
#include "gen/value.h"
#include "runtime/lib/arena.h"

/* One "key=value"; NULL, or what is wrong. */
static const char *read_option(struct arena *arena, struct span option)
{
    const char *equals = option.len ? memchr(option.text, '=', option.len) : NULL;
    if (!equals)
        return arena_printf(arena, "invalid check option \"%.*s\"", SPAN(option));
    struct span key = {option.text, (size_t)(equals - option.text)}, value = span_skip(option, key.len + 1);
    bool is_error;
    if (span_is(key, "error"))
        return value_bool(value, &is_error) ? NULL : arena_printf(arena, "invalid check option \"%.*s\"", SPAN(option));
    if (span_is(key, "skip") || span_is(key, "experimental"))
        return NULL;
    return arena_printf(arena, "invalid check option \"%.*s\"", SPAN(key));
}

void check_options(struct arena *arena, const struct dockerfile *file, const struct opts *opts, struct diag *diag)
{
    struct span rest = file->check;
    struct place place = file->check_place;
    for (size_t i = 0; i < opts->build_args.count; i++)
        if (!strcmp(opts->build_args.items[i].name, "BUILDKIT_DOCKERFILE_CHECK") && opts->build_args.items[i].value) {
            rest = span_of(opts->build_args.items[i].value);
            place = (struct place){.source = file->source};
        }
    while (rest.len) {
        const char *end = memchr(rest.text, ';', rest.len);
        struct span option = {rest.text, end ? (size_t)(end - rest.text) : rest.len};
        const char *error = read_option(arena, option);
        if (error)
            diag_error(diag, place, "%s", error);
        rest = span_skip(rest, option.len + (end != NULL));
    }
}
