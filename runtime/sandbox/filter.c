/*
 * Owns the table of what a RUN's system calls may not do, and turns it into a BPF program. Called by the sandbox before the payload is
 * started. Must not know how the program is loaded. filter_null.c is its twin for builds without libseccomp.
 * libseccomp knows the numbers; the program is put together here: a list of refusals with everything else allowed is short, and is made in
 * microseconds, where libseccomp's own takes milliseconds. What is newer than the table says ENOSYS, so that libcs fall back.
 */
#include "runtime/sandbox/filter.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>

enum { NEWEST = 466, NO_CAP = -1 };

/* Refused with EPERM unless the payload has the capability. number: the call's on all architectures, for one that libseccomp may not know. */
static const struct refused {
    const char *name;
    int cap;
    int number;
} refused[] = {
    {"add_key", NO_CAP, 0}, {"keyctl", NO_CAP, 0}, {"request_key", NO_CAP, 0},
    {"io_uring_setup", NO_CAP, 425}, {"io_uring_enter", NO_CAP, 426}, {"io_uring_register", NO_CAP, 427},
    {"userfaultfd", NO_CAP, 0}, {"kexec_load", NO_CAP, 0}, {"kexec_file_load", NO_CAP, 0},
    {"swapon", NO_CAP, 0}, {"swapoff", NO_CAP, 0}, {"pivot_root", NO_CAP, 0},
    {"move_pages", NO_CAP, 0}, {"migrate_pages", NO_CAP, 0},
    {"uselib", NO_CAP, 0}, {"ustat", NO_CAP, 0}, {"sysfs", NO_CAP, 0}, {"_sysctl", NO_CAP, 0}, {"nfsservctl", NO_CAP, 0},
    {"create_module", NO_CAP, 0}, {"query_module", NO_CAP, 0}, {"get_kernel_syms", NO_CAP, 0},
    {"getpmsg", NO_CAP, 0}, {"putpmsg", NO_CAP, 0}, {"afs_syscall", NO_CAP, 0}, {"tuxcall", NO_CAP, 0},
    {"security", NO_CAP, 0}, {"vserver", NO_CAP, 0}, {"vm86", NO_CAP, 0}, {"vm86old", NO_CAP, 0},
    {"mount", CAP_SYS_ADMIN, 0}, {"umount", CAP_SYS_ADMIN, 0}, {"umount2", CAP_SYS_ADMIN, 0},
    {"fsopen", CAP_SYS_ADMIN, 430}, {"fsconfig", CAP_SYS_ADMIN, 431}, {"fsmount", CAP_SYS_ADMIN, 432},
    {"fspick", CAP_SYS_ADMIN, 433}, {"move_mount", CAP_SYS_ADMIN, 429}, {"open_tree", CAP_SYS_ADMIN, 428},
    {"mount_setattr", CAP_SYS_ADMIN, 442}, {"unshare", CAP_SYS_ADMIN, 0}, {"setns", CAP_SYS_ADMIN, 0},
    {"bpf", CAP_SYS_ADMIN, 0}, {"fanotify_init", CAP_SYS_ADMIN, 0}, {"perf_event_open", CAP_SYS_ADMIN, 0},
    {"quotactl", CAP_SYS_ADMIN, 0}, {"quotactl_fd", CAP_SYS_ADMIN, 443},
    {"sethostname", CAP_SYS_ADMIN, 0}, {"setdomainname", CAP_SYS_ADMIN, 0}, {"syslog", CAP_SYS_ADMIN, 0},
    {"lookup_dcookie", CAP_SYS_ADMIN, 0},
    {"lsm_get_self_attr", CAP_SYS_ADMIN, 459}, {"lsm_set_self_attr", CAP_SYS_ADMIN, 460},
    {"lsm_list_modules", CAP_SYS_ADMIN, 461},
    {"open_by_handle_at", CAP_DAC_READ_SEARCH, 0}, {"chroot", CAP_SYS_CHROOT, 0},
    {"kcmp", CAP_SYS_PTRACE, 0}, {"pidfd_getfd", CAP_SYS_PTRACE, 438}, {"process_madvise", CAP_SYS_PTRACE, 440},
    {"init_module", CAP_SYS_MODULE, 0}, {"finit_module", CAP_SYS_MODULE, 0}, {"delete_module", CAP_SYS_MODULE, 0},
    {"reboot", CAP_SYS_BOOT, 0}, {"acct", CAP_SYS_PACCT, 0}, {"iopl", CAP_SYS_RAWIO, 0}, {"ioperm", CAP_SYS_RAWIO, 0},
    {"settimeofday", CAP_SYS_TIME, 0}, {"stime", CAP_SYS_TIME, 0}, {"clock_settime", CAP_SYS_TIME, 0},
    {"clock_settime64", CAP_SYS_TIME, 0}, {"vhangup", CAP_SYS_TTY_CONFIG, 0},
    {"mbind", CAP_SYS_NICE, 0}, {"get_mempolicy", CAP_SYS_NICE, 0}, {"set_mempolicy", CAP_SYS_NICE, 0},
    {"set_mempolicy_home_node", CAP_SYS_NICE, 450},
};

/* Values of an argument's low half (the kernel looks at no more of these) that decide. */
static const uint32_t refused_families[] = {38 /* AF_ALG */, 40 /* AF_VSOCK */};
static const uint32_t allowed_personas[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
static const uint32_t namespace_flags = 0x7e020000;

static const struct arch {
    uint32_t native, sub;           /* libseccomp's */
    uint32_t native_audit, sub_audit;
    int clone_flags;                /* which argument of clone */
} archs[] = {
    {SCMP_ARCH_X86_64, SCMP_ARCH_X86, AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 0},
    {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0},
    {SCMP_ARCH_RISCV64, 0, AUDIT_ARCH_RISCV64, 0, 0},
    {SCMP_ARCH_PPC64LE, 0, AUDIT_ARCH_PPC64LE, 0, 0},
    {SCMP_ARCH_S390X, 0, AUDIT_ARCH_S390X, 0, 1},
};

struct assembler {
    struct sock_filter *program;
    size_t count;
    bool is_full;
};

static void emit(struct assembler *to, uint16_t code, uint32_t k, unsigned if_true, unsigned if_false)
{
    if (to->count == FILTER_ROOM) {
        to->is_full = true;
        return;
    }
    to->program[to->count++] = (struct sock_filter){code, (uint8_t)if_true, (uint8_t)if_false, k};
}

static void load(struct assembler *to, size_t offset)
{
    emit(to, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_argument(struct assembler *to, int n)
{
    size_t low = __BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4;
    load(to, offsetof(struct seccomp_data, args) + (size_t)n * 8 + low);
}

static void answer(struct assembler *to, uint32_t action)
{
    emit(to, BPF_RET | BPF_K, action, 0, 0);
}

static void refuse_if(struct assembler *to, uint16_t test, uint32_t value, int error)
{
    emit(to, (uint16_t)(BPF_JMP | test | BPF_K), value, 0, 1);
    answer(to, SECCOMP_RET_ERRNO | (uint32_t)error);
}

static int number_of(uint32_t arch, const char *name, int fallback)
{
    int number = seccomp_syscall_resolve_name_arch(arch, name);
    return number < 0 && fallback ? fallback : number;
}

/* From here on for one call only: what follows must end with an answer. The jump is set by end_call. */
static size_t begin_call(struct assembler *to, int number)
{
    emit(to, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 0);
    return to->count - 1;
}

static void end_call(struct assembler *to, size_t begun)
{
    if (!to->is_full)
        to->program[begun].jf = (uint8_t)(to->count - begun - 1);
}

static void check_socket(struct assembler *to, uint32_t arch)
{
    /* On i386 libseccomp names socketcall's, whose arguments are in memory; the call of its own can be looked at. */
    int number = number_of(arch, "socket", arch == SCMP_ARCH_X86 ? 359 : 0);
    if (number < 0)
        return;
    size_t begun = begin_call(to, number);
    load_argument(to, 0);
    for (size_t i = 0; i < sizeof refused_families / sizeof *refused_families; i++)
        refuse_if(to, BPF_JEQ, refused_families[i], EPERM);
    answer(to, SECCOMP_RET_ALLOW);
    end_call(to, begun);
}

static void check_personality(struct assembler *to, uint32_t arch)
{
    int number = number_of(arch, "personality", 0);
    if (number < 0)
        return;
    size_t begun = begin_call(to, number);
    load_argument(to, 0);
    for (size_t i = 0; i < sizeof allowed_personas / sizeof *allowed_personas; i++) {
        emit(to, BPF_JMP | BPF_JEQ | BPF_K, allowed_personas[i], 0, 1);
        answer(to, SECCOMP_RET_ALLOW);
    }
    answer(to, SECCOMP_RET_ERRNO | EPERM);
    end_call(to, begun);
}

static void check_clone(struct assembler *to, uint32_t arch, int flags)
{
    int number = number_of(arch, "clone", 0);
    if (number >= 0) {
        size_t begun = begin_call(to, number);
        load_argument(to, flags);
        refuse_if(to, BPF_JSET, namespace_flags, EPERM);
        answer(to, SECCOMP_RET_ALLOW);
        end_call(to, begun);
    }
    /* Its flags are in memory, where a filter cannot look; libcs then use clone. */
    refuse_if(to, BPF_JEQ, (uint32_t)number_of(arch, "clone3", 435), ENOSYS);
}

static bool has_cap(uint64_t caps, int cap)
{
    return cap != NO_CAP && caps >> cap & 1;
}

static void check_arch(struct assembler *to, uint32_t arch, int clone_flags, uint64_t caps)
{
    load(to, offsetof(struct seccomp_data, nr));
    refuse_if(to, BPF_JGT, NEWEST, ENOSYS);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int number = number_of(arch, refused[i].name, refused[i].number);
        if (number >= 0 && !has_cap(caps, refused[i].cap))
            refuse_if(to, BPF_JEQ, (uint32_t)number, EPERM);
    }
    if (!has_cap(caps, CAP_SYS_ADMIN))
        check_clone(to, arch, clone_flags);
    check_socket(to, arch);
    check_personality(to, arch);
    answer(to, SECCOMP_RET_ALLOW);
}

size_t filter_build(uint64_t caps, struct sock_filter program[FILTER_ROOM])
{
    const struct arch *arch = NULL;
    struct assembler to = {.program = program};
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (archs[i].native == seccomp_arch_native())
            arch = &archs[i];
    if (!arch)
        return 0;
    load(&to, offsetof(struct seccomp_data, arch));
    /* A section is longer than a conditional jump reaches: over the unconditional one. */
    emit(&to, BPF_JMP | BPF_JEQ | BPF_K, arch->native_audit, 1, 0);
    size_t jump = to.count;
    emit(&to, BPF_JMP | BPF_JA, 0, 0, 0);
    check_arch(&to, arch->native, arch->clone_flags, caps);
    if (!to.is_full)
        program[jump].k = (uint32_t)(to.count - jump - 1);
    if (arch->sub) {
        emit(&to, BPF_JMP | BPF_JEQ | BPF_K, arch->sub_audit, 1, 0);
        answer(&to, SECCOMP_RET_KILL_PROCESS);
        check_arch(&to, arch->sub, arch->clone_flags, caps);
    } else {
        answer(&to, SECCOMP_RET_KILL_PROCESS);
    }
    return to.is_full ? 0 : to.count;
}
