/*
 * The system calls that a single-id sandbox answers itself: which they are, and the filter that sends them to the
 * supervisor.
 */
#ifndef DFGEN_SANDBOX_FAKE_H
#define DFGEN_SANDBOX_FAKE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAKE_ROOM = 512, FAKE_CALLS = 80 };

enum call {
    CALL_NONE,
    CALL_CHOWN, CALL_LCHOWN, CALL_FCHOWN, CALL_FCHOWNAT,
    CALL_MKNOD, CALL_MKNODAT, CALL_OPEN, CALL_OPENAT, CALL_OPENAT2, CALL_CREAT, CALL_MKDIR, CALL_MKDIRAT, CALL_SYMLINK, CALL_SYMLINKAT,
    CALL_STAT, CALL_LSTAT, CALL_FSTAT, CALL_FSTATAT, CALL_STATX, CALL_EXECVE, CALL_EXECVEAT, CALL_CHROOT,
    CALL_GETUID, CALL_GETEUID, CALL_GETGID, CALL_GETEGID, CALL_GETRESUID, CALL_GETRESGID, CALL_GETGROUPS,
    CALL_SETUID, CALL_SETGID, CALL_SETREUID, CALL_SETREGID, CALL_SETRESUID, CALL_SETRESGID, CALL_SETFSUID, CALL_SETFSGID,
    CALL_SETGROUPS, CALL_KEEPCAPS, CALL_LOCKS, CALL_ASK_LOCKS,
};

struct fake_call {
    enum call call;
    bool is_narrow;     /* ids are of 16 bits */
    bool is_sub;        /* a call of the 32-bit architecture */
};

struct fake {
    struct sock_filter program[FAKE_ROOM];
    size_t count;                       /* of the program's instructions */
    uint32_t native;                    /* AUDIT_ARCH_ of this machine */
    int numbers[2][FAKE_CALLS];         /* the table's calls on it and on its 32-bit side; -1: none */
};

/* False: this build or architecture has none. */
bool fake_build(struct fake *fake);

/* What a call that the program sends is. arch and number are those of struct seccomp_data. */
struct fake_call fake_find(const struct fake *fake, uint32_t arch, int number);

#endif
