/*
 * Owns which cache mounts a build has, and the call of dfgen-cache. Called by cmd_vendor and cmd_generate. Must not
 * know how a cache lies in the store.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/cachemounts.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/opts.h"
#include "gen/tell.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"

enum { DEFAULT_MODE = 0755 };

/*
 * As the sandbox calls it: without an id, the target's path is one, and with an owner or mode of its own it is another
 * cache.
 */
static const char *id_of(struct arena *arena, const struct run_mount *run_mount)
{
    const struct mount *mount = &run_mount->mount;
    const char *id = mount->id.len ? arena_strndup(arena, mount->id.text, mount->id.len)
                                   : arena_printf(arena, "/%s", path_clean(arena, run_mount->target));
    if (mount->mode < 0 && mount->uid < 0 && mount->gid < 0)
        return id;
    return arena_printf(arena, "%s\n%o %u %u", id, (unsigned)(mount->mode < 0 ? DEFAULT_MODE : mount->mode),
                        (unsigned)(mount->uid < 0 ? 0 : mount->uid), (unsigned)(mount->gid < 0 ? 0 : mount->gid));
}

static void add(struct cachemounts *mounts, const struct run_mount *mount)
{
    if (mount->mount.type != MOUNT_CACHE || mount->from.kind != ORIGIN_SCRATCH)
        return;
    const char *id = id_of(mounts->arena, mount);
    for (size_t i = 0; i < mounts->ids.count; i++)
        if (!strcmp(mounts->ids.items[i], id))
            return;
    seq_push(mounts->arena, &mounts->ids, id);
}

void cachemounts_collect(void *data, struct opts *opts, const struct stages *stages)
{
    (void)opts;
    for (size_t i = 0; i < stages->count; i++) {
        const struct stage *stage = &stages->items[i];
        for (size_t k = 0; k < stage->actions.count && stage->is_needed; k++) {
            const struct action *action = stage->actions.items[k];
            for (size_t n = 0; action->kind == ACTION_RUN && n < action->run.mounts.count; n++)
                add(data, &action->run.mounts.items[n]);
        }
    }
}

void cachemounts_move(const struct cachemounts *mounts, const struct opts *opts, const char *verb, const char *folder)
{
    if (!mounts->ids.count)
        return;
    json_t *ids = json_array();
    for (size_t i = 0; i < mounts->ids.count; i++)
        json_array_append_new(ids, json_bytes(span_of(mounts->ids.items[i])));
    json_t *request = json_pack("{s:o,s:o,s:s,s:o}", "store", json_bytes(span_of(opts->store)), "folder",
                                json_bytes(span_of(folder)), "do", verb, "ids", ids);
    /* What it took over is said to people, and no output of ours. */
    int code = child_wait(tell_helper(mounts->arena, "dfgen-cache", request, STDERR_FILENO));
    json_decref(request);
    if (code < 0)
        die("cannot wait for dfgen-cache:");
    /* It has said what is wrong. */
    if (code > 0)
        exit(code < 128 ? code : EXIT_BUILD);
}
