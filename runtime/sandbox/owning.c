/*
 * Owns the answer to who owns a file as the payload sees it. Called by the answers. What was noted counts; what the payload's first ids have made
 * without a note is told from what was there by the upper folder.
 */
#include "runtime/sandbox/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"
#include "runtime/sandbox/creds.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/tracee.h"

int owning_look(int fd, struct statx *st)
{
    return statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, st);
}

/* What the upper folder has by this file's name. */
static bool find_in_upper(const struct supervisor *supervisor, int fd, char path[PATH_MAX], struct stat *st)
{
    char link[32];
    snprintf(link, sizeof link, "self/fd/%d", fd);
    ssize_t len = readlinkat(supervisor->proc, link, path, PATH_MAX - 1);
    if (len <= 1 || *path != '/')
        return false;
    path[len] = 0;
    return fstatat(supervisor->upper, path + 1, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A root that is a copy on an overlay: there a file's device may be another than its folder's. */
static bool is_in_upper(const struct supervisor *supervisor, int fd, const struct statx *statx)
{
    char path[PATH_MAX];
    struct stat st;
    return find_in_upper(supervisor, fd, path, &st) && st.st_ino == statx->stx_ino &&
           st.st_dev == makedev(statx->stx_dev_major, statx->stx_dev_minor);
}

/* In the overlay: whether the upper folder has it, and not as a copy of what lay below. */
static bool is_new_in_upper(const struct supervisor *supervisor, int fd)
{
    char path[PATH_MAX];
    struct stat st;
    if (!find_in_upper(supervisor, fd, path, &st))
        return false;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return true;
    autoclose int upper = openat(supervisor->upper, path + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return upper >= 0 && fgetxattr(upper, "user.overlay.origin", NULL, 0) < 0;
}

static bool is_payloads(const struct supervisor *supervisor, int fd, const struct statx *st)
{
    struct statfs fs;
    dev_t device = makedev(st->stx_dev_major, st->stx_dev_minor);
    if (st->stx_attributes & STATX_ATTR_MOUNT_ROOT)
        return false;
    if (device == supervisor->root_device)
        return is_new_in_upper(supervisor, fd);
    /* Caches and file systems in memory begin empty; what the helper has put there is noted. */
    if (owners_is_store(supervisor->owners, device))
        return true;
    if (fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == TMPFS_MAGIC)
        return true;
    return is_in_upper(supervisor, fd, st);
}

bool owning_find(struct supervisor *supervisor, int fd, const struct statx *st, struct owner *owner)
{
    if (owners_find(supervisor->owners, st, owner))
        return true;
    if (!supervisor->uid && !supervisor->gid)
        return false;
    *owner = (struct owner){0};
    if (is_payloads(supervisor, fd, st))
        *owner = (struct owner){.uid = supervisor->uid, .gid = supervisor->gid};
    owners_note(supervisor->owners, st, owner);
    return true;
}

bool owning_is_plain(const struct supervisor *supervisor)
{
    return !supervisor->uid && !supervisor->gid && !owners_has_foreign(supervisor->owners);
}

/* A folder with the set-group-id bit hands on its group. */
void owning_made(const struct tracee *tracee, int parent, int made, struct owner *owner)
{
    struct supervisor *supervisor = tracee->supervisor;
    struct creds creds = creds_get(supervisor->creds, tracee->pid);
    struct statx st;
    struct owner above = {0};
    owner->uid = creds.uids[CREDS_FILES];
    owner->gid = creds.gids[CREDS_FILES];
    if (owning_look(parent, &st) == 0 && st.stx_mode & S_ISGID) {
        owning_find(supervisor, parent, &st, &above);
        owner->gid = above.gid;
    }
    if (owning_look(made, &st) == 0)
        owners_note(supervisor->owners, &st, owner);
}
