/*
 * Owns the streams between a person and a payload. Called by the sandbox when dfgen-shell runs it. The payload never gets a descriptor
 * of the caller's: it could push input into it (TIOCSTI), or open it again with other rights. Must not know what the payload is.
 */
#include "runtime/sandbox/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"

enum { PIECE = 4096 /* what a pipe that is ready takes at once */, MAX_WAYS = 3 };

/* Bytes on their way. */
struct way {
    int from, to;       /* from -1: at its end */
    bool closes;        /* to is ours alone: its reader is told of the end */
    char data[PIECE];
    size_t len, done;
};

/* --- before and in the payload --- */

int terminal_prepare(struct terminal *terminal)
{
    *terminal = (struct terminal){.is_tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), .master = -1, .link = {-1, -1}};
    if (terminal->is_tty)
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, terminal->link);
    for (int i = 0; i < 3; i++)
        if (pipe2(terminal->pipes[i], O_CLOEXEC) < 0)
            return -1;
    return 0;
}

static int send_descriptor(int link, int fd)
{
    char byte = 0;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(link, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int become_stream(int fd, int number, uid_t owner)
{
    /* Another user opens /dev/stdout by its name, and may only when it is its own. */
    return dup2(fd, number) < 0 || fchown(number, owner, (gid_t)-1) < 0 ? -1 : 0;
}

/* The terminal is one of the sandbox's own devpts. */
static int connect_tty(const struct terminal *terminal, uid_t owner, const char **what)
{
    int locked = 0;
    *what = "open a terminal";
    autoclose int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    if (master < 0 || ioctl(master, TIOCSPTLCK, &locked) < 0)
        return -1;
    autoclose int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
        return -1;
    *what = "hand over the terminal";
    if (send_descriptor(terminal->link[1], master) < 0)
        return -1;
    for (int number = 0; number < 3; number++)
        if (become_stream(slave, number, owner) < 0)
            return -1;
    return 0;
}

int terminal_connect(const struct terminal *terminal, uid_t owner, const char **what)
{
    if (terminal->is_tty)
        return connect_tty(terminal, owner, what);
    *what = "connect the streams";
    for (int number = 0; number < 3; number++)
        if (become_stream(terminal->pipes[number][number ? 1 : 0], number, owner) < 0)
            return -1;
    return 0;
}

void terminal_leave(const struct terminal *terminal)
{
    for (int i = 0; i < 2 && terminal->is_tty; i++)
        close(terminal->link[i]);
    for (int i = 0; i < 3 && !terminal->is_tty; i++) {
        close(terminal->pipes[i][0]);
        close(terminal->pipes[i][1]);
    }
}

/* --- carrying --- */

static int receive_descriptor(int link)
{
    char byte;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got;
    int fd;
    while ((got = recvmsg(link, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        continue;
    struct cmsghdr *head = got == 1 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof fd))
        return -1;
    memcpy(&fd, CMSG_DATA(head), sizeof fd);
    return fd;
}

static void end_way(struct way *way)
{
    way->from = -1;
    way->len = way->done = 0;
    if (way->closes)
        fd_close_scope(&way->to);
}

static void move_bytes(struct way *way)
{
    ssize_t got;
    if (way->done == way->len) {
        got = read(way->from, way->data, sizeof way->data);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            return;
        /* A terminal whose other side is closed says EIO. */
        if (got <= 0) {
            end_way(way);
            return;
        }
        way->len = (size_t)got;
        way->done = 0;
        return;
    }
    got = write(way->to, way->data + way->done, way->len - way->done);
    if (got > 0)
        way->done += (size_t)got;
    else if (errno != EINTR && errno != EAGAIN)
        end_way(way);
}

static void copy_size(const struct terminal *terminal)
{
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(terminal->master, TIOCSWINSZ, &size);
}

/* The first way leads in, the others out: when those are at their end, so is all. */
static void carry(const struct terminal *terminal, struct way *ways, size_t count, int resized)
{
    struct pollfd polls[MAX_WAYS + 1];
    for (;;) {
        bool is_open = false;
        for (size_t i = 0; i < count; i++) {
            bool is_full = ways[i].done < ways[i].len;
            polls[i] = (struct pollfd){.fd = ways[i].from < 0 ? -1 : is_full ? ways[i].to : ways[i].from,
                                       .events = is_full ? POLLOUT : POLLIN};
            is_open |= i > 0 && ways[i].from >= 0;
        }
        if (!is_open)
            return;
        polls[count] = (struct pollfd){.fd = resized, .events = POLLIN};
        if (poll(polls, count + 1, -1) < 0)
            continue;
        for (size_t i = 0; i < count; i++)
            if (polls[i].revents)
                move_bytes(&ways[i]);
        struct signalfd_siginfo info;
        if (polls[count].revents && read(resized, &info, sizeof info) > 0)
            copy_size(terminal);
    }
}

static void carry_tty(struct terminal *terminal)
{
    sigset_t resize;
    terminal->master = receive_descriptor(terminal->link[0]);
    if (terminal->master < 0)
        return;
    sigemptyset(&resize);
    sigaddset(&resize, SIGWINCH);
    autoclose int resized = signalfd(-1, &resize, SFD_CLOEXEC | SFD_NONBLOCK);
    fcntl(terminal->master, F_SETFL, O_NONBLOCK);
    copy_size(terminal);
    if (tcgetattr(STDIN_FILENO, &terminal->saved) == 0) {
        struct termios raw = terminal->saved;
        cfmakeraw(&raw);
        terminal->is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    }
    struct way ways[] = {{.from = STDIN_FILENO, .to = terminal->master}, {.from = terminal->master, .to = STDOUT_FILENO}};
    carry(terminal, ways, 2, resized);
}

static void carry_pipes(struct terminal *terminal)
{
    struct way ways[] = {
        {.from = STDIN_FILENO, .to = terminal->pipes[0][1], .closes = true},
        {.from = terminal->pipes[1][0], .to = STDOUT_FILENO},
        {.from = terminal->pipes[2][0], .to = STDERR_FILENO},
    };
    fcntl(terminal->pipes[0][1], F_SETFL, O_NONBLOCK);
    carry(terminal, ways, 3, -1);
    if (ways[0].to >= 0)
        close(ways[0].to);
    close(terminal->pipes[1][0]);
    close(terminal->pipes[2][0]);
}

static void *run_thread(void *data)
{
    struct terminal *terminal = data;
    if (terminal->is_tty)
        carry_tty(terminal);
    else
        carry_pipes(terminal);
    return NULL;
}

/* The thread's signals are ours too: a closed pipe is an error of write, a new size is read. */
int terminal_start(struct terminal *terminal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (terminal->is_tty)
        fd_close_scope(&terminal->link[1]);
    for (int i = 0; i < 3 && !terminal->is_tty; i++)
        close(terminal->pipes[i][i ? 1 : 0]);
    errno = pthread_create(&terminal->thread, NULL, run_thread, terminal);
    terminal->has_thread = errno == 0;
    return terminal->has_thread ? 0 : -1;
}

void terminal_finish(struct terminal *terminal)
{
    if (terminal->has_thread)
        pthread_join(terminal->thread, NULL);
    if (terminal->is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->saved);
    if (terminal->is_tty) {
        fd_close_scope(&terminal->link[0]);
        fd_close_scope(&terminal->master);
    }
    terminal->has_thread = terminal->is_raw = false;
}
