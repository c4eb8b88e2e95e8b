/*
 * Owns the mount system calls. Called by the rest of the sandbox. Must not know what is mounted for what.
 * The C library's <sys/mount.h> and the kernel's <linux/mount.h> do not go together everywhere, so all calls are made by number.
 */
#include "runtime/sandbox/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442 /* the same on all architectures */
#endif

enum { DETACH = 2 /* MNT_DETACH */ };

/* struct mount_attr, which headers before Linux 5.12 lack. */
struct attr {
    uint64_t set, clear, propagation, userns;
};

/* What the mount context has to say about its failure: lines such as "e overlay: ...". */
static char *read_reason(int context)
{
    char text[512];
    ssize_t len = read(context, text, sizeof text - 1);
    if (len <= 0)
        return NULL;
    text[len] = 0;
    char *start = len > 2 && text[1] == ' ' ? text + 2 : text;
    start[strcspn(start, "\n")] = 0;
    return xstrdup(start);
}

int mnt_make(const char *type, const struct mnt_option *options, size_t count, unsigned attrs, char **why)
{
    if (why)
        *why = NULL;
    autoclose int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
    if (context < 0)
        return -1;
    /* What /proc/mounts shows in front. */
    syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, "source", type, 0);
    long result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = syscall(SYS_fsconfig, context, options[i].value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options[i].name,
                         options[i].value, 0);
    if (result == 0)
        result = syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (result == 0)
        result = syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attrs);
    if (result < 0 && why) {
        int saved = errno;
        *why = read_reason(context);
        errno = saved;
    }
    return (int)result;
}

int mnt_attach(int mnt, int target)
{
    return (int)syscall(SYS_move_mount, mnt, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

/* Flags of mount(2) for attrs, and for those of a mount that must not be lost on the way. */
static unsigned long classic_flags(unsigned attrs)
{
    enum { RDONLY = 1, NOSUID = 2, NODEV = 4, NOEXEC = 8 };
    return (attrs & MNT_RDONLY ? RDONLY : 0) | (attrs & MNT_NOSUID ? NOSUID : 0) | (attrs & MNT_NODEV ? NODEV : 0) |
           (attrs & MNT_NOEXEC ? NOEXEC : 0);
}

/* Linux before 5.12: a bind mount is narrowed by mounting it again where it is. */
static int remount(int mnt, unsigned attrs)
{
    enum { REMOUNT = 32, BIND = 4096 };
    struct statvfs st;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", mnt);
    if (fstatvfs(mnt, &st) < 0)
        return -1;
    unsigned long kept = st.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME | ST_NODIRATIME | ST_RELATIME);
    return (int)syscall(SYS_mount, NULL, path, NULL, kept | classic_flags(attrs) | REMOUNT | BIND, NULL);
}

int mnt_bind(int source, int target, unsigned attrs, bool recursive)
{
    unsigned depth = recursive ? AT_RECURSIVE : 0;
    autoclose int mnt = (int)syscall(SYS_open_tree, source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | depth);
    if (mnt < 0)
        return -1;
    struct attr attr = {.set = attrs};
    bool is_old = false;
    if (attrs && syscall(SYS_mount_setattr, mnt, "", AT_EMPTY_PATH | depth, &attr, sizeof attr) < 0) {
        if (errno != ENOSYS)
            return -1;
        is_old = true;
    }
    if (mnt_attach(mnt, target) < 0)
        return -1;
    return is_old ? remount(mnt, attrs) : 0;
}

int mnt_classic(const char *type, const char *target, unsigned attrs, const char *options)
{
    return (int)syscall(SYS_mount, type, target, type, classic_flags(attrs), options);
}

void mnt_leave(void)
{
    enum { REC = 16384, PRIVATE = 1 << 18 };
    if (unshare(CLONE_NEWNS) < 0)
        die("cannot make a mount namespace; RUN needs CAP_SYS_ADMIN or user namespaces:");
    if (syscall(SYS_mount, "", "/", NULL, REC | PRIVATE, NULL) < 0)
        die("cannot make the mounts private:");
}

int mnt_detach(int root)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", root);
    return (int)syscall(SYS_umount2, path, DETACH);
}
