/*
 * Owns other names of files: of those that are called like a target, or in a way that a build tool cannot read. Called
 * by the emitters. Must not know any syntax.
 */
#include "gen/emit/here.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/emit/emit.h"
#include "gen/graph.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/fdio.h"

static const char links_folder[] = ".dfgen/.links";

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct here here_of(const struct graph *graph, const struct emit_options *options)
{
    struct here here = {.graph = graph, .options = options, .count = graph->targets.count};
    here.names = xcalloc(here.count + 1, sizeof *here.names);
    for (size_t i = 0; i < here.count; i++)
        here.names[i] = graph->targets.items[i]->name;
    qsort(here.names, here.count, sizeof *here.names, compare);
    return here;
}

void here_free(struct here *here)
{
    free(here->names);
}

void here_add(struct here *here, const char *name)
{
    here->names = xrealloc(here->names, here->count + 1, sizeof *here->names);
    here->names[here->count++] = name;
    qsort(here->names, here->count, sizeof *here->names, compare);
}

const char *here_path(struct here *here, const char *path)
{
    if (*path == '/' || !bsearch(&path, here->names, here->count, sizeof path, compare))
        return path;
    here->is_used = true;
    return arena_printf(here->graph->arena, "%s/here/%s", here->options->state, path);
}

const char *here_by_link(struct arena *arena, const char *path)
{
    char hex[DIGEST_HEX + 1];
    struct digest digest = digest_of(path, strlen(path));
    digest_hex(&digest, hex);
    const char *link = arena_printf(arena, "%s/%s", links_folder, hex);
    const char *target = arena_printf(arena, "%s%s", *path == '/' ? "" : "../../", path);
    if (dir_make_at(AT_FDCWD, links_folder, 0777) < 0 || (symlink(target, link) < 0 && errno != EEXIST))
        die("cannot make the link %s:", link);
    return link;
}

int here_link(const struct here *here)
{
    if (!here->is_used)
        return 0;
    char *path = xasprintf("%s/here", here->options->state);
    int result = symlink(strchr(here->options->state, '/') ? "../.." : "..", path);
    if (result < 0 && errno == EEXIST)
        result = 0;
    free(path);
    return result;
}
