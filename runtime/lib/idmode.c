/*
 * Owns the question which id mode this machine and user allow, and the way into the user namespace.
 * Called first thing by helpers' mains (copy, base, run, layer, export), and by gen to find the store's layers. Must not know what
 * is done with the ids. The namespace must be that of this very process, so the set-uid programs that write its maps are
 * children forked before it is entered: from inside they would have no rights.
 */
#include "runtime/lib/idmode.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"

enum { MAX_RANGES = 16, SUBID_LIMIT = 16 * 1024 * 1024 };

/* One of the two maps, and what makes it. */
struct map_kind {
    const char *program, *subids, *own_map;
};
static const struct map_kind map_kinds[2] = {
    {"newuidmap", "/etc/subuid", "/proc/self/uid_map"},
    {"newgidmap", "/etc/subgid", "/proc/self/gid_map"},
};

struct range {
    uint32_t start, count;
};

/* Ranges that make IDMODE_RANGE ids together. */
struct ranges {
    struct range items[MAX_RANGES];
    size_t count;
};

/* How many ids the current namespace has: the sum of its map. */
static uint64_t ids_mapped(const char *map)
{
    struct buf text = {0};
    uint64_t sum = 0;
    if (file_read_at(AT_FDCWD, map, &text, 1 << 20) == 0 && text.len) {
        char *save = NULL;
        for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            unsigned long inside, outside, count;
            if (sscanf(line, "%lu %lu %lu", &inside, &outside, &count) == 3)
                sum += count;
        }
    }
    buf_free(&text);
    return sum;
}

/* Parse "NAME:START:COUNT"; true when it is a range of this user. */
static bool parse_line(char *line, const char *name, const char *uid, struct range *range)
{
    char *start = strchr(line, ':');
    char *count = start ? strchr(start + 1, ':') : NULL;
    if (!count)
        return false;
    *start++ = 0;
    *count++ = 0;
    if (strcmp(line, uid) && (!name || strcmp(line, name)))
        return false;
    char *start_end, *count_end;
    errno = 0;
    unsigned long from = strtoul(start, &start_end, 10), number = strtoul(count, &count_end, 10);
    if (errno || *start_end || *count_end || start_end == start || from > UINT32_MAX - 1 || number == 0)
        return false;
    if (number > UINT32_MAX - from)
        number = UINT32_MAX - from;
    range->start = (uint32_t)from;
    range->count = (uint32_t)number;
    return true;
}

/* Take ranges of the user from a subid file until there are IDMODE_RANGE ids; false when there are fewer. */
static bool find_ranges(const char *path, struct ranges *ranges)
{
    struct passwd *entry = getpwuid(getuid());
    char uid[16];
    snprintf(uid, sizeof uid, "%u", getuid());
    struct buf text = {0};
    uint32_t missing = IDMODE_RANGE;
    ranges->count = 0;
    if (file_read_at(AT_FDCWD, path, &text, SUBID_LIMIT) == 0 && text.len) {
        char *save = NULL;
        for (char *line = strtok_r(text.data, "\n", &save); line && missing; line = strtok_r(NULL, "\n", &save)) {
            struct range range;
            if (ranges->count == MAX_RANGES || !parse_line(line, entry ? entry->pw_name : NULL, uid, &range))
                continue;
            if (range.count > missing)
                range.count = missing;
            ranges->items[ranges->count++] = range;
            missing -= range.count;
        }
    }
    buf_free(&text);
    return !missing;
}

static bool in_path(const char *program)
{
    const char *path = getenv("PATH");
    char *copy = xasprintf("%s:/usr/bin:/bin", path ? path : "");
    bool found = false;
    char *save = NULL;
    for (char *dir = strtok_r(copy, ":", &save); dir && !found; dir = strtok_r(NULL, ":", &save)) {
        char *file = xasprintf("%s/%s", dir, program);
        found = access(file, X_OK) == 0;
        free(file);
    }
    free(copy);
    return found;
}

static char *user_name(void)
{
    struct passwd *entry = getpwuid(getuid());
    return entry ? xstrdup(entry->pw_name) : xasprintf("%u", getuid());
}

/* What stands in the way of a range of ids: NULL for nothing. malloc'd. */
static char *find_maps(struct ranges maps[2])
{
    for (int i = 0; i < 2; i++) {
        const struct map_kind *kind = &map_kinds[i];
        if (!in_path(kind->program))
            return xasprintf("%s is not installed (package uidmap in Debian and Ubuntu, shadow-utils in Fedora, "
                             "shadow-uidmap in Alpine)", kind->program);
        if (!find_ranges(kind->subids, &maps[i])) {
            char *name = user_name();
            char *why = xasprintf("%s gives user %s fewer than %d ids (root can add a line such as \"%s:100000:%d\" there)",
                                  kind->subids, name, IDMODE_RANGE, name, IDMODE_RANGE);
            free(name);
            return why;
        }
    }
    return NULL;
}

/* DFGEN_ID_MODE: a mode that is taken without asking for a better one. -1: the best that there is. */
static int wished_mode(void)
{
    static const char *const words[] = {[MODE_ROOT] = "root", [MODE_SUBUID] = "range", [MODE_SINGLE] = "single"};
    const char *wish = getenv("DFGEN_ID_MODE");
    if (!wish || !*wish || !strcmp(wish, "auto"))
        return -1;
    for (int mode = MODE_ROOT; mode <= MODE_SINGLE; mode++)
        if (!strcmp(wish, words[mode]))
            return mode;
    die_usage("DFGEN_ID_MODE is \"%s\"; it can be auto, root, range or single", wish);
}

/* Whether this process is root of a namespace with one id: what enter_single leads to, or a container of that kind. */
static bool is_single_root(void)
{
    return geteuid() == 0 && ids_mapped(map_kinds[0].own_map) < IDMODE_RANGE;
}

/* The mode; for a user's own namespace *enter is set, and for one with a range the maps are filled in. */
static enum id_mode decide_freely(struct ranges maps[2], bool *enter, char **why)
{
    *enter = false;
    *why = NULL;
    if (geteuid() == 0) {
        uint64_t uids = ids_mapped(map_kinds[0].own_map), gids = ids_mapped(map_kinds[1].own_map);
        if (uids >= UINT32_MAX && gids >= UINT32_MAX)
            return MODE_ROOT;
        if (uids >= IDMODE_RANGE && gids >= IDMODE_RANGE)
            return MODE_SUBUID;
        *why = xasprintf("this user namespace has %llu user ids and %llu group ids, and %d are needed",
                         (unsigned long long)uids, (unsigned long long)gids, IDMODE_RANGE);
        return MODE_SINGLE;
    }
    *why = find_maps(maps);
    *enter = true;
    return *why ? MODE_SINGLE : MODE_SUBUID;
}

static enum id_mode decide(struct ranges maps[2], bool *enter, char **why)
{
    int wish = wished_mode();
    enum id_mode mode = decide_freely(maps, enter, why);
    if (wish == MODE_SINGLE && mode != MODE_SINGLE) {
        *enter = !is_single_root();
        *why = xstrdup("DFGEN_ID_MODE says so");
        return MODE_SINGLE;
    }
    if (wish >= 0 && wish != (int)mode)
        die("DFGEN_ID_MODE asks for %s, which is not to be had here%s%s", getenv("DFGEN_ID_MODE"), *why ? ": " : "", *why ? *why : "");
    return mode;
}

enum id_mode idmode_detect(char **why)
{
    struct ranges maps[2];
    bool enter;
    char *reason;
    enum id_mode mode = decide(maps, &enter, &reason);
    if (why)
        *why = reason;
    else
        free(reason);
    return mode;
}

/* The child: wait until the parent is in its namespace, then become the program that writes its map. */
_Noreturn static void run_mapper(int released, const char *program, char **argv)
{
    char byte;
    /* The end of the pipe without a byte: the parent has given up or is dead. */
    if (read(released, &byte, 1) != 1)
        _exit(0);
    /* It is quiet when all is well, and says what is wrong on stderr. */
    execvp(program, argv);
    char *path = xasprintf("/usr/bin/%s", program);
    execv(path, argv);
    fprintf(stderr, "%s: %s: %s\n", program_name, program, strerror(errno));
    _exit(127);
}

/* Fork the child for one map. Its arguments: PID, then INSIDE OUTSIDE COUNT a range. */
static pid_t fork_mapper(const struct map_kind *kind, uint32_t own, const struct ranges *ranges, const int pipe_fds[2])
{
    char numbers[3 * (MAX_RANGES + 1) + 1][16];
    char *argv[3 * (MAX_RANGES + 1) + 3];
    size_t count = 0;
    uint32_t inside = 1;
    argv[0] = xstrdup(kind->program);
    snprintf(numbers[count++], sizeof *numbers, "%ld", (long)getpid());
    snprintf(numbers[count++], sizeof *numbers, "0");
    snprintf(numbers[count++], sizeof *numbers, "%u", own);
    snprintf(numbers[count++], sizeof *numbers, "1");
    for (size_t i = 0; i < ranges->count; i++) {
        snprintf(numbers[count++], sizeof *numbers, "%u", inside);
        snprintf(numbers[count++], sizeof *numbers, "%u", ranges->items[i].start);
        snprintf(numbers[count++], sizeof *numbers, "%u", ranges->items[i].count);
        inside += ranges->items[i].count;
    }
    for (size_t i = 0; i < count; i++)
        argv[i + 1] = numbers[i];
    argv[count + 1] = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        close(pipe_fds[1]);
        run_mapper(pipe_fds[0], kind->program, argv);
    }
    if (pid < 0)
        die("cannot fork:");
    free(argv[0]);
    return pid;
}

static void wait_mapper(pid_t pid, const struct map_kind *kind)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die("cannot wait for %s:", kind->program);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        die("%s could not map the ids of this user (is it set-uid root, and does %s match?)", kind->program, kind->subids);
}

static const char no_namespace[] = "this kernel gives plain users no user namespace (dfgen probe says what would allow it)";

static void enter_namespace(const struct ranges maps[2])
{
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        die("cannot make a pipe:");
    uint32_t own[2] = {geteuid(), getegid()};
    pid_t pids[2];
    for (int i = 0; i < 2; i++)
        pids[i] = fork_mapper(&map_kinds[i], own[i], &maps[i], pipe_fds);
    close(pipe_fds[0]);
    if (unshare(CLONE_NEWUSER) < 0)
        die("%s:", no_namespace);
    if (write(pipe_fds[1], "go", 2) != 2)
        die("cannot release newuidmap:");
    close(pipe_fds[1]);
    for (int i = 0; i < 2; i++)
        wait_mapper(pids[i], &map_kinds[i]);
}

static void write_map(const char *file, const char *text)
{
    autoclose int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0)
        die("cannot write %s:", file);
}

/* A namespace whose one id is this user's: nobody is asked. */
static void enter_single(void)
{
    char *uid = xasprintf("0 %u 1\n", geteuid()), *gid = xasprintf("0 %u 1\n", getegid());
    if (unshare(CLONE_NEWUSER) < 0)
        die("%s:", no_namespace);
    /* The kernel wants it before the groups' map: groups may stand for what is denied. */
    write_map("/proc/self/setgroups", "deny");
    write_map(map_kinds[0].own_map, uid);
    write_map(map_kinds[1].own_map, gid);
    free(uid);
    free(gid);
}

enum id_mode idmode_enter(void)
{
    struct ranges maps[2];
    bool enter;
    char *why;
    enum id_mode mode = decide(maps, &enter, &why);
    if (enter && mode == MODE_SINGLE)
        enter_single();
    else if (enter)
        enter_namespace(maps);
    free(why);
    return mode;
}
