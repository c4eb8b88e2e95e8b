/*
 * Owns the last steps of a RUN's process: what must be done inside its namespaces, in the order that keeps each right until it is not
 * needed any more. Called by the keeper's clone. Must not look anything up on the host after pivot_root, nor print: it reports.
 */
#include "runtime/sandbox/payload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"
#include "runtime/sandbox/caps.h"
#include "runtime/sandbox/jobserver.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/net.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/plan.h"
#include "runtime/sandbox/report.h"
#include "runtime/sandbox/terminal.h"
#include "runtime/sandbox/user.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

enum { SETUP_FAILED = 125, CANNOT_EXEC = 126, NOT_FOUND = 127 };
enum { HARDENED = MNT_NOSUID | MNT_NODEV | MNT_NOEXEC };

static const char *const readonly_paths[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
static const char *const masked_paths[] = {
    "proc/acpi", "proc/asound", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/timer_list", "proc/timer_stats",
    "proc/sched_debug", "proc/scsi", "sys/firmware", "sys/devices/virtual/powercap",
};

#define FAIL(payload, ...) report_fail((payload)->report, SETUP_FAILED, __VA_ARGS__)

/* Below the root, of which the helper has made sure that these folders are folders. */
static int open_folder(const struct payload *payload, const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        FAIL(payload, "cannot open /%s:", path);
    return fd;
}

static void mount_new(const struct payload *payload, const char *type, const char *path, unsigned attrs)
{
    autoclose int target = open_folder(payload, path);
    autoclose int mnt = mnt_make(type, NULL, 0, attrs, NULL);
    if (mnt < 0 || mnt_attach(mnt, target) < 0)
        FAIL(payload, "cannot mount %s on /%s:", type, path);
}

/* Without a network namespace of its own, a user namespace gets no sysfs of its own either: the host's is shown. */
static void mount_sys(const struct payload *payload)
{
    unsigned attrs = HARDENED | (payload->plan->is_insecure ? 0 : MNT_RDONLY);
    autoclose int target = open_folder(payload, "sys");
    autoclose int mnt = mnt_make("sysfs", NULL, 0, attrs, NULL);
    if (mnt >= 0) {
        if (mnt_attach(mnt, target) < 0)
            FAIL(payload, "cannot mount sysfs on /sys:");
        return;
    }
    autoclose int host = errno == EPERM ? open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (host < 0 || mnt_bind(host, target, attrs, true) < 0)
        FAIL(payload, "cannot mount sysfs on /sys:");
}

/* --- what is hidden --- */

static void protect(const struct payload *payload, const char *path)
{
    autoclose int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return;
    if (fd < 0 || mnt_bind(fd, fd, MNT_RDONLY | HARDENED, false) < 0)
        FAIL(payload, "cannot make /%s read-only:", path);
}

static int open_null(const struct payload *payload, const char *path, int flags)
{
    struct stat st;
    int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        FAIL(payload, "cannot open /dev/null:");
    /* Ours is a bind of the host's; anything else in its place is somebody's trick. */
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        FAIL(payload, "/dev/null is not what it should be");
    return fd;
}

static void mask(const struct payload *payload, const char *path, int null)
{
    struct stat st;
    autoclose int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return;
    if (fd < 0 || fstat(fd, &st) < 0)
        FAIL(payload, "cannot open /%s:", path);
    if (!S_ISDIR(st.st_mode)) {
        if (mnt_bind(null, fd, MNT_NOSUID | MNT_NOEXEC, false) < 0)
            FAIL(payload, "cannot mask /%s:", path);
        return;
    }
    autoclose int empty = mnt_make("tmpfs", NULL, 0, MNT_RDONLY | HARDENED, NULL);
    if (empty < 0 || mnt_attach(empty, fd) < 0)
        FAIL(payload, "cannot mask /%s:", path);
}

static void hide(const struct payload *payload)
{
    autoclose int null = open_null(payload, "dev/null", O_PATH);
    for (size_t i = 0; i < sizeof readonly_paths / sizeof *readonly_paths; i++)
        protect(payload, readonly_paths[i]);
    for (size_t i = 0; i < sizeof masked_paths / sizeof *masked_paths; i++)
        mask(payload, masked_paths[i], null);
}

/* --- the root --- */

static void mount_specials(const struct payload *payload)
{
    mount_new(payload, "proc", "proc", HARDENED);
    mount_sys(payload);
    mount_new(payload, "mqueue", "dev/mqueue", HARDENED);
    if (payload->has_cgroup)
        mount_new(payload, "cgroup2", "sys/fs/cgroup", HARDENED | (payload->plan->is_insecure ? 0 : MNT_RDONLY));
    /* Masks come last: their source is our own node. */
    if (!payload->plan->is_insecure)
        hide(payload);
}

static void enter_root(const struct payload *payload)
{
    autoclose int root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        FAIL(payload, "cannot change the root:");
    /* The old root now lies on the new one; "." is still the old one. */
    if (syscall(SYS_umount2, ".", 2 /* MNT_DETACH */) < 0 || fchdir(root) < 0 || chdir("/") < 0)
        FAIL(payload, "cannot leave the old root:");
}

/* --- the process --- */

static void set_limits(const struct payload *payload)
{
    if (setrlimit(RLIMIT_NOFILE, &payload->files) < 0)
        FAIL(payload, "cannot set the limit of open files:");
    for (size_t i = 0; i < payload->plan->limit_count; i++) {
        const struct plan_limit *limit = &payload->plan->limits[i];
        struct rlimit both = {limit->soft, limit->hard};
        if (setrlimit(limit->resource, &both) < 0)
            FAIL(payload, "cannot set ulimit %d to %llu:%llu (raising a hard limit needs CAP_SYS_RESOURCE):", limit->resource,
                 (unsigned long long)limit->soft, (unsigned long long)limit->hard);
    }
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void connect_streams(const struct payload *payload)
{
    const char *what;
    if (payload->terminal) {
        /* Where owners are remembered there is one id: all is its own already. */
        if (terminal_connect(payload->terminal, payload->notify ? (uid_t)-1 : payload->identity->uid, &what) < 0)
            FAIL(payload, "cannot %s:", what);
        return;
    }
    autoclose int null = open_null(payload, "/dev/null", O_RDONLY);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(payload->output, STDOUT_FILENO) < 0 || dup2(payload->output, STDERR_FILENO) < 0)
        FAIL(payload, "cannot connect the output:");
    /* Another user opens /dev/stdout by its name, and may only when the pipe is its own. Of a single id it is. */
    if (!payload->notify && fchown(payload->output, payload->identity->uid, (gid_t)-1) < 0)
        FAIL(payload, "cannot hand over the output:");
}

static void load_filter(const struct payload *payload)
{
    struct sock_fprog program = {(unsigned short)payload->filter_count, (struct sock_filter *)(uintptr_t)payload->filter};
    if (payload->filter_count && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        FAIL(payload, "cannot load the syscall filter:");
}

/* From here on the calls that it sends are answered by the keeper, these too. */
static void load_fakes(const struct payload *payload)
{
    if (!payload->notify)
        return;
    autoclose int listener = notify_load(payload->notify->fake);
    if (listener < 0 || notify_send(payload->answerer, listener) < 0)
        FAIL(payload, "cannot load the filter that remembers owners:");
}

/*
 * "/a/../b" is a way through /a, as runc goes it: each folder of it is made. All of this is in our own root, and what
 * cannot be made is missed when the folder is entered.
 */
static void make_way(const struct payload *payload)
{
    struct stat st;
    char path[PATH_MAX];
    size_t len = strlen(payload->plan->entered);
    if (len >= sizeof path || stat(payload->plan->entered, &st) == 0)
        return;
    memcpy(path, payload->plan->entered, len + 1);
    for (size_t at = 1; at <= len; at++)
        if (path[at] == '/' || !path[at]) {
            char end = path[at];
            path[at] = 0;
            mkdir(path, 0755);
            path[at] = end;
        }
}

/* False with errno when these rights do not suffice. */
static bool enter_folder(const struct payload *payload)
{
    autoclose int here = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    autoclose int folder = path_open_in(here, payload->plan->entered, O_PATH | O_DIRECTORY);
    return folder >= 0 && fchdir(folder) == 0;
}

static void become(const struct payload *payload)
{
    char where[PATH_MAX];
    const char *what;
    make_way(payload);
    bool is_there = enter_folder(payload);
    if (!is_there && errno != EACCES)
        FAIL(payload, "cannot enter the working directory %s:", payload->plan->cwd);
    if ((payload->notify ? caps_become_single(payload->identity, payload->caps, &what)
                         : caps_become(payload->identity, payload->caps, &what)) < 0)
        FAIL(payload, "cannot %s:", what);
    if (!is_there && !enter_folder(payload))
        FAIL(payload, "cannot enter the working directory %s:", payload->plan->cwd);
    /* A folder outside the root has a name that does not begin with a slash. */
    if (!getcwd(where, sizeof where) || where[0] != '/')
        FAIL(payload, "the working directory %s is outside the root", payload->plan->cwd);
}

/* --- exec --- */

static bool exists(const char *file)
{
    return faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void exec_file(const struct payload *payload, const char *file)
{
    execve(file, (char *const *)(uintptr_t)payload->plan->argv, (char *const *)(uintptr_t)payload->env);
    const char *foreign = payload->plan->foreign;
    if (errno == ENOEXEC && foreign)
        report_fail(payload->report, CANNOT_EXEC,
                    "%s: this machine cannot run programs for %s: no handler is registered with binfmt_misc. Install one (Debian: "
                    "qemu-user-static and binfmt-support), then run ninja again", file, foreign);
    if (errno == ENOENT && exists(file) && foreign)
        report_fail(payload->report, NOT_FOUND,
                    "%s: its loader is not in the image, or the handler for %s in binfmt_misc was registered without the flag F, so "
                    "that it is looked for in the image", file, foreign);
    if (errno == ENOEXEC)
        report_fail(payload->report, CANNOT_EXEC, "%s: exec format error (for another architecture, or a script without #!)", file);
    if (errno == ENOENT && exists(file))
        report_fail(payload->report, NOT_FOUND, "%s: its interpreter or loader is not in the image", file);
}

/* As the shell does it: a folder that does not have it is passed over, one whose file is not executable is remembered. */
_Noreturn static void exec_in_path(const struct payload *payload)
{
    const char *name = payload->plan->argv[0];
    int error = ENOENT;
    char file[PATH_MAX];
    if (!*name)
        report_fail(payload->report, NOT_FOUND, "the command's name is empty");
    if (strchr(name, '/')) {
        exec_file(payload, name);
        report_fail(payload->report, errno == ENOENT || errno == ENOTDIR ? NOT_FOUND : CANNOT_EXEC, "%s:", name);
    }
    for (const char *dir = payload->path; *dir;) {
        size_t len = strcspn(dir, ":");
        if (snprintf(file, sizeof file, "%.*s%s%s", (int)len, dir, len ? "/" : "./", name) < (int)sizeof file) {
            exec_file(payload, file);
            if (errno != ENOENT && errno != ENOTDIR)
                error = errno;
        }
        dir += len + (dir[len] == ':');
    }
    if (error == ENOENT)
        report_fail(payload->report, NOT_FOUND, "%s: not found in PATH (%s)", name, payload->path);
    errno = error;
    report_fail(payload->report, CANNOT_EXEC, "%s:", name);
}

/* Ours are close-on-exec already; what the helper was started with may not be. */
static void close_others(const struct payload *payload)
{
    unsigned report = (unsigned)payload->report, first = 3;
    if (payload->jobserver) {
        first = JOBSERVER_WRITE + 1;
        if (report < first || jobserver_connect(payload->jobserver) < 0)
            FAIL(payload, "cannot hand over make's jobserver:");
    }
    if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    /* Linux 5.10 does not know the flag. */
    if ((report > first && syscall(SYS_close_range, first, report - 1, 0) < 0) || syscall(SYS_close_range, report + 1, ~0U, 0) < 0)
        FAIL(payload, "cannot close other descriptors:");
}

void payload_run(const struct payload *payload)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        FAIL(payload, "cannot set up the process:");
    umask(0022);
    char byte;
    while (payload->go >= 0 && read(payload->go, &byte, 1) < 0 && errno == EINTR)
        continue;
    if (payload->has_own_network && net_loopback_up() < 0)
        FAIL(payload, "cannot bring the loopback device up:");
    if (sethostname(payload->plan->hostname, strlen(payload->plan->hostname)) < 0)
        FAIL(payload, "cannot set the host name to %s:", payload->plan->hostname);
    mount_specials(payload);
    enter_root(payload);
    if (setsid() < 0)
        FAIL(payload, "cannot begin a session:");
    set_limits(payload);
    connect_streams(payload);
    /* The caller's keys are not the build's. A kernel without keys has none. */
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS && errno != EPERM)
        FAIL(payload, "cannot begin a session keyring:");
    /* Needs CAP_SYS_ADMIN, since no_new_privs stays off for sudo and su. */
    load_fakes(payload);
    load_filter(payload);
    become(payload);
    /* The change of ids has cleared it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        FAIL(payload, "cannot set up the process:");
    reset_signals();
    close_others(payload);
    exec_in_path(payload);
}
