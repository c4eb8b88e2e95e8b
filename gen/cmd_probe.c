/*
 * Owns the command probe: what this machine offers to a build, what of it is used, and the lines that would allow what is missing. Each offer is
 * tried, not guessed, in a child of its own where that leaves something behind. Must not know how RUN uses any of it.
 */
#include "gen/cmd.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gen/programs.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/idmode.h"
#include "runtime/lib/store.h"

static const char usage[] =
    "usage: dfgen probe\n\n"
    "Say what this machine offers to RUN, which id mode is used and why, and what would allow more.\n";

/* --- what can be tried --- */

struct offer {
    const char *name;
    bool (*trial)(void);
    const char *purpose;
};

static int try_offer(const void *data)
{
    return ((const struct offer *)data)->trial() ? 0 : 1;
}

/* True when its trial says so in a child process. */
static bool works_in_child(const struct offer *offer)
{
    return child_run(try_offer, offer) == 0;
}

static bool write_text(const char *file, const char *text)
{
    autoclose int fd = open(file, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && fd_write_all(fd, text, strlen(text)) == 0;
}

/* Root of a namespace with one id, and with rights in it: some systems give the namespace and then no rights. */
static bool try_namespace(void)
{
    char users[32], groups[32];
    snprintf(users, sizeof users, "0 %u 1\n", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1\n", getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", users) && write_text("/proc/self/gid_map", groups) &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* An overlay on a file system in memory, with the option that plain users need. */
static bool try_overlay(void)
{
    static const char *const folders[] = {"/tmp/lower", "/tmp/upper", "/tmp/work", "/tmp/merged"};
    const char *options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr";
    if (!try_namespace() || mount("tmpfs", "/tmp", "tmpfs", 0, NULL) < 0)
        return false;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(folders[i], 0755) < 0)
            return false;
    return mount("overlay", folders[3], "overlay", 0, options) == 0;
}

static bool try_notifications(void)
{
    struct seccomp_notif_sizes sizes;
    uint32_t action = SECCOMP_RET_USER_NOTIF;
    return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0 &&
           syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static bool opens(const char *device)
{
    autoclose int fd = open(device, O_RDWR | O_CLOEXEC);
    return fd >= 0;
}

static bool try_tun(void) { return opens("/dev/net/tun"); }
static bool try_fuse(void) { return opens("/dev/fuse"); }

static bool has_program(const char *name)
{
    const char *path = getenv("PATH");
    char *folders = xstrdup(path ? path : "/usr/bin:/bin"), *save = NULL;
    bool found = false;
    for (char *folder = strtok_r(folders, ":", &save); folder && !found; folder = strtok_r(NULL, ":", &save)) {
        char *file = xasprintf("%s/%s", folder, name);
        found = access(file, X_OK) == 0;
        free(file);
    }
    free(folders);
    return found;
}

static bool try_newuidmap(void) { return has_program("newuidmap") && has_program("newgidmap"); }
static bool try_pasta(void) { return has_program("pasta"); }
static bool try_slirp(void) { return has_program("slirp4netns"); }
static bool try_fuse_overlayfs(void) { return has_program("fuse-overlayfs"); }

/* The first is what all modes but root's need. */
static const struct offer offers[] = {
    {"user namespaces", try_namespace, "RUN without root"},
    {"overlay with userxattr", try_overlay, "RUN's root without root"},
    {"newuidmap and newgidmap", try_newuidmap, "more ids than the user's own"},
    {"seccomp user notification", try_notifications, "owners remembered where there is one id"},
    {"/dev/net/tun", try_tun, "a network of its own for RUN"},
    {"pasta", try_pasta, "the same"},
    {"slirp4netns", try_slirp, "the same"},
    {"/dev/fuse", try_fuse, "fuse-overlayfs, where there is no overlay"},
    {"fuse-overlayfs", try_fuse_overlayfs, "the same"},
};

/* --- where user namespaces are forbidden --- */

static const struct {
    const char *file, *forbids, *line;
} rules[] = {
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
    {"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
    {"/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"},
};

static bool is_in_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0;
}

/* The lines that root would have to give. */
static void say_what_allows(void)
{
    bool found = false;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        struct buf value = {0};
        size_t len = strlen(rules[i].forbids);
        bool forbids = file_read_at(AT_FDCWD, rules[i].file, &value, 4096) == 0 && value.len == len + 1 &&
                       !memcmp(value.data, rules[i].forbids, len);
        buf_free(&value);
        if (forbids)
            printf("  allow them, as root: %s\n", rules[i].line);
        found = found || forbids;
    }
    if (is_in_container())
        puts("  this is a container: its engine must be told, as in \"docker run --security-opt seccomp=unconfined "
             "--security-opt apparmor=unconfined --security-opt systempaths=unconfined\"");
    else if (!found)
        puts("  no rule of the kernel was found that forbids them; a service manager or a security module may");
}

/* --- the report --- */

static void say_mode(bool has_namespaces)
{
    static const char *const texts[] = {
        [MODE_ROOT] = "root: ids are what they are",
        [MODE_SUBUID] = "range: a user namespace with subordinate ids",
        [MODE_SINGLE] = "single: a user namespace with one id; owners are remembered",
    };
    char *why;
    enum id_mode mode = idmode_detect(&why);
    printf("id mode  %s\n", texts[mode]);
    if (why)
        printf("  not a better one, because %s\n", why);
    if (mode != MODE_ROOT && !has_namespaces) {
        puts("  but this machine gives no user namespaces:");
        say_what_allows();
    }
    free(why);
}

/* What can only be tried by who does it. It says itself what is wrong. */
static void say_sandbox(void)
{
    struct arena arena = {0};
    char *store = store_default_path();
    const char *helper = arena_printf(&arena, "%s/dfgen-shell", programs_find(&arena).helpers);
    if (!store)
        die("no place for a store: set DFGEN_STORE or HOME");
    int code = child_run(child_exec, (const char *const[]){helper, "--probe", store, NULL});
    if (code < 0 || code == 126 || code == 127)
        die("cannot run %s", helper);
    free(store);
    arena_free(&arena);
}

int cmd_probe(int argc, char **argv)
{
    if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
        fputs(usage, stdout);
        return EXIT_DONE;
    }
    if (argc > 1)
        die_usage("probe: \"%s\" is one word too many", argv[1]);
    bool has[sizeof offers / sizeof *offers];
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++)
        has[i] = works_in_child(&offers[i]);
    say_mode(has[0]);
    say_sandbox();
    for (size_t i = 0; i < sizeof offers / sizeof *offers; i++)
        printf("%-4s%-28s%s\n", has[i] ? "yes" : "no", offers[i].name, offers[i].purpose);
    return EXIT_DONE;
}
