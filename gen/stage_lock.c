/*
 * Owns what dfgen.lock and --offline mean for a stage: images and remote sources are held against the lock, and what
 * is not there is said. Called by stage_from, stage_copy and stage. Must not know the lock's form.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/stage.h"

#include "gen/stage_internal.h"

#include <string.h>
#include <unistd.h>

#include "gen/add.h"
#include "gen/images.h"
#include "gen/lock.h"
#include "gen/opts.h"
#include "gen/policy.h"
#include "gen/ref.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/pinned.h"
#include "runtime/lib/store.h"
#include "runtime/lib/url.h"

/* --- images --- */

static const char *image_name(struct arena *arena, struct span name)
{
    struct ref ref;
    return ref_parse(arena, name, &ref) ? ref_text(arena, &ref) : arena_strndup(arena, name.text, name.len);
}

struct diag *stage_missing_diag(const struct resolver *resolver)
{
    bool says_all = resolver->opts->offline || resolver->opts->locked;
    return says_all && resolver->stage->is_needed ? resolver->user : resolver->diag;
}

bool stage_lock_image(struct resolver *resolver, struct span text, struct place place, const struct image *image)
{
    struct lock *lock = resolver->opts->lock;
    const char *name = image_name(resolver->arena, text);
    const char *platform = platform_text(resolver->arena, &resolver->stage->platform);
    /* Images of this very graph come from nowhere else. */
    if (image->built)
        return true;
    if (resolver->stage->is_needed)
        seq_push(resolver->arena, &resolver->stages->used, ((struct used_image){name, platform, image}));
    if (!lock)
        return true;
    if (lock->is_recording) {
        lock_note(lock, LOCK_IMAGE, name, platform, image->digest);
        return true;
    }
    const char *known = lock_find(lock, LOCK_IMAGE, name, platform);
    if (!known && resolver->opts->locked)
        diag_error(stage_missing_diag(resolver), place,
                   "%s for %s is not in %s, and --locked is given: dfgen lock adds it", name, platform, LOCK_FILE);
    else if (known && strcmp(known, image->digest))
        diag_error(resolver->diag, place,
                   "%s for %s is %s, but locked is %s: dfgen lock --update %.*s takes the new one, "
                   "dfgen load brings the old one back", name, platform, image->digest, known, SPAN(text));
    else
        return true;
    return false;
}

/* --- URLs and git references --- */

static bool is_whole(const struct add_source *remote)
{
    return remote->kind == ADD_HTTP ? remote->checksum.len : remote->checksum.len == 40 || remote->checksum.len == 64;
}

const char *stage_remote_name(struct arena *arena, const struct add_source *remote)
{
    struct buf name = {0};
    if (remote->locked_as)
        return remote->locked_as;
    url_add_public(&name, remote->url);
    if (remote->kind == ADD_GIT && remote->ref.len)
        buf_printf(&name, "#%.*s", SPAN(remote->ref));
    const char *text = arena_strdup(arena, buf_text(&name));
    buf_free(&name);
    return text;
}

/* What the source policy makes of it; it is locked by the name that the Dockerfile has for it. */
static bool apply_policy(struct resolver *resolver, struct add_source *remote, struct place place, const char *name)
{
    bool is_changed;
    const char *error = policy_remote(resolver->opts->policy, resolver->arena, remote, &is_changed);
    if (is_changed)
        remote->locked_as = name;
    if (error)
        diag_error(resolver->stage->is_needed ? resolver->user : resolver->hidden, place, "%s", error);
    const char *known = is_changed && resolver->opts->lock && !resolver->opts->lock->is_recording
                            ? lock_find(resolver->opts->lock, remote->kind == ADD_HTTP ? LOCK_URL : LOCK_GIT, name, "")
                            : NULL;
    if (!error && known && remote->checksum.len && !span_is(remote->checksum, known))
        diag_error(resolver->user, place,
                   "%s is %.*s by the source policy %s, but locked is %s: dfgen lock --update %s takes the new one",
                   name, SPAN(remote->checksum), resolver->opts->policy_name, known, name);
    return !error;
}

void stage_lock_remote(struct resolver *resolver, struct add_source *remote, struct place place)
{
    const struct lock *lock = resolver->opts->lock;
    const char *name = stage_remote_name(resolver->arena, remote);
    if (remote->locked_as || !apply_policy(resolver, remote, place, name) || !lock || is_whole(remote))
        return;
    const char *known = lock_find(lock, remote->kind == ADD_HTTP ? LOCK_URL : LOCK_GIT, name, "");
    if (known) {
        remote->locked_as = name;
        remote->checksum = span_of(known);
        /* The name may stand for something else by now. */
        if (remote->kind == ADD_GIT)
            remote->ref = remote->checksum;
    } else if (resolver->opts->locked) {
        diag_error(resolver->stage->is_needed ? resolver->user : resolver->hidden, place,
                   "%s is not in %s and has no --checksum, and --locked is given: dfgen lock adds it", name,
                   LOCK_FILE);
    }
}

/* --- --offline --- */

static bool has_base_layer(const struct store *store, const struct image_layer *layer)
{
    return layer->blob || store_has_blob(store, layer->digest) || store_has_layer(store, layer->diff_id);
}

static void check_image(struct resolver *resolver, const struct store *store, const struct image *image,
                        const struct platform *wanted, struct place place)
{
    const struct platform host = platform_host();
    const char *platform = platform_text(resolver->arena, wanted);
    bool is_host = !strcmp(platform, platform_text(resolver->arena, &host));
    for (size_t i = 0; i < image->layer_count; i++)
        if (!has_base_layer(store, &image->layers[i]))
            diag_error(resolver->user, place,
                       "--offline: layer %s of %s is not in the store: dfgen pull %s%s%s%s gets it",
                       image->layers[i].digest, image->name, is_host ? "" : "--platform ", is_host ? "" : platform,
                       is_host ? "" : " ", image->name);
}

struct pinned stage_remote_pin(const struct add_source *remote)
{
    return (struct pinned){
        .url = remote->url,
        .checksum = remote->checksum,
        .name = remote->name,
        .ref = remote->ref,
        .subdir = remote->subdir ? remote->subdir : "",
        .is_git = remote->kind == ADD_GIT,
        .keeps_git_dir = remote->keeps_git_dir,
        .has_submodules = !remote->skips_submodules,
    };
}

static bool is_vendored(const struct resolver *resolver, const struct pinned *pinned)
{
    char key[DIGEST_HEX + 1];
    pinned_key(pinned, key);
    return resolver->opts->vendor &&
           access(arena_printf(resolver->arena, "%s/fetched/%s.json", resolver->opts->vendor, key), R_OK) == 0;
}

static void check_remote(struct resolver *resolver, const struct store *store, const struct add_source *remote,
                         struct place place)
{
    const struct pinned pinned = stage_remote_pin(remote);
    char id[80];
    const char *name = stage_remote_name(resolver->arena, remote);
    if (!pinned_is_whole(&pinned))
        diag_error(resolver->user, place,
                   "--offline: %s has no checksum, so it would have to be asked for: dfgen lock pins it", name);
    else if (!pinned_find(store, &pinned, id) && !is_vendored(resolver, &pinned))
        diag_error(resolver->user, place, "--offline: %s is not in the store: dfgen lock gets it", name);
}

static void check_action(struct resolver *resolver, const struct store *store, const struct stage *stage,
                         const struct action *action)
{
    if (action->kind != ACTION_COPY)
        return;
    const struct copy_action *copy = &action->copy;
    if (copy->from.kind == ORIGIN_IMAGE)
        check_image(resolver, store, copy->from.image, &stage->platform, action->place);
    for (size_t i = 0; i < copy->sources.count; i++)
        if (copy->sources.items[i].remote)
            check_remote(resolver, store, copy->sources.items[i].remote, copy->sources.items[i].place);
}

void stage_check_offline(struct resolver *resolver)
{
    struct store store;
    if (!resolver->opts->offline || store_open(&store, resolver->opts->store, idmode_detect(NULL)) < 0)
        return;
    for (size_t i = 0; i < resolver->stages->count; i++) {
        const struct stage *stage = &resolver->stages->items[i];
        if (!stage->is_needed)
            continue;
        if (stage->base.kind == ORIGIN_IMAGE && stage->base.image)
            check_image(resolver, &store, stage->base.image, &stage->platform, stage->ast->from.place);
        for (size_t k = 0; k < stage->actions.count; k++)
            check_action(resolver, &store, stage, stage->actions.items[k]);
    }
    store_close(&store);
}
