/*
 * Owns the table of capabilities that a RUN has, and the order in which a process becomes somebody with just these. Called by the payload's
 * process before exec. Must not know about namespaces or filters.
 */
#include "runtime/sandbox/caps.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/sandbox/user.h"

static const int default_caps[] = {
    CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP,
    CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT, CAP_MKNOD, CAP_AUDIT_WRITE, CAP_SETFCAP,
};

uint64_t caps_default(void)
{
    uint64_t mask = 0;
    for (size_t i = 0; i < sizeof default_caps / sizeof *default_caps; i++)
        mask |= UINT64_C(1) << default_caps[i];
    return mask;
}

static int get(struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return (int)syscall(SYS_capget, &header, data);
}

uint64_t caps_held(void)
{
    struct __user_cap_data_struct data[2];
    return get(data) < 0 ? 0 : data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static int set(uint64_t mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)mask, .permitted = (uint32_t)mask},
        {.effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}

/* Beyond the last capability of this kernel the call says EINVAL. */
static int drop_bounding(uint64_t kept)
{
    for (int cap = 0; cap < 64; cap++) {
        if (kept >> cap & 1)
            continue;
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return errno == EINVAL ? 0 : -1;
    }
    return 0;
}

int caps_become(const struct identity *identity, uint64_t kept, const char **what)
{
    kept &= caps_held();
    if (*what = "drop the bounding set", drop_bounding(kept) < 0)
        return -1;
    if (*what = "keep capabilities", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return -1;
    /* Groups first, while the rights are there. */
    if (*what = "set groups", setgroups(identity->group_count, identity->groups) < 0)
        return -1;
    if (*what = "set the group id", setresgid(identity->gid, identity->gid, identity->gid) < 0)
        return -1;
    if (*what = "set the user id", setresuid(identity->uid, identity->uid, identity->uid) < 0)
        return -1;
    if (*what = "clear ambient capabilities", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -1;
    if (*what = "set capabilities", set(kept) < 0)
        return -1;
    *what = "forget to keep capabilities";
    return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

int caps_become_single(const struct identity *identity, uint64_t kept, const char **what)
{
    kept &= caps_held();
    if (*what = "drop the bounding set", drop_bounding(kept) < 0)
        return -1;
    if (identity->uid) {
        kept = 0;
        if (*what = "give up root's capabilities", prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) < 0)
            return -1;
    }
    if (*what = "clear ambient capabilities", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -1;
    *what = "set capabilities";
    return set(kept);
}
