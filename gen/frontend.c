/*
 * Owns what dfgen cannot be: another frontend than BuildKit's own, a builder of Windows images. Called by who has read a
 * Dockerfile. Must not know what the Dockerfile says otherwise.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/frontend.h"

#include <string.h>

#include "gen/opts.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"

/* Images whose language this is; their versions differ in what they add to it. */
static const char *const known[] = {"docker/dockerfile", "docker/dockerfile-upstream"};

static bool is_known(struct arena *arena, struct span name)
{
    struct ref ref;
    if (span_is(name, "dockerfile.v0"))
        return true;
    if (!ref_parse(arena, name, &ref) || strcmp(ref.host, "docker.io"))
        return false;
    bool is_found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        is_found |= !strcmp(ref.path, known[i]);
    return is_found;
}

/* "# syntax=", or the build argument that is there to replace it. */
static void check_syntax(const struct opts *opts, const struct dockerfile *file, struct diag *diag)
{
    struct span name = file->syntax;
    struct place place = file->syntax_place;
    for (size_t i = 0; i < opts->build_args.count; i++) {
        const struct opt_pair *pair = &opts->build_args.items[i];
        if (strcmp(pair->name, "BUILDKIT_SYNTAX") || !pair->value || !*pair->value)
            continue;
        name = (struct span){pair->value, strcspn(pair->value, " ")};
        place = (struct place){.source = file->source};
    }
    if (name.len && !is_known(opts->arena, name))
        diag_error(diag, place,
                   "syntax %.*s: a frontend other than docker/dockerfile cannot be run; "
                   "--build-arg BUILDKIT_SYNTAX=docker/dockerfile reads the file as BuildKit's own does", SPAN(name));
}

void frontend_check(const struct opts *opts, const struct dockerfile *file, struct diag *diag)
{
    check_syntax(opts, file, diag);
    for (size_t i = 0; i < opts->platforms.count; i++) {
        struct platform platform;
        if (!platform_parse(opts->arena, span_of(opts->platforms.items[i]), &platform) && frontend_is_foreign(&platform))
            diag_error(diag, (struct place){.source = file->source},
                       "--platform %s: images for Windows cannot be built here, only for Linux", opts->platforms.items[i]);
    }
}

bool frontend_is_foreign(const struct platform *platform)
{
    return !strcmp(platform->os, "windows");
}
