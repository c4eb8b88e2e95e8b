/*
 * Owns where dfgen's parts lie. Called by the commands that write or start programs. Must not know what they do.
 */
#include "gen/programs.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <config.h>
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/path.h"

struct programs programs_find(struct arena *arena)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        die("cannot tell where dfgen is installed:");
    self[len] = 0;
    const char *base = path_base(self);
    char *folder = arena_strndup(arena, self, (size_t)(base - self));
    const char *helpers = path_clean_go(arena, span_of(arena_printf(arena, "%s../libexec/dfgen", folder)));
    if (access(helpers, X_OK) < 0)
        helpers = arena_strdup(arena, LIBEXECDIR);
    if (access(helpers, X_OK) < 0)
        die("dfgen's helpers are neither in %s../libexec/dfgen nor in %s: is it installed?", folder, LIBEXECDIR);
    if (strchr(self, '\'') || strchr(helpers, '\''))
        die("dfgen is installed in a folder with a quote in its name, which it cannot put into build.ninja: %s", self);
    return (struct programs){arena_strdup(arena, self), helpers};
}
