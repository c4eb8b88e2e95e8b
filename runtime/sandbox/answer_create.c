/*
 * Owns the answers to calls that make files: a process that believes to be another user than the first must be seen to own what it makes, and
 * device nodes become empty files that are noted as what they stand for. Called by the supervisor. Everything else goes on to the kernel.
 */
#include "runtime/sandbox/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"
#include "runtime/sandbox/creds.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/tracee.h"

struct making {
    int dir, path, mode, more;  /* which arguments; -1: there is none. more: flags of open, device, or the link's target */
    mode_t type;                /* 0: the mode says */
};

/* What is asked for. */
struct request {
    int parent, flags;  /* flags: of open */
    const char *base;
    mode_t mode;
};

static struct making making_of(enum call call)
{
    switch (call) {
    case CALL_MKNOD: return (struct making){-1, 0, 1, 2, 0};
    case CALL_MKNODAT: return (struct making){0, 1, 2, 3, 0};
    case CALL_OPEN: return (struct making){-1, 0, 2, 1, S_IFREG};
    case CALL_OPENAT: return (struct making){0, 1, 3, 2, S_IFREG};
    case CALL_OPENAT2: return (struct making){0, 1, -1, -1, S_IFREG};
    case CALL_CREAT: return (struct making){-1, 0, 1, -1, S_IFREG};
    case CALL_MKDIR: return (struct making){-1, 0, 1, -1, S_IFDIR};
    case CALL_MKDIRAT: return (struct making){0, 1, 2, -1, S_IFDIR};
    case CALL_SYMLINK: return (struct making){-1, 1, -1, 0, S_IFLNK};
    default: return (struct making){1, 2, -1, 0, S_IFLNK};
    }
}

static bool is_open(enum call call)
{
    return call == CALL_OPEN || call == CALL_OPENAT || call == CALL_OPENAT2 || call == CALL_CREAT;
}

/* The file that it opens gets into the process. */
static struct reply hand_over(const struct tracee *tracee, int fd, int flags)
{
    struct seccomp_notif_addfd add = {
        .id = tracee->request->id, .srcfd = (uint32_t)fd, .newfd_flags = flags & O_CLOEXEC ? O_CLOEXEC : 0,
    };
    int there = ioctl(tracee->supervisor->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    return there < 0 ? answer_error(errno) : answer_value(there);
}

/* Flags and mode of a call that opens a file; false when it cannot make one. */
static bool read_flags(const struct tracee *tracee, const struct making *making, int *flags, mode_t *mode)
{
    struct open_how how;
    *flags = O_WRONLY | O_TRUNC | O_CREAT;
    if (tracee->call.call == CALL_OPENAT2) {
        if (tracee_argument(tracee, 3) < sizeof how || tracee_read(tracee, tracee_argument(tracee, 2), &how, sizeof how) < 0)
            return false;
        *flags = (int)how.flags;
        *mode = S_IFREG | ((mode_t)how.mode & 07777);
    } else if (making->more >= 0) {
        *flags = tracee_int(tracee, making->more);
    }
    return *flags & O_CREAT;
}

static struct reply make_open(const struct tracee *tracee, const struct request *request)
{
    /* Of what is there already nobody becomes the owner. */
    int flags = (request->flags & ~O_TRUNC) | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY;
    autoclose int fd = openat(request->parent, request->base, flags, request->mode & 07777);
    if (fd < 0)
        return answer_go_on();
    struct owner owner = {0};
    autoclose int made = openat(request->parent, request->base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (made >= 0)
        owning_made(tracee, request->parent, made, &owner);
    return hand_over(tracee, fd, request->flags);
}

static int make_other(const struct tracee *tracee, const struct making *making, const struct request *request)
{
    char target[PATH_MAX];
    int parent = request->parent;
    mode_t mode = request->mode;
    switch (mode & S_IFMT) {
    case S_IFDIR: return mkdirat(parent, request->base, mode & 07777);
    case S_IFLNK:
        if (tracee_read_path(tracee, tracee_argument(tracee, making->more), target) < 0)
            return -1;
        return symlinkat(target, parent, request->base);
    case S_IFCHR:
    case S_IFBLK: return mknodat(parent, request->base, S_IFREG | (mode & 07777), 0);
    default: return mknodat(parent, request->base, mode, 0);
    }
}

static struct reply make(const struct tracee *tracee, const struct making *making, struct request *request)
{
    struct owner owner = {0};
    request->mode &= ~tracee_umask(tracee) | S_IFMT;
    if (!tracee_is_there(tracee))
        return answer_error(ESRCH);
    if (is_open(tracee->call.call))
        return make_open(tracee, request);
    if (make_other(tracee, making, request) < 0)
        return answer_error(errno);
    if (S_ISCHR(request->mode) || S_ISBLK(request->mode)) {
        unsigned device = (unsigned)tracee_argument(tracee, making->more);
        /* As the system call has it: twelve bits of major, twenty of minor. */
        owner.type = request->mode & S_IFMT;
        owner.major = device >> 8 & 0xfff;
        owner.minor = (device & 0xff) | (device >> 12 & 0xfff00);
    }
    autoclose int made = openat(request->parent, request->base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (made >= 0)
        owning_made(tracee, request->parent, made, &owner);
    return answer_value(0);
}

/* A folder that hands on its group, which the disk may not know. */
static bool gives_group(const struct tracee *tracee, int dir, const char *folder)
{
    struct statx st;
    return tracee_stat(tracee, dir, folder, AT_EMPTY_PATH, &st) == 0 && st.stx_mode & S_ISGID;
}

static bool is_anothers(const struct tracee *tracee, const struct creds *creds)
{
    const struct supervisor *supervisor = tracee->supervisor;
    return creds->uids[CREDS_FILES] != supervisor->uid || creds->gids[CREDS_FILES] != supervisor->gid;
}

struct reply answer_create(const struct tracee *tracee)
{
    const struct supervisor *supervisor = tracee->supervisor;
    struct making making = making_of(tracee->call.call);
    struct request request = {.mode = 0777};
    char path[PATH_MAX];
    if (making.mode >= 0)
        request.mode = (mode_t)tracee_argument(tracee, making.mode) & (S_IFMT | 07777);
    if (making.type)
        request.mode = making.type | (request.mode & 07777);
    /* 0:0 is overlayfs's whiteout: the kernel refuses it. */
    bool is_device = (S_ISCHR(request.mode) || S_ISBLK(request.mode)) && tracee_argument(tracee, making.more) != 0;
    struct creds creds = creds_get(supervisor->creds, tracee->pid);
    bool is_ours = is_device || is_anothers(tracee, &creds);
    /* Most calls end here: the kernel makes the right thing. */
    if (!is_ours && !supervisor->gid && !owners_has_group_folder(supervisor->owners))
        return answer_go_on();
    if (is_open(tracee->call.call) && !read_flags(tracee, &making, &request.flags, &request.mode))
        return answer_go_on();
    if (is_device && !creds_is_privileged(&creds))
        return answer_error(EPERM);
    if (tracee_read_path(tracee, tracee_argument(tracee, making.path), path) < 0)
        return answer_go_on();
    int dir = making.dir < 0 ? AT_FDCWD : tracee_int(tracee, making.dir);
    const char *folder = tracee_split(path, &request.base);
    if (!folder)
        return is_device ? answer_error(errno) : answer_go_on();
    if (!is_ours && !gives_group(tracee, dir, folder))
        return answer_go_on();
    autoclose int parent = tracee_open(tracee, dir, folder, AT_EMPTY_PATH);
    if (parent < 0)
        return is_device ? answer_error(errno) : answer_go_on();
    request.parent = parent;
    return make(tracee, &making, &request);
}
