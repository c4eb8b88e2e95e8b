/*
 * Owns the table of /dev and the files that a builder supplies. Called by the sandbox, in the helper's mount namespace. Must not know
 * a step's own mounts.
 */
#include "runtime/sandbox/furniture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/step.h"
#include "runtime/sandbox/mnt.h"
#include "runtime/sandbox/net.h"
#include "runtime/sandbox/plan.h"
#include "runtime/sandbox/target.h"
#include "runtime/sandbox/uplink.h"
#include "runtime/sandbox/user.h"

#include "runtime/sandbox/room.h"

static const struct {
    const char *name, *host;
    unsigned major, minor;
} nodes[] = {
    {"null", "/dev/null", 1, 3}, {"zero", "/dev/zero", 1, 5}, {"full", "/dev/full", 1, 7},
    {"random", "/dev/random", 1, 8}, {"urandom", "/dev/urandom", 1, 9}, {"tty", "/dev/tty", 5, 0},
};

static const struct {
    const char *name, *target;
} links[] = {
    {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
    {"ptmx", "pts/ptmx"},
};

static const char *const dev_folders[] = {"pts", "shm", "mqueue"};

static const struct mnt_option dev_options[] = {{"mode", "0755"}, {"size", "64m"}};
static const struct mnt_option pts_options[] = {{"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}};

/* The folder itself, never a link to another; it stays in the layer. */
static int open_special(struct room *room, const char *path)
{
    static const struct target_make make = {.kind = TARGET_DIR, .mode = 0755, .stays = true, .no_links = true};
    int fd = targets_open(room->targets, path, &make);
    if (fd < 0)
        step_die(room->step, "/%s of the image must be a folder:", path);
    return fd;
}

static void make_nodes(struct room *room, int dev)
{
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct stat st;
        autoclose int host = open(nodes[i].host, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (host < 0 || fstat(host, &st) < 0)
            step_die(room->step, "cannot open %s of this machine:", nodes[i].host);
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(nodes[i].major, nodes[i].minor))
            step_die(room->step, "%s of this machine is not device %u:%u", nodes[i].host, nodes[i].major, nodes[i].minor);
        autoclose int made = openat(dev, nodes[i].name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        autoclose int target = made < 0 ? -1 : openat(dev, nodes[i].name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (target < 0 || mnt_bind(host, target, MNT_NOSUID | MNT_NOEXEC, false) < 0)
            step_die(room->step, "cannot make /dev/%s:", nodes[i].name);
    }
}

static void attach_below(struct room *room, int mnt, int dev, const char *name)
{
    autoclose int target = openat(dev, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (mnt < 0 || target < 0 || mnt_attach(mnt, target) < 0)
        step_die(room->step, "cannot mount /dev/%s:", name);
}

static void mount_pts(struct room *room, int dev)
{
    size_t count = sizeof pts_options / sizeof *pts_options;
    autoclose int mnt = mnt_make("devpts", pts_options, count, MNT_NOSUID | MNT_NOEXEC, NULL);
    /* Group 5 may be none of this user namespace's. */
    if (mnt < 0 && errno == EINVAL)
        mnt = mnt_make("devpts", pts_options, count - 1, MNT_NOSUID | MNT_NOEXEC, NULL);
    attach_below(room, mnt, dev, "pts");
}

static void mount_shm(struct room *room, int dev)
{
    char size[32];
    struct mnt_option options[] = {{"mode", "1777"}, {"size", size}};
    snprintf(size, sizeof size, "%lld", (long long)room->plan->shm_size);
    autoclose int mnt = mnt_make("tmpfs", options, 2, MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, NULL);
    attach_below(room, mnt, dev, "shm");
}

/* Scripts of heredocs: executables that the shell runs by their path. */
static void mount_scripts(struct room *room, int dev)
{
    if (!room->plan->file_count)
        return;
    if (mkdirat(room->hidden, "scripts", 0755) < 0 || mkdirat(dev, "pipes", 0755) < 0)
        step_die(room->step, "cannot make /dev/pipes:");
    autoclose int folder = openat(room->hidden, "scripts", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    autoclose int target = openat(dev, "pipes", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (size_t i = 0; i < room->plan->file_count; i++) {
        const struct plan_file *file = &room->plan->files[i];
        autoclose int fd = openat(folder, file->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
        if (fd < 0 || fd_write_all(fd, file->data, file->len) < 0 || fchmod(fd, 0755) < 0)
            step_die(room->step, "cannot write /dev/pipes/%s:", file->name);
    }
    if (folder < 0 || target < 0 || mnt_bind(folder, target, MNT_RDONLY | MNT_NOSUID | MNT_NODEV, false) < 0)
        step_die(room->step, "cannot mount /dev/pipes:");
}

static void mount_dev(struct room *room)
{
    autoclose int target = open_special(room, "dev");
    autoclose int dev = mnt_make("tmpfs", dev_options, sizeof dev_options / sizeof *dev_options, MNT_NOSUID | MNT_NODEV, NULL);
    if (dev < 0 || mnt_attach(dev, target) < 0)
        step_die(room->step, "cannot mount /dev:");
    make_nodes(room, dev);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlinkat(links[i].target, dev, links[i].name) < 0)
            step_die(room->step, "cannot make /dev/%s:", links[i].name);
    if (access("/proc/kcore", F_OK) == 0 && symlinkat("/proc/kcore", dev, "core") < 0)
        step_die(room->step, "cannot make /dev/core:");
    for (size_t i = 0; i < sizeof dev_folders / sizeof *dev_folders; i++)
        if (mkdirat(dev, dev_folders[i], 0755) < 0)
            step_die(room->step, "cannot make /dev/%s:", dev_folders[i]);
    mount_pts(room, dev);
    mount_shm(room, dev);
    mount_scripts(room, dev);
}

static void show_file(struct room *room, const struct buf *content, const char *path)
{
    static const struct target_make make = {.kind = TARGET_FILE, .mode = 0755};
    static const uint32_t owner[2];
    autoclose int file = room_hide_file(room, buf_text(content), content->len, 0644, owner);
    autoclose int target = targets_open(room->targets, path, &make);
    if (target < 0 || mnt_bind(file, target, MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC, false) < 0)
        step_die(room->step, "cannot supply /%s:", path);
}

/* None of the host's can be reached: they are on its loopback. */
static void add_server(struct room *room, struct buf *resolv)
{
    const char *server = room->plan->dns ? room->plan->dns : room->uplink ? uplink_server(room->uplink) : NULL;
    if (server)
        buf_printf(resolv, "nameserver %s\n", server);
    else if (room->uplink)
        warn("%s: RUN has no name server, since those of /etc/resolv.conf are on this machine's loopback; dfgen.ini can name one: "
             "[run] dns = ADDRESS", *room->step->where ? room->step->where : room->step->file);
}

static void mount_network_files(struct room *room)
{
    struct buf resolv = {0}, hosts = {0};
    net_resolv_conf(room->has_host_network, &resolv);
    if (!strstr(buf_text(&resolv), "nameserver"))
        add_server(room, &resolv);
    net_hosts(room->plan->hostname, room->plan->hosts, &hosts);
    show_file(room, &resolv, "etc/resolv.conf");
    show_file(room, &hosts, "etc/hosts");
    buf_free(&resolv);
    buf_free(&hosts);
}

void furniture_mount(struct room *room)
{
    autoclose int proc = open_special(room, "proc");
    autoclose int sys = open_special(room, "sys");
    targets_close_folder(room->targets, proc);
    targets_close_folder(room->targets, sys);
    mount_dev(room);
    mount_network_files(room);
}
