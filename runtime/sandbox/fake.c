/*
 * Owns the table of calls that are answered by the supervisor instead of the kernel, and the program that sends them there. Loaded under
 * filter.c's, whose refusals come before. Must not know how they are answered. fake_null.c is its twin for builds without libseccomp.
 */
#include "runtime/sandbox/fake.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

/*
 * WHEN_CREATES: only when the flags, that argument, have O_CREAT. WHEN_KEEPS, WHEN_LOCKS: only when it is PR_SET_KEEPCAPS, RLIMIT_LOCKS.
 */
enum when { WHEN_ALWAYS, WHEN_CREATES, WHEN_KEEPS, WHEN_LOCKS };

static const struct {
    uint16_t test;
    uint32_t value;
} whens[] = {
    [WHEN_CREATES] = {BPF_JSET, O_CREAT}, [WHEN_KEEPS] = {BPF_JEQ, PR_SET_KEEPCAPS}, [WHEN_LOCKS] = {BPF_JEQ, RLIMIT_LOCKS},
};

static const struct row {
    const char *name;
    enum call call;
    enum when when;
    int argument;
    bool is_narrow;     /* on i386: the old call of 16-bit ids, and struct stat's old form, which is not looked at */
} rows[] = {
    /* Those that programs call most often come first: rows are gone through one by one. */
    {"open", CALL_OPEN, WHEN_CREATES, 1, false}, {"openat", CALL_OPENAT, WHEN_CREATES, 2, false},
    {"stat", CALL_STAT, 0, 0, true}, {"lstat", CALL_LSTAT, 0, 0, true}, {"fstat", CALL_FSTAT, 0, 0, true},
    {"newfstatat", CALL_FSTATAT, 0, 0, false},
    {"stat64", CALL_STAT, 0, 0, false}, {"lstat64", CALL_LSTAT, 0, 0, false}, {"fstat64", CALL_FSTAT, 0, 0, false},
    {"fstatat64", CALL_FSTATAT, 0, 0, false}, {"statx", CALL_STATX, 0, 0, false},
    {"chown", CALL_CHOWN, 0, 0, true}, {"lchown", CALL_LCHOWN, 0, 0, true}, {"fchown", CALL_FCHOWN, 0, 0, true},
    {"chown32", CALL_CHOWN, 0, 0, false}, {"lchown32", CALL_LCHOWN, 0, 0, false}, {"fchown32", CALL_FCHOWN, 0, 0, false},
    {"fchownat", CALL_FCHOWNAT, 0, 0, false},
    {"mknod", CALL_MKNOD, 0, 0, false}, {"mknodat", CALL_MKNODAT, 0, 0, false},
    {"openat2", CALL_OPENAT2, 0, 0, false}, {"creat", CALL_CREAT, 0, 0, false}, {"mkdir", CALL_MKDIR, 0, 0, false}, {"mkdirat", CALL_MKDIRAT, 0, 0, false},
    {"symlink", CALL_SYMLINK, 0, 0, false}, {"symlinkat", CALL_SYMLINKAT, 0, 0, false},
    {"execve", CALL_EXECVE, 0, 0, false}, {"execveat", CALL_EXECVEAT, 0, 0, false}, {"chroot", CALL_CHROOT, 0, 0, false},
    {"getuid", CALL_GETUID, 0, 0, true}, {"geteuid", CALL_GETEUID, 0, 0, true},
    {"getgid", CALL_GETGID, 0, 0, true}, {"getegid", CALL_GETEGID, 0, 0, true},
    {"getuid32", CALL_GETUID, 0, 0, false}, {"geteuid32", CALL_GETEUID, 0, 0, false},
    {"getgid32", CALL_GETGID, 0, 0, false}, {"getegid32", CALL_GETEGID, 0, 0, false},
    {"getresuid", CALL_GETRESUID, 0, 0, true}, {"getresgid", CALL_GETRESGID, 0, 0, true},
    {"getresuid32", CALL_GETRESUID, 0, 0, false}, {"getresgid32", CALL_GETRESGID, 0, 0, false},
    {"getgroups", CALL_GETGROUPS, 0, 0, true}, {"getgroups32", CALL_GETGROUPS, 0, 0, false},
    {"setuid", CALL_SETUID, 0, 0, true}, {"setgid", CALL_SETGID, 0, 0, true},
    {"setuid32", CALL_SETUID, 0, 0, false}, {"setgid32", CALL_SETGID, 0, 0, false},
    {"setreuid", CALL_SETREUID, 0, 0, true}, {"setregid", CALL_SETREGID, 0, 0, true},
    {"setreuid32", CALL_SETREUID, 0, 0, false}, {"setregid32", CALL_SETREGID, 0, 0, false},
    {"setresuid", CALL_SETRESUID, 0, 0, true}, {"setresgid", CALL_SETRESGID, 0, 0, true},
    {"setresuid32", CALL_SETRESUID, 0, 0, false}, {"setresgid32", CALL_SETRESGID, 0, 0, false},
    {"setfsuid", CALL_SETFSUID, 0, 0, true}, {"setfsgid", CALL_SETFSGID, 0, 0, true},
    {"setfsuid32", CALL_SETFSUID, 0, 0, false}, {"setfsgid32", CALL_SETFSGID, 0, 0, false},
    {"setgroups", CALL_SETGROUPS, 0, 0, true}, {"setgroups32", CALL_SETGROUPS, 0, 0, false},
    {"prctl", CALL_KEEPCAPS, WHEN_KEEPS, 0, false},
    {"setrlimit", CALL_LOCKS, WHEN_LOCKS, 0, false}, {"prlimit64", CALL_ASK_LOCKS, WHEN_LOCKS, 1, false},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const struct arch {
    uint32_t native, sub;       /* libseccomp's */
    uint32_t native_audit, sub_audit;
} archs[] = {
    {SCMP_ARCH_X86_64, SCMP_ARCH_X86, AUDIT_ARCH_X86_64, AUDIT_ARCH_I386},
    {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM},
    {SCMP_ARCH_RISCV64, 0, AUDIT_ARCH_RISCV64, 0},
    {SCMP_ARCH_PPC64LE, 0, AUDIT_ARCH_PPC64LE, 0},
};

static const struct arch *this_arch(void)
{
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (archs[i].native == seccomp_arch_native())
            return &archs[i];
    return NULL;
}

_Static_assert((int)ROWS <= (int)FAKE_CALLS, "room for the numbers of all rows");

static void find_numbers(const struct arch *arch, struct fake *fake)
{
    for (int sub = 0; sub < 2; sub++)
        for (size_t i = 0; i < ROWS; i++) {
            int number = -1;
            if (!sub || arch->sub)
                number = seccomp_syscall_resolve_name_arch(sub ? arch->sub : arch->native, rows[i].name);
            fake->numbers[sub][i] = number < 0 ? -1 : number;
        }
}

struct assembler {
    struct sock_filter *program;
    size_t count;
};

static void emit(struct assembler *to, uint16_t code, uint32_t k, unsigned if_true, unsigned if_false)
{
    if (to->count < FAKE_ROOM)
        to->program[to->count] = (struct sock_filter){code, (uint8_t)if_true, (uint8_t)if_false, k};
    to->count++;
}

static void answer(struct assembler *to, uint32_t action)
{
    emit(to, BPF_RET | BPF_K, action, 0, 0);
}

static void load_argument(struct assembler *to, int n)
{
    size_t low = __BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4;
    emit(to, BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offsetof(struct seccomp_data, args) + (size_t)n * 8 + low), 0, 0);
}

static void send(struct assembler *to, const struct row *row, int number)
{
    if (row->when) {
        emit(to, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4);
        load_argument(to, row->argument);
        emit(to, (uint16_t)(BPF_JMP | whens[row->when].test | BPF_K), whens[row->when].value, 0, 1);
        answer(to, SECCOMP_RET_USER_NOTIF);
        answer(to, SECCOMP_RET_ALLOW);
        return;
    }
    emit(to, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
    answer(to, SECCOMP_RET_USER_NOTIF);
}

static bool is_sent(const struct row *row, int sub)
{
    /* The oldest form of struct stat has ids of 16 bits; nothing of today asks for it. */
    bool is_old_stat = sub && row->is_narrow && row->call >= CALL_STAT && row->call <= CALL_FSTAT;
    return !is_old_stat;
}

static void send_all(struct assembler *to, const int numbers[FAKE_CALLS], int sub)
{
    emit(to, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    for (size_t i = 0; i < ROWS; i++)
        if (numbers[i] >= 0 && is_sent(&rows[i], sub))
            send(to, &rows[i], numbers[i]);
    answer(to, SECCOMP_RET_ALLOW);
}

bool fake_build(struct fake *fake)
{
    const struct arch *arch = this_arch();
    struct assembler to = {.program = fake->program};
    if (!arch)
        return false;
    fake->native = arch->native_audit;
    find_numbers(arch, fake);
    emit(&to, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    emit(&to, BPF_JMP | BPF_JEQ | BPF_K, arch->native_audit, 1, 0);
    size_t jump = to.count;
    /* Over the section, which is longer than a conditional jump reaches. */
    emit(&to, BPF_JMP | BPF_JA, 0, 0, 0);
    send_all(&to, fake->numbers[0], 0);
    if (to.count <= FAKE_ROOM)
        fake->program[jump].k = (uint32_t)(to.count - jump - 1);
    if (arch->sub) {
        emit(&to, BPF_JMP | BPF_JEQ | BPF_K, arch->sub_audit, 1, 0);
        answer(&to, SECCOMP_RET_ALLOW);
        send_all(&to, fake->numbers[1], 1);
    } else {
        answer(&to, SECCOMP_RET_ALLOW);
    }
    fake->count = to.count;
    return to.count <= FAKE_ROOM;
}

struct fake_call fake_find(const struct fake *fake, uint32_t arch, int number)
{
    bool is_sub = arch != fake->native;
    for (size_t i = 0; i < ROWS; i++)
        if (fake->numbers[is_sub][i] == number)
            return (struct fake_call){rows[i].call, is_sub && rows[i].is_narrow, is_sub};
    return (struct fake_call){CALL_NONE, false, false};
}
