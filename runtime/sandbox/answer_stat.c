/*
 * Owns the answers to stat and its kin, and what exec and chroot do to a process. Called by the supervisor. Only where an owner or a device is
 * noted that the kernel does not know is anything answered; all else, and whatever cannot be looked at, goes on to the kernel.
 */
#include "runtime/sandbox/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"
#include "runtime/sandbox/creds.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/tracee.h"

/* i386's struct stat64. */
struct stat_sub {
    uint64_t device;
    uint8_t unused[4];
    uint32_t short_inode, mode, links, uid, gid;
    uint64_t rdev;
    uint8_t unused2[4];
    int64_t size;
    uint32_t block_size;
    uint64_t blocks;
    uint32_t access, access_nsec, modified, modified_nsec, changed, changed_nsec;
    uint64_t inode;
} __attribute__((packed));

struct place {
    int dir, path, flags, result;   /* which arguments; -1: there is none */
    bool is_fd, follows;
};

static struct place place_of(enum call call)
{
    switch (call) {
    case CALL_STAT: return (struct place){-1, 0, -1, 1, false, true};
    case CALL_LSTAT: return (struct place){-1, 0, -1, 1, false, false};
    case CALL_FSTAT: return (struct place){0, -1, -1, 1, true, true};
    case CALL_FSTATAT: return (struct place){0, 1, 3, 2, false, true};
    case CALL_STATX: return (struct place){0, 1, 2, 4, false, true};
    case CALL_EXECVE: return (struct place){-1, 0, -1, -1, false, true};
    default: return (struct place){0, 1, 4, -1, false, true};
    }
}

/* What is asked about. */
struct target {
    int dir, flags;
    char path[PATH_MAX];
};

static int find_target(const struct tracee *tracee, const struct place *place, struct target *target)
{
    *target->path = 0;
    target->dir = place->dir < 0 ? AT_FDCWD : tracee_int(tracee, place->dir);
    target->flags = place->flags < 0 ? 0 : tracee_int(tracee, place->flags) & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    if (!place->follows)
        target->flags |= AT_SYMLINK_NOFOLLOW;
    if (place->is_fd)
        target->flags = AT_EMPTY_PATH;
    /* statx takes no path at all for an empty one. */
    uint64_t address = place->is_fd ? 0 : tracee_argument(tracee, place->path);
    return address ? tracee_read_path(tracee, address, target->path) : 0;
}

/* statx, and who owns it; false: as the kernel says. */
static bool find_owner(const struct tracee *tracee, const struct target *target, struct statx *st, struct owner *owner)
{
    struct supervisor *supervisor = tracee->supervisor;
    if (tracee_stat(tracee, target->dir, target->path, target->flags, st) < 0)
        return false;
    if (owners_find(supervisor->owners, st, owner))
        return true;
    if (!supervisor->uid && !supervisor->gid)
        return false;
    autoclose int fd = tracee_open(tracee, target->dir, target->path, target->flags);
    return fd >= 0 && owning_look(fd, st) == 0 && owning_find(supervisor, fd, st, owner);
}

static int64_t nanoseconds(const struct statx_timestamp *time)
{
    return (int64_t)time->tv_nsec;
}

static void to_stat(const struct statx *from, struct stat *to)
{
    *to = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor), .st_ino = from->stx_ino, .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink, .st_uid = from->stx_uid, .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor), .st_size = (off_t)from->stx_size,
        .st_blksize = (blksize_t)from->stx_blksize, .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = {from->stx_atime.tv_sec, nanoseconds(&from->stx_atime)},
        .st_mtim = {from->stx_mtime.tv_sec, nanoseconds(&from->stx_mtime)},
        .st_ctim = {from->stx_ctime.tv_sec, nanoseconds(&from->stx_ctime)},
    };
}

static void to_sub(const struct statx *from, struct stat_sub *to)
{
    *to = (struct stat_sub){
        .device = makedev(from->stx_dev_major, from->stx_dev_minor), .short_inode = (uint32_t)from->stx_ino, .mode = from->stx_mode,
        .links = from->stx_nlink, .uid = from->stx_uid, .gid = from->stx_gid,
        .rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor), .size = (int64_t)from->stx_size,
        .block_size = from->stx_blksize, .blocks = from->stx_blocks,
        .access = (uint32_t)from->stx_atime.tv_sec, .access_nsec = from->stx_atime.tv_nsec,
        .modified = (uint32_t)from->stx_mtime.tv_sec, .modified_nsec = from->stx_mtime.tv_nsec,
        .changed = (uint32_t)from->stx_ctime.tv_sec, .changed_nsec = from->stx_ctime.tv_nsec, .inode = from->stx_ino,
    };
}

static void apply(const struct owner *owner, struct statx *st)
{
    st->stx_uid = owner->uid;
    st->stx_gid = owner->gid;
    if (!owner->type)
        return;
    st->stx_mode = (uint16_t)((st->stx_mode & ~S_IFMT) | owner->type);
    st->stx_rdev_major = owner->major;
    st->stx_rdev_minor = owner->minor;
    st->stx_size = st->stx_blocks = 0;
}

static int write_result(const struct tracee *tracee, uint64_t address, const struct statx *st)
{
    struct stat whole;
    struct stat_sub sub;
    if (tracee->call.call == CALL_STATX)
        return tracee_write(tracee, address, st, sizeof *st);
    if (tracee->call.is_sub) {
        to_sub(st, &sub);
        return tracee_write(tracee, address, &sub, sizeof sub);
    }
    to_stat(st, &whole);
    return tracee_write(tracee, address, &whole, sizeof whole);
}

static bool knows_layout(const struct tracee *tracee)
{
#if defined __x86_64__
    (void)tracee;
    return true;
#else
    return !tracee->call.is_sub || tracee->call.call == CALL_STATX;
#endif
}

struct reply answer_stat(const struct tracee *tracee)
{
    struct place place = place_of(tracee->call.call);
    struct target target;
    struct statx st;
    struct owner owner;
    if (owning_is_plain(tracee->supervisor) || !knows_layout(tracee))
        return answer_go_on();
    if (find_target(tracee, &place, &target) < 0 || !find_owner(tracee, &target, &st, &owner))
        return answer_go_on();
    if (owner.uid == st.stx_uid && owner.gid == st.stx_gid && !owner.type)
        return answer_go_on();
    apply(&owner, &st);
    if (!tracee_is_there(tracee) || write_result(tracee, tracee_argument(tracee, place.result), &st) < 0)
        return answer_go_on();
    return answer_value(0);
}

/* A set-user-id program makes its process believe to be that user. */
struct reply answer_exec(const struct tracee *tracee)
{
    struct supervisor *supervisor = tracee->supervisor;
    struct place place = place_of(tracee->call.call);
    struct target target;
    struct statx st;
    struct owner owner;
    if (find_target(tracee, &place, &target) < 0 || tracee_stat(tracee, target.dir, target.path, target.flags, &st) < 0 ||
        !S_ISREG(st.stx_mode))
        return answer_go_on();
    bool sets_user = st.stx_mode & S_ISUID, sets_group = (st.stx_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    struct creds creds = creds_get(supervisor->creds, tracee->pid);
    if ((!sets_user && !sets_group && !creds.keeps && !creds.kept) || !tracee_is_there(tracee))
        return answer_go_on();
    creds.keeps = creds.kept = false;
    if (!find_owner(tracee, &target, &st, &owner))
        owner = (struct owner){0};
    if (sets_user)
        creds.uids[CREDS_EFFECTIVE] = creds.uids[CREDS_SAVED] = creds.uids[CREDS_FILES] = owner.uid;
    if (sets_group)
        creds.gids[CREDS_EFFECTIVE] = creds.gids[CREDS_SAVED] = creds.gids[CREDS_FILES] = owner.gid;
    creds_set(supervisor->creds, tracee->pid, &creds);
    return answer_go_on();
}

/* From now on a process's root is asked for. */
struct reply answer_chroot(const struct tracee *tracee)
{
    tracee->supervisor->has_chroots = true;
    return answer_go_on();
}
