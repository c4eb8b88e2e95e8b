/*
 * Owns what dfgen probe says of the sandbox: it makes an empty root and control groups as a RUN would, and tells what
 * came of it. Called by dfgen-shell in a mount namespace of its own. Must not know how roots and groups are made.
 */
#include "runtime/sandbox/single.h"

#include "runtime/sandbox/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/step.h"
#include "runtime/lib/tree.h"
#include "runtime/sandbox/cgroup.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/rootfs.h"
#include "runtime/sandbox/scratch.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"
#include "runtime/sandbox/copied.h"
#include "runtime/sandbox/layers.h"

static void print_roots(struct room *room)
{
    static const char *const texts[] = {
        [LAYERS_OVERLAY] = "overlay, new files in the store",
        [LAYERS_SCRATCH] = "overlay, new files in TMPDIR and then in the store",
        [LAYERS_MEMORY] = "overlay, new files in memory and then in the store",
        [LAYERS_COPY] = "copy: each RUN has a copy of all files, which is compared afterwards",
    };
    struct rootfs rootfs = {.name = "root", .upper = "layer/fs", .work = "work", .attrs = MNT_NODEV};
    struct tree *tree = tree_new();
    layers_choose(room);
    if (mkdirat(room->tmp->dir, "layer", 0755) < 0)
        step_die(room->step, "cannot make a folder in the store:");
    int root = layers_try(room, &rootfs, tree, &room->copied);
    printf("roots    %s (%s)\n", texts[room->way], room->store->path);
    if (room->why_not)
        printf("  not a better one, because %s\n", room->why_not);
    if (room->way_is_wish)
        puts("  DFGEN_ROOTFS says so");
    mnt_detach(root);
    close(root);
    copied_free(room->copied);
    tree_free(tree);
}

/* A value of each that hinders nobody. */
static void print_limits(void)
{
    static const struct {
        const char *word;
        struct cgroup_limit limit;
    } rows[] = {
        {"--memory", {"memory", "1099511627776"}},
        {"--cpus", {"cpu_shares", "1024"}},
        {"processes", {"pids", "100000"}},
    };
    struct buf found = {0};
    char *why = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool is_guarded;
        char *reason = NULL;
        struct cgroup *group = cgroup_new(&rows[i].limit, 1, false, &is_guarded, &reason);
        if (group)
            buf_printf(&found, "%s%s", found.len ? ", " : "", rows[i].word);
        if (group)
            cgroup_free(group);
        if (!why)
            why = reason;
        else
            free(reason);
    }
    printf("limits   %s\n", found.len ? buf_text(&found) : "none");
    if (why)
        printf("  not all, because %s\n", why);
    free(why);
    buf_free(&found);
}

/* Only real root could open what it makes. */
static void print_devices(enum id_mode mode)
{
    bool is_guarded = false;
    char *why = NULL;
    if (mode != MODE_ROOT)
        return;
    struct cgroup *group = cgroup_new(NULL, 0, true, &is_guarded, &why);
    if (group)
        cgroup_free(group);
    free(why);
    printf("devices  RUN can make any node, and open %s\n",
           is_guarded ? "the harmless ones (a device program in a control group)"
                      : "none of them (there is no control group for a device program)");
}

void probe_print(const char *store, enum id_mode mode)
{
    struct arena arena = {0};
    struct step step = {.file = "probe", .arena = &arena, .label = "", .where = "", .text = ""};
    struct store_tmp tmp;
    struct room room = {.step = &step, .tmp = &tmp, .store = &step.store};
    if (store_open(&step.store, store, mode) < 0)
        die("cannot open the store %s%s:", store,
            errno == EPERM ? " (it must be yours, and writable by nobody else)" : "");
    if (store_tmp_make(&step.store, &tmp) < 0)
        die("cannot work in the store %s:", store);
    single_begin(&room);
    print_roots(&room);
    print_limits();
    print_devices(mode);
    owners_free(room.owners);
    scratch_drop(room.scratch, &tmp);
    store_tmp_drop(&step.store, &tmp);
    store_close(&step.store);
    arena_free(&arena);
}
