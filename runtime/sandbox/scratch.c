/*
 * Owns the scratch folder of a RUN whose store lies where overlayfs takes no upper folder (another overlay, NFS and
 * the like). Called by who mounts its layers, and by who runs one when it has taken the result. Must not know what is
 * put there. It lies on tmp/…/layer, so the result has its usual name; as it cannot be moved from there, the store
 * copies it.
 * In $TMPDIR each store has an area of its own, made like the store's tmp/: folders locked by who works in them, and
 * swept when that one is gone.
 */
#include "runtime/sandbox/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/step.h"
#include "runtime/lib/store.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"

enum { TRIES = 10 };

struct scratch {
    int parent;             /* $TMPDIR; -1: a tmpfs */
    char name[40];          /* of the area in it */
    struct store area;
    struct store_tmp tmp;
};

static const struct mnt_option options[] = {{"mode", "0755"}};

bool scratch_has_folder(void)
{
    const char *path = getenv("TMPDIR");
    return path && *path == '/';
}

/* --- in $TMPDIR --- */

/* Another's folder of that name is none; whoever leaves last removes it, so it may be gone again. */
static int open_area(struct scratch *scratch)
{
    struct stat st;
    for (int tries = 0; tries < TRIES; tries++) {
        if (mkdirat(scratch->parent, scratch->name, 0700) < 0 && errno != EEXIST)
            return -1;
        autoclose int dir = openat(scratch->parent, scratch->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0 && errno == ENOENT)
            continue;
        if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid() || st.st_mode & 077)
            return -1;
        if (mkdirat(dir, "tmp", 0700) < 0 && errno != EEXIST && errno != ENOENT)
            return -1;
        scratch->area.dir = dir;
        if (store_tmp_make(&scratch->area, &scratch->tmp) == 0) {
            fd_take(&dir);
            return 0;
        }
        scratch->area.dir = -1;
        if (errno != ENOENT)
            return -1;
    }
    return -1;
}

static void close_area(struct scratch *scratch)
{
    if (scratch->area.dir >= 0) {
        store_tmp_drop(&scratch->area, &scratch->tmp);
        unlinkat(scratch->area.dir, "tmp", AT_REMOVEDIR);
        unlinkat(scratch->parent, scratch->name, AT_REMOVEDIR);
        close(scratch->area.dir);
    }
    fd_close_scope(&scratch->parent);
}

static int bind_folder(const struct room *room, struct scratch *scratch, int target)
{
    struct stat st;
    scratch->parent = open(getenv("TMPDIR"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scratch->parent < 0 || fstat(room->store->dir, &st) < 0)
        return -1;
    snprintf(scratch->name, sizeof scratch->name, "dfgen-%llx-%llx", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    if (open_area(scratch) < 0)
        return -1;
    store_tmp_sweep(&scratch->area);
    if (mkdirat(scratch->tmp.dir, "layer", 0755) < 0)
        return -1;
    autoclose int folder = openat(scratch->tmp.dir, "layer", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return folder < 0 ? -1 : mnt_bind(folder, target, MNT_NOSUID | MNT_NODEV, false);
}

static int mount_memory(int target)
{
    autoclose int mnt = mnt_make("tmpfs", options, 1, MNT_NOSUID | MNT_NODEV, NULL);
    return mnt < 0 ? -1 : mnt_attach(mnt, target);
}

/* --- either --- */

bool scratch_mount(struct room *room, bool in_memory)
{
    struct scratch *scratch = xcalloc(1, sizeof *scratch);
    *scratch = (struct scratch){.parent = -1, .area = {.dir = -1, .layers = -1, .lock = -1}, .tmp.dir = -1};
    scratch_drop(room->scratch, room->tmp);
    room->scratch = scratch;
    autoclose int target = openat(room->tmp->dir, "layer", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target >= 0 && (in_memory ? mount_memory(target) : bind_folder(room, scratch, target)) == 0)
        return true;
    int saved = errno;
    close_area(scratch);
    free(scratch);
    room->scratch = NULL;
    errno = saved;
    return false;
}

void scratch_drop(struct scratch *scratch, const struct store_tmp *tmp)
{
    if (!scratch)
        return;
    autoclose int layer = openat(tmp->dir, "layer", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (layer >= 0)
        mnt_detach(layer);
    close_area(scratch);
    free(scratch);
}
