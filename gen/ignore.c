/* Owns the choice of an ignore file. Called by plan_context and check. Must not know patterns. */
#include "gen/ignore.h"

#include <stddef.h>
#include <unistd.h>

#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/path.h"

const char *ignore_file(struct arena *arena, const struct opts *opts, const char *folder, bool is_main)
{
    static const char *const names[] = {".dockerignore", ".containerignore"};
    if (is_main && opts->context_source)
        return NULL;
    if (is_main) {
        const char *beside = arena_printf(arena, "%s.dockerignore", opts->file);
        if (access(beside, F_OK) == 0)
            return beside;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = path_join(arena, folder, names[i]);
        if (access(path, F_OK) == 0)
            return path;
    }
    return NULL;
}
