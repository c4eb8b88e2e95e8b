/*
 * Owns how the supervisor looks into a process of the payload. Called by the answers. Never acts on anything outside the payload's root: the
 * supervisor's own root is that, and a path's beginnings come from the process's own folders.
 */
#include "runtime/sandbox/tracee.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"

enum { PAGE = 4096, PATH_SIZE = 4096, NO_UMASK = 022 };

/* What a process calls its own descriptors by; here these names would be ours. */
static const char *const own_names[] = {"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"};
static const char *const stream_names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};

uint64_t tracee_argument(const struct tracee *tracee, int n)
{
    uint64_t value = tracee->request->data.args[n];
    return tracee->call.is_sub ? (uint32_t)value : value;
}

int tracee_int(const struct tracee *tracee, int n)
{
    return (int)tracee_argument(tracee, n);
}

uint32_t tracee_id(const struct tracee *tracee, int n)
{
    uint32_t id = (uint32_t)tracee_argument(tracee, n);
    if (tracee->call.is_narrow)
        return (id & 0xffff) == 0xffff ? (uint32_t)-1 : id & 0xffff;
    return id;
}

bool tracee_is_there(const struct tracee *tracee)
{
    uint64_t id = tracee->request->id;
    return ioctl(tracee->supervisor->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* --- memory --- */

int tracee_read(const struct tracee *tracee, uint64_t address, void *data, size_t len)
{
    struct iovec here = {data, len}, there = {(void *)(uintptr_t)address, len};
    ssize_t got = process_vm_readv(tracee->pid, &here, 1, &there, 1, 0);
    if (got == (ssize_t)len)
        return 0;
    if (got >= 0)
        errno = EFAULT;
    return -1;
}

int tracee_write(const struct tracee *tracee, uint64_t address, const void *data, size_t len)
{
    struct iovec here = {(void *)(uintptr_t)data, len}, there = {(void *)(uintptr_t)address, len};
    ssize_t put = process_vm_writev(tracee->pid, &here, 1, &there, 1, 0);
    if (put == (ssize_t)len)
        return 0;
    if (put >= 0)
        errno = EFAULT;
    return -1;
}

/* A page at a time: what follows the string may not be mapped. */
int tracee_read_path(const struct tracee *tracee, uint64_t address, char path[])
{
    size_t len = 0;
    while (len < PATH_SIZE) {
        size_t piece = PAGE - (address + len) % PAGE;
        if (piece > PATH_SIZE - len)
            piece = PATH_SIZE - len;
        if (len == 0 && piece > 256)
            piece = 256;
        if (tracee_read(tracee, address + len, path + len, piece) < 0)
            return -1;
        if (memchr(path + len, 0, piece))
            return 0;
        len += piece;
    }
    errno = ENAMETOOLONG;
    return -1;
}

mode_t tracee_umask(const struct tracee *tracee)
{
    char name[32], text[1024];
    snprintf(name, sizeof name, "%d/status", tracee->pid);
    autoclose int fd = openat(tracee->supervisor->proc, name, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (got < 0)
        return NO_UMASK;
    text[got] = 0;
    const char *line = strstr(text, "\nUmask:");
    return line ? (mode_t)strtoul(line + strlen("\nUmask:"), NULL, 8) & 0777 : NO_UMASK;
}

/* --- files --- */

static int open_proc(const struct tracee *tracee, const char *what, int flags)
{
    char name[64];
    snprintf(name, sizeof name, "%d/%s", tracee->pid, what);
    return openat(tracee->supervisor->proc, name, O_PATH | O_CLOEXEC | flags);
}

int tracee_open_fd(const struct tracee *tracee, int fd)
{
    char name[32];
    snprintf(name, sizeof name, "fd/%d", fd);
    autoclose int found = open_proc(tracee, name, 0);
    if (found < 0) {
        errno = errno == ENOENT ? EBADF : errno;
        return -1;
    }
    return fd_take(&found);
}

int tracee_open_start(const struct tracee *tracee, int dir, const char *path)
{
    if (*path == '/')
        return tracee->supervisor->has_chroots ? open_proc(tracee, "root", O_DIRECTORY) : AT_FDCWD;
    return dir == AT_FDCWD ? open_proc(tracee, "cwd", O_DIRECTORY) : tracee_open_fd(tracee, dir);
}

/* The descriptor that a path is another name of; -1: it is none. */
static int own_descriptor(const char *path)
{
    for (int i = 0; i < 3; i++)
        if (!strcmp(path, stream_names[i]))
            return i;
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++) {
        size_t len = strlen(own_names[i]);
        const char *digits = path + len;
        if (!strncmp(path, own_names[i], len) && *digits && strlen(digits) < 8 && strspn(digits, "0123456789") == strlen(digits))
            return atoi(digits);
    }
    return -1;
}

static int open_from(const struct tracee *tracee, int start, const char *path, int flags)
{
    /* In a root of its own: what is absolute begins there. */
    if (*path == '/' && start != AT_FDCWD) {
        struct open_how how = {.flags = (unsigned)flags, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
        return (int)syscall(SYS_openat2, start, path, &how, sizeof how);
    }
    (void)tracee;
    return openat(start, path, flags);
}

int tracee_open(const struct tracee *tracee, int dir, const char *path, int flags)
{
    if (!*path && flags & AT_EMPTY_PATH)
        return dir == AT_FDCWD ? open_proc(tracee, "cwd", O_DIRECTORY) : tracee_open_fd(tracee, dir);
    int own = flags & AT_SYMLINK_NOFOLLOW ? -1 : own_descriptor(path);
    if (own >= 0)
        return tracee_open_fd(tracee, own);
    int start = tracee_open_start(tracee, dir, path);
    if (start < 0 && start != AT_FDCWD)
        return -1;
    int found = open_from(tracee, start, path, O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0));
    int saved = errno;
    if (start >= 0)
        close(start);
    errno = saved;
    return found;
}

/* How /proc names what a path leads to: by the process's folder or descriptor, and what follows. False: the name would be too long. */
static bool name_in_proc(const struct tracee *tracee, int dir, const char *path, char name[PATH_SIZE])
{
    const char *slash = *path ? "/" : "";
    if (dir == AT_FDCWD)
        return snprintf(name, PATH_SIZE, "%d/cwd%s%s", tracee->pid, slash, path) < PATH_SIZE;
    return snprintf(name, PATH_SIZE, "%d/fd/%d%s%s", tracee->pid, dir, slash, path) < PATH_SIZE;
}

int tracee_stat(const struct tracee *tracee, int dir, const char *path, int flags, struct statx *st)
{
    const unsigned mask = STATX_BASIC_STATS | STATX_BTIME;
    int follow = AT_NO_AUTOMOUNT | (flags & AT_SYMLINK_NOFOLLOW);
    char name[PATH_SIZE];
    int own = flags & AT_SYMLINK_NOFOLLOW ? -1 : own_descriptor(path);
    if (own >= 0)
        return tracee_stat(tracee, own, "", AT_EMPTY_PATH, st);
    if (*path == '/' && !tracee->supervisor->has_chroots)
        return statx(AT_FDCWD, path, follow, mask, st);
    if (*path != '/' && (*path || flags & AT_EMPTY_PATH) && name_in_proc(tracee, dir, path, name))
        /* The descriptor itself, even when it is one of a symlink. */
        return statx(tracee->supervisor->proc, name, *path ? follow : AT_NO_AUTOMOUNT, mask, st);
    autoclose int target = tracee_open(tracee, dir, path, flags);
    return target < 0 ? -1 : statx(target, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, mask, st);
}

const char *tracee_split(char *path, const char **base)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = 0;
    char *slash = strrchr(path, '/');
    *base = slash ? slash + 1 : path;
    if (!**base) {
        errno = *path ? EEXIST : ENOENT;
        return NULL;
    }
    if (!slash)
        return "";
    if (slash == path)
        return "/";
    *slash = 0;
    return path;
}
