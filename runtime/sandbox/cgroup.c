/*
 * Owns control groups: the table of limits and the file of each, in version 2's one hierarchy or in version 1's many, and the life of a
 * group. Called by the sandbox around a payload. Must not know who asked for a limit.
 * A group is made in the helper's own, or in the nearest one above that lets it be made and has the controller. It is locked while it is used, so that
 * another helper can tell one that a killed build has left.
 */
#include "runtime/sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/vec.h"
#include "runtime/sandbox/devices.h"

enum { PROC_LIMIT = 4 * 1024 * 1024, REMOVE_TRIES = 100 };

static const char prefix[] = "dfgen-";

/* version 2 counts from 1 to 10000 what version 1 counts from 2 to 262144. */
static char *weight_of(const char *shares)
{
    long long number = strtoll(shares, NULL, 10);
    number = number < 2 ? 2 : number > 262144 ? 262144 : number;
    return xasprintf("%lld", 1 + (number - 2) * 9999 / 262142);
}

/* cpu.max is "QUOTA PERIOD", and one word alone is the quota. */
static char *period_of(const char *period)
{
    return xasprintf("max %s", period);
}

static const struct row {
    const char *name, *controller, *file, *old_file;
    char *(*convert)(const char *value);    /* for version 2; NULL: as it is */
} rows[] = {
    {"memory", "memory", "memory.max", "memory.limit_in_bytes", NULL},
    {"cpu_period", "cpu", "cpu.max", "cpu.cfs_period_us", period_of},
    {"cpu_quota", "cpu", "cpu.max", "cpu.cfs_quota_us", NULL},
    {"cpu_shares", "cpu", "cpu.weight", "cpu.shares", weight_of},
    {"cpuset_cpus", "cpuset", "cpuset.cpus", "cpuset.cpus", NULL},
    {"cpuset_mems", "cpuset", "cpuset.mems", "cpuset.mems", NULL},
    {"pids", "pids", "pids.max", "pids.max", NULL},
};

/* One group in one hierarchy. */
struct member {
    const char *controller; /* of version 1; NULL: version 2 */
    int parent, dir;
    char name[32];
};

struct cgroup {
    VEC(struct member) members;
};

/* --- where groups are --- */

static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += len)
        if ((at == list || at[-1] == ',') && (!at[len] || at[len] == ','))
            return true;
    return false;
}

/* The helper's own group below the mount of a hierarchy: "/user.slice". controller NULL: version 2. */
static char *own_path(const char *controller)
{
    struct buf text = {0};
    char *found = NULL, *save = NULL;
    if (file_read_at(AT_FDCWD, "/proc/self/cgroup", &text, PROC_LIMIT) == 0 && text.len)
        for (char *line = strtok_r(text.data, "\n", &save); line && !found; line = strtok_r(NULL, "\n", &save)) {
            char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
            if (!path)
                continue;
            *path++ = 0;
            if (controller ? has_word(list + 1, controller) : !list[1])
                found = xstrdup(path);
        }
    buf_free(&text);
    return found;
}

/* A line of mountinfo: ROOT and POINT when it is that hierarchy's. */
static bool parse_mount(char *line, const char *controller, char **root, char **point)
{
    char *fields[6], *save = NULL, *rest = strstr(line, " - ");
    if (!rest)
        return false;
    *rest = 0;
    for (int i = 0; i < 6; i++)
        if (!(fields[i] = strtok_r(i ? NULL : line, " ", &save)))
            return false;
    char *type = strtok_r(rest + 3, " ", &save), *source = strtok_r(NULL, " ", &save), *options = strtok_r(NULL, " ", &save);
    *root = fields[3];
    *point = fields[4];
    (void)source;
    return type && options && !strcmp(type, controller ? "cgroup" : "cgroup2") && (!controller || has_word(options, controller));
}

/* The folder of the helper's own group; *top is how much of it is the mount. NULL when there is none. */
static char *find_group(const char *controller, size_t *top)
{
    struct buf text = {0};
    char *own = own_path(controller), *found = NULL, *save = NULL;
    if (own && file_read_at(AT_FDCWD, "/proc/self/mountinfo", &text, PROC_LIMIT) == 0 && text.len) {
        for (char *line = text.data, *next; line && !found; line = next) {
            char *root, *point;
            next = strchr(line, '\n');
            if (next)
                *next++ = 0;
            if (!parse_mount(line, controller, &root, &point))
                continue;
            size_t len = strcmp(root, "/") ? strlen(root) : 0;
            /* In a container the mount's root is the container's group. */
            const char *below = strncmp(own, root, len) ? "" : own + len;
            *top = strlen(point);
            found = xasprintf("%s%s", point, strcmp(below, "/") ? below : "");
        }
    }
    (void)save;
    free(own);
    buf_free(&text);
    return found;
}

/* --- making one --- */

static int write_to(int dir, const char *file, const char *value)
{
    autoclose int fd = openat(dir, file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -1 : fd_write_all(fd, value, strlen(value));
}

/* Those that nobody uses: their helper was killed. The kernel removes only what is empty. */
static void sweep(int parent)
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *entry; stream && (entry = readdir(stream));) {
        if (strncmp(entry->d_name, prefix, sizeof prefix - 1))
            continue;
        autoclose int dir = openat(parent, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0)
            unlinkat(parent, entry->d_name, AT_REMOVEDIR);
    }
    if (stream)
        closedir(stream);
}

/* 1: a sweep came between making and locking it. */
static int make_once(struct member *member)
{
    /* Containers that share a hierarchy have the same process ids. */
    unsigned number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return -1;
    snprintf(member->name, sizeof member->name, "%s%ld-%08x", prefix, (long)getpid(), number);
    if (mkdirat(member->parent, member->name, 0755) < 0)
        return -1;
    member->dir = openat(member->parent, member->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (member->dir < 0)
        return errno == ENOENT ? 1 : -1;
    if (flock(member->dir, LOCK_EX) < 0)
        return -1;
    if (file_is_at(member->parent, member->name, member->dir))
        return 0;
    fd_close_scope(&member->dir);
    member->dir = -1;
    return 1;
}

static int make_in(struct member *member, const char *path)
{
    member->parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (member->parent < 0)
        return -1;
    sweep(member->parent);
    int result;
    for (int tries = 0; (result = make_once(member)) > 0 && tries < REMOVE_TRIES; tries++)
        errno = EAGAIN;
    return result ? -1 : 0;
}

static void close_member(struct member *member)
{
    fd_close_scope(&member->dir);
    fd_close_scope(&member->parent);
    member->dir = member->parent = -1;
}

/* The processes are gone, but the kernel may not have counted the last one off. */
static void remove_member(struct member *member)
{
    const struct timespec moment = {.tv_nsec = 2000000};
    for (int i = 0; i < REMOVE_TRIES; i++) {
        if (unlinkat(member->parent, member->name, AT_REMOVEDIR) == 0 || errno != EBUSY)
            break;
        nanosleep(&moment, NULL);
    }
    close_member(member);
}

/* Version 2: the file of a limit is there when the group above hands its controller down. */
static bool has_files(const struct member *member, const struct cgroup_limit *limits, size_t count, const char *controller)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            if (strcmp(rows[k].name, limits[i].name) || (controller && strcmp(rows[k].controller, controller)))
                continue;
            const char *file = controller ? rows[k].old_file : rows[k].file;
            if (faccessat(member->dir, file, F_OK, 0) == 0)
                continue;
            char *plus = xasprintf("+%s", rows[k].controller);
            bool is_given = !controller && write_to(member->parent, "cgroup.subtree_control", plus) == 0 &&
                            faccessat(member->dir, file, F_OK, 0) == 0;
            free(plus);
            if (!is_given)
                return false;
        }
    return true;
}

/* In the helper's own group or the nearest above it that can have these limits. False with errno. */
static bool make_member(struct cgroup *group, const char *controller, const struct cgroup_limit *limits, size_t count)
{
    size_t top = 0;
    char *path = find_group(controller, &top);
    bool is_made = false;
    int why = path ? EACCES : ENOENT;
    while (path && !is_made) {
        struct member member = {.controller = controller, .parent = -1, .dir = -1};
        if (make_in(&member, path) == 0) {
            is_made = has_files(&member, limits, count, controller);
            if (is_made)
                vec_push(&group->members, member);
            else
                remove_member(&member);
            why = ENOENT;
        } else {
            why = errno;
            close_member(&member);
        }
        char *slash = strrchr(path, '/');
        if (is_made || strlen(path) <= top || !slash)
            break;
        *slash = 0;
    }
    free(path);
    errno = why;
    return is_made;
}

/* --- limits --- */

static const struct row *row_of(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].name, name))
            return &rows[i];
    return NULL;
}

bool cgroup_knows(const char *name)
{
    return row_of(name) != NULL;
}

static struct member *find_member(struct cgroup *group, const char *controller)
{
    for (size_t i = 0; i < group->members.count; i++) {
        const char *own = group->members.items[i].controller;
        if (own == controller || (own && controller && !strcmp(own, controller)))
            return &group->members.items[i];
    }
    return NULL;
}

/* Version 1: a group of processors cannot be entered before it has some of both kinds. */
static void copy_from_above(const struct member *member, const char *file)
{
    struct buf text = {0};
    if (file_read_at(member->parent, file, &text, 4096) == 0 && text.len)
        write_to(member->dir, file, buf_text(&text));
    buf_free(&text);
}

static int set_old(struct cgroup *group, const struct row *row, const char *value)
{
    struct member *member = find_member(group, row->controller);
    if (!member) {
        struct cgroup_limit one = {row->name, value};
        if (!make_member(group, row->controller, &one, 1))
            return -1;
        member = find_member(group, row->controller);
        if (!strcmp(row->controller, "cpuset")) {
            copy_from_above(member, "cpuset.cpus");
            copy_from_above(member, "cpuset.mems");
        }
    }
    return write_to(member->dir, row->old_file, value);
}

static int set_new(struct cgroup *group, const struct row *row, const char *value)
{
    char *text = row->convert ? row->convert(value) : xstrdup(value);
    int result = write_to(find_member(group, NULL)->dir, row->file, text);
    free(text);
    return result;
}

/* Version 2 has this controller somewhere. */
static bool is_new(const char *controller)
{
    size_t top;
    struct buf text = {0};
    char *path = find_group(NULL, &top);
    bool found = false;
    if (path) {
        path[top] = 0;
        char *file = xasprintf("%s/cgroup.controllers", path);
        if (file_read_at(AT_FDCWD, file, &text, 4096) == 0 && text.len) {
            char *save = NULL;
            for (char *word = strtok_r(text.data, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
                found |= !strcmp(word, controller);
        }
        free(file);
    }
    free(path);
    buf_free(&text);
    return found;
}

/* --- the whole --- */

static int set_all(struct cgroup *group, const struct cgroup_limit *limits, size_t count, bool guard, bool *is_guarded, char **why)
{
    struct cgroup_limit *ours = xcalloc(count + 1, sizeof *ours);
    size_t our_count = 0;
    for (size_t i = 0; i < count; i++)
        if (is_new(row_of(limits[i].name)->controller))
            ours[our_count++] = limits[i];
    int result = 0;
    if ((our_count || guard) && !make_member(group, NULL, ours, our_count) && our_count) {
        *why = xasprintf("no control group can be made for it here: %s", strerror(errno));
        result = -1;
    }
    const struct member *member = result < 0 ? NULL : find_member(group, NULL);
    *is_guarded = guard && member && devices_guard(member->dir) == 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        const struct row *row = row_of(limits[i].name);
        result = is_new(row->controller) ? set_new(group, row, limits[i].value) : set_old(group, row, limits[i].value);
        if (result < 0)
            *why = xasprintf("cannot limit %s to %s: %s", row->controller, limits[i].value,
                             errno == ENOENT || errno == EACCES || errno == EPERM || errno == EROFS
                                 ? "no control group that may be changed has it" : strerror(errno));
    }
    free(ours);
    return result;
}

struct cgroup *cgroup_new(const struct cgroup_limit *limits, size_t count, bool guard, bool *is_guarded, char **why)
{
    struct cgroup *group = xcalloc(1, sizeof *group);
    if (set_all(group, limits, count, guard, is_guarded, why) == 0)
        return group;
    cgroup_free(group);
    return NULL;
}

int cgroup_enter(const struct cgroup *group)
{
    /* "0" is who writes it. */
    for (size_t i = 0; i < group->members.count; i++)
        if (write_to(group->members.items[i].dir, "cgroup.procs", "0") < 0)
            return -1;
    return 0;
}

bool cgroup_ran_out(const struct cgroup *group)
{
    bool found = false;
    for (size_t i = 0; i < group->members.count && !found; i++) {
        struct buf text = {0};
        const struct member *member = &group->members.items[i];
        const char *file = member->controller ? "memory.oom_control" : "memory.events", *line;
        if (file_read_at(member->dir, file, &text, 4096) == 0 && (line = strstr(buf_text(&text), "oom_kill ")))
            found = strtoll(line + strlen("oom_kill "), NULL, 10) > 0;
        buf_free(&text);
    }
    return found;
}

void cgroup_free(struct cgroup *group)
{
    for (size_t i = 0; i < group->members.count; i++)
        remove_member(&group->members.items[i]);
    vec_free(&group->members);
    free(group);
}
