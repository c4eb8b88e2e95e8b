/*
 * Owns the supervisor's threads and the way of a call to its answer. Called by the keeper. When the keeper dies, so does the payload, being of
 * its PID namespace; nothing ever waits for an answer that does not come. Must not know how a call is answered.
 */
#include "runtime/sandbox/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/sandbox/answer.h"
#include "runtime/sandbox/creds.h"
#include "runtime/sandbox/fake.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/tracee.h"
#include "runtime/sandbox/user.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif

enum { MAX_THREADS = 4, STACK = 256 * 1024, REST_MS = 100 };

int notify_load(const struct fake *fake)
{
    struct sock_fprog program = {(unsigned short)fake->count, (struct sock_filter *)(uintptr_t)fake->program};
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    /* Linux before 5.19: a signal may interrupt a call that is being answered. */
    if (fd < 0 && errno == EINVAL)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    return (int)fd;
}

/* --- the descriptor's way --- */

union control {
    struct cmsghdr align;
    char data[CMSG_SPACE(sizeof(int))];
};

int notify_send(int socket, int fd)
{
    char byte = 0;
    struct iovec piece = {&byte, 1};
    union control control = {0};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int notify_receive(int socket)
{
    char byte;
    int fd = -1;
    struct iovec piece = {&byte, 1};
    union control control = {0};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *header = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

/* --- answering --- */

static struct reply find_answer(const struct tracee *tracee)
{
    enum call call = tracee->call.call;
    if (call >= CALL_CHOWN && call <= CALL_FCHOWNAT)
        return answer_chown(tracee);
    if (call >= CALL_MKNOD && call <= CALL_SYMLINKAT)
        return answer_create(tracee);
    if (call >= CALL_STAT && call <= CALL_STATX)
        return answer_stat(tracee);
    if (call == CALL_EXECVE || call == CALL_EXECVEAT)
        return answer_exec(tracee);
    if (call == CALL_CHROOT)
        return answer_chroot(tracee);
    if (call >= CALL_GETUID && call <= CALL_GETGROUPS)
        return answer_get_ids(tracee);
    if (call == CALL_KEEPCAPS)
        return answer_keepcaps(tracee);
    if (call == CALL_LOCKS || call == CALL_ASK_LOCKS)
        return answer_locks(tracee);
    return call >= CALL_SETUID ? answer_set_ids(tracee) : answer_go_on();
}

/* True with a request; else *is_over tells whether another may come. */
static bool receive(const struct supervisor *supervisor, struct seccomp_notif *request, bool *is_over)
{
    struct pollfd listener = {.fd = supervisor->listener, .events = POLLIN};
    memset(request, 0, sizeof *request);
    *is_over = false;
    if (ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_RECV, request) == 0)
        return true;
    /* ENOENT: the one who asked is gone; or all are, and then there is no waiting any more. */
    *is_over = errno != EINTR && (errno != ENOENT || (poll(&listener, 1, 0) > 0 && listener.revents & POLLHUP));
    return false;
}

static bool has_more(const struct supervisor *supervisor)
{
    struct pollfd listener = {.fd = supervisor->listener, .events = POLLIN};
    return poll(&listener, 1, 0) > 0;
}

static void reply_to(struct supervisor *supervisor, const struct seccomp_notif *request)
{
    struct tracee tracee = {
        .supervisor = supervisor, .request = request, .pid = (pid_t)request->pid,
        .call = fake_find(supervisor->fake, request->data.arch, request->data.nr),
    };
    struct reply reply = find_answer(&tracee);
    struct seccomp_notif_resp response = {.id = request->id, .val = reply.value, .error = -reply.error};
    if (reply.goes_on)
        response = (struct seccomp_notif_resp){.id = request->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    /* ENOENT: it has ended meanwhile. */
    ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* Until there is more to do; or for a while, since the thread that was to tell so may be held up by a slow file system. */
static void rest(struct supervisor *supervisor)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += REST_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    sem_timedwait(&supervisor->others, &until);
}

/* A request wakes all who wait for one, so only one thread does; it wakes another when there is more than it can answer. */
static void *serve(void *data)
{
    struct supervisor *supervisor = data;
    bool is_over = false;
    uint32_t last = 0;
    while (!is_over) {
        struct seccomp_notif request;
        while (atomic_exchange(&supervisor->has_receiver, true))
            rest(supervisor);
        bool is_received = receive(supervisor, &request, &is_over);
        atomic_store(&supervisor->has_receiver, false);
        /* Of one process alone there is never more than one. */
        if (is_over || (is_received && request.pid != last && has_more(supervisor)))
            sem_post(&supervisor->others);
        last = request.pid;
        if (is_received)
            reply_to(supervisor, &request);
    }
    return NULL;
}

static int start_threads(struct supervisor *supervisor)
{
    cpu_set_t cpus;
    pthread_attr_t attr;
    pthread_t thread;
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    for (int i = 0; i < count && i < MAX_THREADS; i++) {
        int error = pthread_create(&thread, &attr, serve, supervisor);
        if (error && i == 0) {
            errno = error;
            return -1;
        }
    }
    pthread_attr_destroy(&attr);
    return 0;
}

int notify_start(const struct notify *notify, int listener, int proc, pid_t payload)
{
    struct supervisor *supervisor = xcalloc(1, sizeof *supervisor);
    struct stat root;
    char name[32];
    snprintf(name, sizeof name, "%d/root", payload);
    autoclose int inside = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (inside < 0 || fstat(inside, &root) < 0 || fchdir(inside) < 0 || chroot(".") < 0)
        return -1;
    umask(0);
    *supervisor = (struct supervisor){
        .fake = notify->fake, .owners = notify->owners, .creds = creds_new(notify->identity), .listener = listener, .proc = proc,
        .upper = notify->upper, .root_device = root.st_dev, .uid = notify->identity->uid, .gid = notify->identity->gid,
    };
    sem_init(&supervisor->others, 0, 0);
    /* Wakes the asking process on this processor: twice as fast. Linux before 6.6 does not know it. */
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    return start_threads(supervisor);
}
