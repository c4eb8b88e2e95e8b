/*
 * Owns the five types of RUN --mount: where each one's content comes from, and how it is shown. Called by the sandbox in the helper's
 * mount namespace, before the payload exists. Sources are opened inside their own root, targets inside the sandbox's.
 */
#include <jansson.h>

#include "runtime/sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step.h"
#include "runtime/lib/tree.h"
#include "runtime/sandbox/agent.h"
#include "runtime/sandbox/cache.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/plan.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/secret.h"
#include "runtime/sandbox/single.h"
#include "runtime/sandbox/target.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"
#include "runtime/sandbox/layers.h"

enum { HARDENED = MNT_NOSUID | MNT_NODEV | MNT_NOEXEC };

/* --- targets --- */

static int open_target(struct room *room, const struct plan_mount *mount, bool is_folder)
{
    struct target_make make = {.kind = is_folder ? TARGET_DIR : TARGET_FILE, .mode = 0755};
    int fd = targets_open(room->targets, mount->target, &make);
    if (fd < 0)
        step_die(room->step, "cannot mount on %s:", mount->target);
    return fd;
}

static void show(struct room *room, const struct plan_mount *mount, int source, unsigned attrs)
{
    struct stat st;
    if (fstat(source, &st) < 0)
        step_die(room->step, "cannot mount on %s:", mount->target);
    autoclose int target = open_target(room, mount, S_ISDIR(st.st_mode));
    if (mnt_bind(source, target, attrs | (mount->readonly ? MNT_RDONLY : 0), false) < 0)
        step_die(room->step, "cannot mount on %s:", mount->target);
}

/* --- bind --- */

/* The stage's root, mounted: writable ones get an upper folder of their own, which nobody keeps. */
static int open_stage(struct room *room, const struct plan_mount *mount, bool is_writable)
{
    const struct step *step = room->step;
    struct stamp stamp = step_stamp(step, step_input(step, INPUT_STAGE, (size_t)mount->n));
    const char *name = arena_printf(step->arena, "m%u", room->serial++);
    struct rootfs rootfs = {.ids = stamp.ids, .count = stamp.count, .name = name, .attrs = MNT_NODEV};
    struct tree *tree = step_tree(step, &stamp);
    if (is_writable) {
        rootfs.upper = arena_printf(step->arena, "%s.upper", name);
        rootfs.work = arena_printf(step->arena, "%s.work", name);
    }
    int root = layers_mount(room, &rootfs, tree, NULL);
    single_add_layers(room, root, tree);
    tree_free(tree);
    return root;
}

int mounts_open_source(struct room *room, const struct plan_mount *mount, bool is_writable)
{
    autoclose int root = open_stage(room, mount, is_writable);
    int source = path_open_in(root, mount->source, O_PATH);
    if (source < 0 && (errno == ENOENT || errno == ENOTDIR))
        step_die(room->step, "mount on %s: \"%s\": not found", mount->target, mount->source);
    if (source < 0)
        step_die(room->step, "mount on %s: cannot open %s of its stage:", mount->target, mount->source);
    return source;
}

static void mount_tmpfs(struct room *room, const struct plan_mount *mount, unsigned attrs)
{
    char size[32], mode[16];
    struct mnt_option options[] = {{"mode", mode}, {"size", size}};
    snprintf(mode, sizeof mode, "%o", mount->mode);
    snprintf(size, sizeof size, "%lld", (long long)mount->size);
    autoclose int target = open_target(room, mount, true);
    autoclose int mnt = mnt_make("tmpfs", options, mount->size ? 2 : 1, attrs | (mount->readonly ? MNT_RDONLY : 0), NULL);
    if (mnt < 0 || mnt_attach(mnt, target) < 0)
        step_die(room->step, "cannot mount a tmpfs on %s:", mount->target);
}

static void attach_bind(struct room *room, const struct plan_mount *mount)
{
    /* Nothing to show: an empty folder. */
    if (mount->n < 0) {
        if (*path_clean(room->step->arena, span_of(mount->source)))
            step_die(room->step, "mount on %s: \"%s\": not found", mount->target, mount->source);
        mount_tmpfs(room, mount, MNT_NODEV);
        return;
    }
    autoclose int source = mounts_open_source(room, mount, !mount->readonly);
    show(room, mount, source, MNT_NODEV);
}

static void attach_cache(struct room *room, const struct plan_mount *mount)
{
    show(room, mount, room->caches.items[mount->order], MNT_NODEV);
}

static void attach_tmpfs(struct room *room, const struct plan_mount *mount)
{
    mount_tmpfs(room, mount, MNT_NOSUID | MNT_NODEV);
}

/* --- secrets --- */

static void attach_secret(struct room *room, const struct plan_mount *mount)
{
    struct buf content = {0};
    bool is_there = secret_read(room->step, mount->id, &content);
    if (!is_there && mount->required)
        step_die(room->step, "secret %s: not found", mount->id);
    if (mount->env) {
        if (content.len && memchr(content.data, 0, content.len))
            step_die(room->step, "secret %s holds a NUL, which no variable can", mount->id);
        vec_push(&room->env, arena_printf(room->step->arena, "%s=%s", mount->env, buf_text(&content)));
    }
    if (is_there && mount->target) {
        const uint32_t owner[2] = {mount->uid, mount->gid};
        autoclose int file = room_hide_file(room, buf_text(&content), content.len, mount->mode, owner);
        show(room, mount, file, HARDENED);
    }
    secret_forget(&content);
}

/* --- ssh --- */

static bool has_variable(const struct room *room, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *item = room->plan->env; *item; item++)
        if (!strncmp(*item, name, len) && (*item)[len] == '=')
            return true;
    for (size_t i = 0; i < room->env.count; i++)
        if (!strncmp(room->env.items[i], name, len) && room->env.items[i][len] == '=')
            return true;
    return false;
}

static void attach_ssh(struct room *room, const struct plan_mount *mount)
{
    const struct step *step = room->step;
    const json_t *value = json_object_get(json_object_get(step->settings, "ssh"), mount->id);
    const char *socket = json_is_string(value) ? json_bytes_value(step->arena, value).text : NULL;
    if (!socket && mount->required)
        step_die(step, "ssh agent %s: not found (dfgen --ssh %s names its socket)", mount->id, mount->id);
    if (!has_variable(room, "SSH_AUTH_SOCK"))
        vec_push(&room->env, arena_printf(step->arena, "SSH_AUTH_SOCK=%s", mount->target));
    if (!socket)
        return;
    const char *name = arena_printf(step->arena, "agent%u", room->serial++);
    if (!room->agents)
        room->agents = agents_new();
    if (agents_listen(room->agents, room->hidden, name, socket) < 0 || owners_give(room->owners, room->hidden, name, mount->uid, mount->gid) < 0 ||
        fchmodat(room->hidden, name, mount->mode, 0) < 0)
        step_die(step, "ssh agent %s: cannot make its socket:", mount->id);
    autoclose int inside = openat(room->hidden, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    /* A socket on a read-only mount can be connected to. */
    show(room, mount, inside, HARDENED);
}

/* --- all --- */

static void (*const attachers[])(struct room *, const struct plan_mount *) = {
    [MOUNT_BIND] = attach_bind, [MOUNT_CACHE] = attach_cache, [MOUNT_TMPFS] = attach_tmpfs,
    [MOUNT_SECRET] = attach_secret, [MOUNT_SSH] = attach_ssh,
};

/* How deep a clean path is: parents have less. */
static size_t depth_of(struct room *room, const struct plan_mount *mount)
{
    size_t depth = 0;
    if (mount->target)
        for (const char *at = path_clean(room->step->arena, span_of(mount->target)); *at; at++)
            depth += *at == '/' || depth == 0;
    return depth;
}

void mounts_attach(struct room *room)
{
    size_t count = room->plan->mount_count, deepest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t depth = depth_of(room, &room->plan->mounts[i]);
        deepest = depth > deepest ? depth : deepest;
    }
    for (size_t depth = 0; depth <= deepest && count; depth++)
        for (size_t i = 0; i < count; i++)
            if (depth_of(room, &room->plan->mounts[i]) == depth)
                attachers[room->plan->mounts[i].type](room, &room->plan->mounts[i]);
}
