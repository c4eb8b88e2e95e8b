/*
 * Owns the overlay: its options, its layers' order, and what to do when there are too many of them or the kernel is old. Called by
 * the sandbox. Must not know what the root is for.
 * Layers are named relative to the store, which is the working directory meanwhile: the kernel takes 255 bytes a name.
 */
#include "runtime/sandbox/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/store.h"
#include "runtime/lib/vec.h"
#include "runtime/sandbox/mnt.h"

/* Real root's overlays keep to plain files and trusted xattrs; in a user namespace there are only user xattrs. */
static const struct mnt_option root_options[] = {{"index", "off"}, {"redirect_dir", "off"}, {"metacopy", "off"}};
static const struct mnt_option user_options[] = {{"userxattr", NULL}};

struct overlay {
    VEC(const char *) lowers;   /* lowest first; relative to the store */
    VEC(struct mnt_option) options;
    struct arena arena;
};

static void add_mode_options(struct overlay *overlay, enum id_mode mode)
{
    if (mode == MODE_ROOT)
        for (size_t i = 0; i < sizeof root_options / sizeof *root_options; i++)
            vec_push(&overlay->options, root_options[i]);
    else
        vec_push(&overlay->options, user_options[0]);
}

static void detach_at(int store, const char *point)
{
    autoclose int mounted = openat(store, point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (mounted >= 0)
        mnt_detach(mounted);
}

static int attach_at(int mnt, const char *point)
{
    autoclose int target = open(point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return target < 0 ? -1 : mnt_attach(mnt, target);
}

/*
 * Linux before 6.8: all options of mount(2) must fit in one page, so the layers get names of at most three characters, in a folder
 * that is the working directory.
 */
static int mount_classic(const struct rootfs *rootfs, struct overlay *overlay, const char *point)
{
    const char *folder = arena_printf(&overlay->arena, "%s/%s.l", rootfs->tmp->name, rootfs->name);
    if (mkdir(folder, 0700) < 0 || chdir(folder) < 0)
        return -1;
    struct buf options = {0};
    buf_puts(&options, "lowerdir=");
    for (size_t i = overlay->lowers.count; i-- > 0;) {
        char name[24];
        snprintf(name, sizeof name, "%zx", i);
        if (symlink(arena_printf(&overlay->arena, "../../../%s", overlay->lowers.items[i]), name) < 0)
            return -1;
        buf_printf(&options, "%s%s", name, i ? ":" : "");
    }
    if (rootfs->upper)
        buf_printf(&options, ",upperdir=../%s,workdir=../%s", rootfs->upper, rootfs->work);
    for (size_t i = 0; i < overlay->options.count; i++) {
        const struct mnt_option *option = &overlay->options.items[i];
        if (!strcmp(option->name, "upperdir") || !strcmp(option->name, "workdir") || !strcmp(option->name, "lowerdir+"))
            continue;
        buf_printf(&options, ",%s%s%s", option->name, option->value ? "=" : "", option->value ? option->value : "");
    }
    int result = mnt_classic("overlay", arena_printf(&overlay->arena, "../../../%s", point), rootfs->attrs, buf_text(&options));
    buf_free(&options);
    return result;
}

static bool knows_lowerdir_list(void)
{
    static const struct mnt_option probe[] = {{"lowerdir+", "."}};
    char *why;
    int mnt = mnt_make("overlay", probe, 1, 0, &why);
    /* One layer alone is refused anyway: the reason is what tells. */
    bool is_unknown = mnt < 0 && why && strstr(why, "nknown parameter");
    free(why);
    if (mnt >= 0)
        close(mnt);
    return !is_unknown;
}

static int mount_overlay(const struct rootfs *rootfs, struct overlay *overlay, const char *point, char **why)
{
    for (size_t i = overlay->lowers.count; i-- > 0;)
        vec_push(&overlay->options, (struct mnt_option){"lowerdir+", overlay->lowers.items[i]});
    if (rootfs->upper) {
        vec_push(&overlay->options, (struct mnt_option){"upperdir", arena_printf(&overlay->arena, "%s/%s", rootfs->tmp->name, rootfs->upper)});
        vec_push(&overlay->options, (struct mnt_option){"workdir", arena_printf(&overlay->arena, "%s/%s", rootfs->tmp->name, rootfs->work)});
        /* Nothing is synced: what a power failure tears is found out when the layer is used. */
        vec_push(&overlay->options, (struct mnt_option){"volatile", NULL});
    }
    autoclose int mnt = mnt_make("overlay", overlay->options.items, overlay->options.count, rootfs->attrs, why);
    if (mnt >= 0)
        return attach_at(mnt, point);
    if (errno == EINVAL && !knows_lowerdir_list()) {
        free(*why);
        *why = NULL;
        return mount_classic(rootfs, overlay, point);
    }
    return -1;
}

static int mount_with(const struct rootfs *rootfs, const char *point, char **why);

/* Too many layers: the lowest ones become a read-only overlay of their own, which is then the lowest layer. */
static const char *fold_lowest(const struct rootfs *rootfs, size_t folded, struct overlay *overlay, char **why)
{
    struct rootfs lowest = *rootfs;
    lowest.count = folded;
    lowest.above = lowest.upper = lowest.work = NULL;
    lowest.name = arena_printf(&overlay->arena, "%s.low", rootfs->name);
    const char *point = arena_printf(&overlay->arena, "%s/%s", rootfs->tmp->name, lowest.name);
    if (mkdir(point, 0700) < 0 || mount_with(&lowest, point, why) < 0)
        return NULL;
    return point;
}

/*
 * The kernel takes a folder once, but two steps may have made the same layer (an empty one, say). All that a layer shows or hides it does
 * from its topmost place as well, so that is the one that counts.
 */
static struct rootfs without_repeats(const struct rootfs *rootfs, struct overlay *overlay)
{
    struct rootfs once = *rootfs;
    const char **ids = arena_array(&overlay->arena, rootfs->count + 1, sizeof *ids);
    once.ids = ids;
    once.count = 0;
    for (size_t i = 0; i < rootfs->count; i++) {
        bool comes_again = false;
        for (size_t above = i + 1; above < rootfs->count && !comes_again; above++)
            comes_again = !strcmp(rootfs->ids[i], rootfs->ids[above]);
        if (!comes_again)
            ids[once.count++] = rootfs->ids[i];
    }
    return once;
}

static int mount_with(const struct rootfs *whole, const char *point, char **why)
{
    struct overlay overlay = {0};
    struct rootfs once = without_repeats(whole, &overlay), *rootfs = &once;
    size_t folded = rootfs->count > ROOTFS_LAYERS ? rootfs->count - (ROOTFS_LAYERS - 1) : 0;
    const char *low = NULL;
    int result = -1;
    if (folded > ROOTFS_LAYERS) {
        *why = xasprintf("%zu layers are more than the %d that can be put on top of each other", rootfs->count, 2 * ROOTFS_LAYERS - 1);
        errno = E2BIG;
        goto out;
    }
    if (folded) {
        low = fold_lowest(rootfs, folded, &overlay, why);
        if (!low)
            goto out;
        vec_push(&overlay.lowers, low);
    }
    for (size_t i = folded; i < rootfs->count; i++) {
        char name[80];
        store_layer_name(rootfs->ids[i], name);
        vec_push(&overlay.lowers, arena_printf(&overlay.arena, "layers/%s/%s/fs", id_mode_names[rootfs->store->mode], name));
    }
    if (rootfs->above)
        vec_push(&overlay.lowers, rootfs->above);
    /* At least one layer below an upper folder, two without one. */
    for (int i = 0; overlay.lowers.count < (rootfs->upper ? 1 : 2); i++) {
        const char *empty = arena_printf(&overlay.arena, "%s/%s.empty%d", rootfs->tmp->name, rootfs->name, i);
        if (mkdir(empty, 0755) < 0)
            goto out;
        vec_push(&overlay.lowers, empty);
    }
    /* An empty folder must not be on top, whose root is the one that is seen. */
    if (!rootfs->upper && rootfs->count == 1) {
        const char *top = overlay.lowers.items[0];
        overlay.lowers.items[0] = overlay.lowers.items[1];
        overlay.lowers.items[1] = top;
    }
    add_mode_options(&overlay, rootfs->store->mode);
    result = mount_overlay(rootfs, &overlay, point, why);
out:;
    int saved = errno;
    /* The overlay on top has it now; it need not be seen anywhere. */
    if (low)
        detach_at(rootfs->store->dir, low);
    vec_free(&overlay.lowers);
    vec_free(&overlay.options);
    arena_free(&overlay.arena);
    errno = saved;
    return result;
}

int rootfs_mount(const struct rootfs *rootfs, char **why)
{
    *why = NULL;
    autoclose int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *point = xasprintf("%s/%s", rootfs->tmp->name, rootfs->name);
    int root = -1;
    if (back >= 0 && fchdir(rootfs->store->dir) == 0) {
        if (mkdir(point, 0700) == 0 && mount_with(rootfs, point, why) == 0) {
            /* Again from the store: a fallback may have gone elsewhere. */
            autoclose int at = openat(rootfs->store->dir, point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            root = fd_take(&at);
        }
        int saved = errno;
        if (fchdir(back) < 0)
            die("cannot go back to the build folder:");
        errno = saved;
    }
    free(point);
    return root;
}
