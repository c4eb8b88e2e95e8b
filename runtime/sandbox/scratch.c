/*
 * Owns the scratch folder of a RUN whose store lies where overlayfs takes no upper folder (another overlay, NFS and the like). Called by the sandbox,
 * and by who runs one when it has taken the result. Must not know what is put there. It lies on tmp/…/layer, so the result has its usual name; as it
 * cannot be moved from there, the store copies it.
 */
#include "runtime/sandbox/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/fdio.h"
#include "runtime/lib/step.h"
#include "runtime/lib/store.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"

static const struct mnt_option options[] = {{"mode", "0755"}};

enum scratch_way scratch_way(const struct room *room)
{
    static const struct {
        const char *word;
        enum scratch_way way;
    } ways[] = {{"", SCRATCH_AS_NEEDED}, {"overlay", SCRATCH_NEVER}, {"scratch", SCRATCH_ALWAYS}};
    const char *word = getenv("DFGEN_ROOTFS");
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(word ? word : "", ways[i].word))
            return ways[i].way;
    step_die(room->step, "DFGEN_ROOTFS is \"%s\": it can be overlay or scratch", word);
}

void scratch_mount(struct room *room)
{
    /* Its inodes and the store's could be the same, and by these owners are remembered. */
    if (room->owners)
        step_die(room->step, "cannot put an overlay on the store %s, and the tmpfs that is taken instead needs root or subordinate ids (/etc/subuid); "
                 "DFGEN_STORE or --store names another place", room->store->path);
    autoclose int target = openat(room->tmp->dir, "layer", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    autoclose int mnt = mnt_make("tmpfs", options, 1, MNT_NOSUID | MNT_NODEV, NULL);
    if (target < 0 || mnt < 0 || mnt_attach(mnt, target) < 0)
        step_die(room->step, "cannot mount a tmpfs for the command's files:");
    room->has_scratch = true;
}

void scratch_drop(const struct store_tmp *tmp)
{
    autoclose int layer = openat(tmp->dir, "layer", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    /* No mount there is the common case, and an error to the kernel. */
    if (layer >= 0)
        mnt_detach(layer);
}
