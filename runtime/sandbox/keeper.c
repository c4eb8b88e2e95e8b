/*
 * Owns the two clones around a payload. Called by the sandbox. The payload is PID 1 of the inner namespace and so sees no process of ours;
 * the keeper is PID 1 of the outer one, so the kernel kills all when it dies, which it does with the helper, however that ends.
 * Must not know what the payload does.
 */
#include "runtime/sandbox/keeper.h"

#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/sandbox/cgroup.h"
#include "runtime/lib/fdio.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/notify.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/payload.h"
#include "runtime/sandbox/report.h"
#include "runtime/sandbox/terminal.h"

enum { SETUP_FAILED = 125 };

/* Like fork, into new namespaces. *pidfd (may be NULL) gets a descriptor of the child. */
static pid_t clone_into(uint64_t flags, int *pidfd)
{
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    if (pidfd) {
        args.flags |= CLONE_PIDFD;
        args.pidfd = (uint64_t)(uintptr_t)pidfd;
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

/* The payload sends what its calls come by, once it has its root. Nothing comes when it failed before that, and has said so. */
static void answer(const struct payload *payload, int socket, int proc, pid_t pid)
{
    int listener = notify_receive(socket);
    if (listener >= 0 && notify_start(payload->notify, listener, proc, pid) < 0)
        report_fail(payload->report, SETUP_FAILED, "cannot answer for the kernel:");
}

static pid_t start_payload(const struct payload *payload, uint64_t flags)
{
    struct payload answered = *payload;
    int sockets[2] = {-1, -1};
    if (!payload->notify) {
        pid_t plain = clone_into(flags, NULL);
        if (plain == 0)
            payload_run(payload);
        return plain;
    }
    autoclose int proc = mnt_make("proc", NULL, 0, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
    if (proc < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        report_fail(payload->report, SETUP_FAILED, "cannot look at the payload's processes:");
    answered.answerer = sockets[1];
    pid_t pid = clone_into(flags, NULL);
    if (pid == 0)
        payload_run(&answered);
    close(sockets[1]);
    if (pid > 0)
        answer(payload, sockets[0], fd_take(&proc), pid);
    close(sockets[0]);
    return pid;
}

_Noreturn static void keep(const struct payload *payload)
{
    struct pollfd reader = {.fd = payload->report};
    uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | (payload->has_cgroup ? CLONE_NEWCGROUP : 0) |
                     (payload->has_own_network && payload->go < 0 ? CLONE_NEWNET : 0);
    int status;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        report_fail(payload->report, SETUP_FAILED, "cannot set up the keeper:");
    /* The helper may have died before that: then nobody reads the report. */
    if (poll(&reader, 1, 0) > 0 && reader.revents & POLLERR)
        _exit(SETUP_FAILED);
    if (cgroup_enter(payload->cgroup) < 0)
        report_fail(payload->report, SETUP_FAILED, "cannot enter the control group:");
    /* The new mount namespace has its own copy of the root's mount; the working directory goes over to it, a descriptor would not. */
    if (fchdir(payload->root) < 0)
        report_fail(payload->report, SETUP_FAILED, "cannot enter the root:");
    pid_t pid = start_payload(payload, flags);
    if (pid < 0)
        report_fail(payload->report, SETUP_FAILED, "cannot make the payload's namespaces:");
    close(payload->output);
    if (payload->terminal)
        terminal_leave(payload->terminal);
    pid_t ended;
    while ((ended = waitpid(pid, &status, 0)) != pid)
        if (ended < 0 && errno != EINTR)
            _exit(SETUP_FAILED);
    if (payload->notify && owners_save(payload->notify->owners, payload->notify->state) < 0)
        report_fail(payload->report, SETUP_FAILED, "cannot note the owners of files:");
    report_end(payload->report, status);
    _exit(0);
}

int keeper_start(struct keeper *keeper, const struct payload *payload)
{
    keeper->pidfd = -1;
    /* A network that the helper connects is the keeper's, whose process id the helper knows. */
    keeper->pid = clone_into(CLONE_NEWPID | (payload->go >= 0 ? CLONE_NEWNET : 0), &keeper->pidfd);
    if (keeper->pid == 0)
        keep(payload);
    return keeper->pid < 0 ? -1 : 0;
}

void keeper_kill(const struct keeper *keeper)
{
    syscall(SYS_pidfd_send_signal, keeper->pidfd, SIGKILL, NULL, 0);
}

void keeper_wait(struct keeper *keeper)
{
    int status;
    while (waitpid(keeper->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(keeper->pidfd);
    keeper->pidfd = -1;
}
