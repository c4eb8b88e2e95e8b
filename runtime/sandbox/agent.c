/*
 * Owns the way between sockets in the sandbox and the user's ssh agent: bytes go through, nothing is understood. Called by the sandbox. A proxy and
 * not the socket itself, so that its owner and mode are those the mount asks for, and so that it is gone with the step.
 */
#include "runtime/sandbox/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/vec.h"

enum { MAX_PAIRS = 64, PIECE = 16 * 1024 };

struct door {
    int listener;
    char *upstream;
};

/* One connection: what comes from one end goes to the other. */
struct pair {
    int ends[2];
};

struct agents {
    VEC(struct door) doors;
    struct pair pairs[MAX_PAIRS];
    size_t pair_count;
};

struct agents *agents_new(void)
{
    return xcalloc(1, sizeof(struct agents));
}

static int address_of(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

int agents_listen(struct agents *agents, int folder, const char *name, const char *upstream)
{
    struct sockaddr_un address;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", folder, name);
    autoclose int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || address_of(path, &address) < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 16) < 0)
        return -1;
    vec_push(&agents->doors, (struct door){fd_take(&listener), xstrdup(upstream)});
    return 0;
}

static void accept_at(struct agents *agents, const struct door *door)
{
    struct sockaddr_un address;
    autoclose int inside = accept4(door->listener, NULL, NULL, SOCK_CLOEXEC);
    autoclose int outside = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (inside < 0 || outside < 0 || agents->pair_count == MAX_PAIRS || address_of(door->upstream, &address) < 0 ||
        connect(outside, (struct sockaddr *)&address, sizeof address) < 0)
        return;
    agents->pairs[agents->pair_count++] = (struct pair){{fd_take(&inside), fd_take(&outside)}};
}

/* False when the connection is over. */
static bool pass_on(int from, int to)
{
    char piece[PIECE];
    ssize_t got = read(from, piece, sizeof piece);
    return got > 0 && fd_write_all(to, piece, (size_t)got) == 0;
}

static void drop_pair(struct agents *agents, size_t i)
{
    close(agents->pairs[i].ends[0]);
    close(agents->pairs[i].ends[1]);
    agents->pairs[i] = agents->pairs[--agents->pair_count];
}

static void *serve(void *data)
{
    struct agents *agents = data;
    struct pollfd *polls = xcalloc(agents->doors.count + 2 * MAX_PAIRS, sizeof *polls);
    for (;;) {
        size_t doors = agents->doors.count, pairs = agents->pair_count;
        for (size_t i = 0; i < doors; i++)
            polls[i] = (struct pollfd){agents->doors.items[i].listener, POLLIN, 0};
        for (size_t i = 0; i < 2 * pairs; i++)
            polls[doors + i] = (struct pollfd){agents->pairs[i / 2].ends[i % 2], POLLIN, 0};
        if (poll(polls, doors + 2 * pairs, -1) < 0 && errno != EINTR)
            break;
        /* Backwards: a dropped pair is replaced by the last one, which has been seen to. */
        for (size_t i = pairs; i-- > 0;) {
            struct pair *pair = &agents->pairs[i];
            bool is_open = true;
            for (int end = 0; end < 2 && is_open; end++)
                if (polls[doors + 2 * i + (size_t)end].revents)
                    is_open = pass_on(pair->ends[end], pair->ends[!end]);
            if (!is_open)
                drop_pair(agents, i);
        }
        for (size_t i = 0; i < doors; i++)
            if (polls[i].revents)
                accept_at(agents, &agents->doors.items[i]);
    }
    free(polls);
    return NULL;
}

int agents_serve(struct agents *agents)
{
    pthread_t thread;
    int error = agents->doors.count ? pthread_create(&thread, NULL, serve, agents) : 0;
    errno = error;
    return error ? -1 : 0;
}
