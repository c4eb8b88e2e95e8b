/*
 * The syscall filter, run by hand: each row is a call with an argument, and what the program answers. Guards against gaps in the table and
 * wrong jumps; the kernel's own answers are tests/safety's business.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "runtime/sandbox/caps.h"
#include "runtime/sandbox/filter.h"
#include "tests/unit/unit.h"

#ifdef __x86_64__

enum { ALLOW = 0, KILL = -1, SYS_ADMIN = 21 };

static const struct {
    const char *about;
    uint32_t arch;
    int number;
    uint64_t first;         /* argument */
    int want;               /* ALLOW, KILL or an errno */
    int want_as_admin;
} rows[] = {
    {"read", AUDIT_ARCH_X86_64, SYS_read, 0, ALLOW, ALLOW},
    {"ptrace", AUDIT_ARCH_X86_64, SYS_ptrace, 0, ALLOW, ALLOW},
    {"mknod", AUDIT_ARCH_X86_64, SYS_mknod, 0, ALLOW, ALLOW},
    {"chroot is in the default set", AUDIT_ARCH_X86_64, SYS_chroot, 0, ALLOW, ALLOW},
    {"mount", AUDIT_ARCH_X86_64, SYS_mount, 0, EPERM, ALLOW},
    {"mount_setattr", AUDIT_ARCH_X86_64, 442, 0, EPERM, ALLOW},
    {"lsm_list_modules", AUDIT_ARCH_X86_64, 461, 0, EPERM, ALLOW},
    {"keyctl", AUDIT_ARCH_X86_64, SYS_keyctl, 0, EPERM, EPERM},
    {"io_uring_setup", AUDIT_ARCH_X86_64, 425, 0, EPERM, EPERM},
    {"open_by_handle_at", AUDIT_ARCH_X86_64, SYS_open_by_handle_at, 0, EPERM, EPERM},
    {"clone of a process", AUDIT_ARCH_X86_64, SYS_clone, 0x01200011, ALLOW, ALLOW},
    {"clone into a user namespace", AUDIT_ARCH_X86_64, SYS_clone, 0x10000011, EPERM, ALLOW},
    {"clone into a cgroup namespace", AUDIT_ARCH_X86_64, SYS_clone, 0x02000011, EPERM, ALLOW},
    {"clone3", AUDIT_ARCH_X86_64, 435, 0, ENOSYS, ALLOW},
    {"socket inet", AUDIT_ARCH_X86_64, SYS_socket, 2, ALLOW, ALLOW},
    {"socket alg", AUDIT_ARCH_X86_64, SYS_socket, 38, EPERM, EPERM},
    {"socket vsock", AUDIT_ARCH_X86_64, SYS_socket, 40, EPERM, EPERM},
    {"socket alg, high half set", AUDIT_ARCH_X86_64, SYS_socket, UINT64_C(0x100000026), EPERM, EPERM},
    {"socket 39", AUDIT_ARCH_X86_64, SYS_socket, 39, ALLOW, ALLOW},
    {"personality 0", AUDIT_ARCH_X86_64, SYS_personality, 0, ALLOW, ALLOW},
    {"personality linux32", AUDIT_ARCH_X86_64, SYS_personality, 8, ALLOW, ALLOW},
    {"personality query", AUDIT_ARCH_X86_64, SYS_personality, 0xffffffff, ALLOW, ALLOW},
    {"personality no randomize", AUDIT_ARCH_X86_64, SYS_personality, 0x40000, EPERM, EPERM},
    {"newest known", AUDIT_ARCH_X86_64, 466, 0, ALLOW, ALLOW},
    {"newer", AUDIT_ARCH_X86_64, 467, 0, ENOSYS, ENOSYS},
    {"x32 read", AUDIT_ARCH_X86_64, 0x40000000, 0, ENOSYS, ENOSYS},
    {"-1", AUDIT_ARCH_X86_64, -1, 0, ENOSYS, ENOSYS},
    {"i386 read", AUDIT_ARCH_I386, 3, 0, ALLOW, ALLOW},
    {"i386 mount", AUDIT_ARCH_I386, 21, 0, EPERM, ALLOW},
    {"i386 umount", AUDIT_ARCH_I386, 22, 0, EPERM, ALLOW},
    {"i386 vm86", AUDIT_ARCH_I386, 166, 0, EPERM, EPERM},
    {"i386 keyctl", AUDIT_ARCH_I386, 288, 0, EPERM, EPERM},
    {"i386 clone3", AUDIT_ARCH_I386, 435, 0, ENOSYS, ALLOW},
    {"i386 clone into a user namespace", AUDIT_ARCH_I386, 120, 0x10000011, EPERM, ALLOW},
    {"i386 socket alg", AUDIT_ARCH_I386, 359, 38, EPERM, EPERM},
    {"i386 newer", AUDIT_ARCH_I386, 500, 0, ENOSYS, ENOSYS},
    {"another architecture", AUDIT_ARCH_AARCH64, 0, 0, KILL, KILL},
};

/* What the kernel's interpreter would say, for the instructions that the filter uses. */
static uint32_t interpret(const struct sock_filter *program, size_t count, const struct seccomp_data *data)
{
    uint32_t a = 0;
    for (size_t at = 0; at < count; at++) {
        const struct sock_filter *i = &program[at];
        bool is_true = false;
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&a, (const char *)data + i->k, sizeof a);
            continue;
        case BPF_RET | BPF_K:
            return i->k;
        case BPF_JMP | BPF_JA:
            at += i->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            is_true = a == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            is_true = a > i->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            is_true = a & i->k;
            break;
        default:
            return 0xffffffff;
        }
        at += is_true ? i->jt : i->jf;
    }
    return 0xffffffff;
}

static int answer(const struct sock_filter *program, size_t count, size_t row)
{
    struct seccomp_data data = {.nr = rows[row].number, .arch = rows[row].arch, .args = {rows[row].first}};
    uint32_t action = interpret(program, count, &data);
    if (action == SECCOMP_RET_ALLOW)
        return ALLOW;
    if (action == SECCOMP_RET_KILL_PROCESS)
        return KILL;
    return (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO ? (int)(action & SECCOMP_RET_DATA) : 9999;
}

int main(void)
{
    static struct sock_filter plain[FILTER_ROOM], admin[FILTER_ROOM];
    size_t plain_count = filter_build(caps_default(), plain);
    size_t admin_count = filter_build(caps_default() | UINT64_C(1) << SYS_ADMIN, admin);
    if (!plain_count)
        unit_skip("built without libseccomp");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unit_row("%s", rows[i].about);
        UNIT_INT(rows[i].want, answer(plain, plain_count, i));
        UNIT_INT(rows[i].want_as_admin, answer(admin, admin_count, i));
    }
    return unit_end();
}

#else

int main(void)
{
    unit_skip("the rows are x86-64's");
}

#endif
