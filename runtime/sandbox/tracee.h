/*
 * The process whose call is being answered: its memory, its files, its folders. What it says is untrusted, and it may
 * be gone any time.
 */
#ifndef DFGEN_SANDBOX_TRACEE_H
#define DFGEN_SANDBOX_TRACEE_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/sandbox/fake.h"

struct creds_table;
struct owners;
struct seccomp_notif;
struct statx;

/* What the threads that answer share. The process's root is the payload's. */
struct supervisor {
    const struct fake *fake;
    struct owners *owners;
    struct creds_table *creds;
    int listener;
    int proc;           /* procfs of the namespace that calls are reported in */
    int upper;          /* the folder of what is new, -1: none */
    dev_t root_device;
    uint32_t uid, gid;  /* of what the payload's first process makes */
    _Atomic(bool) has_chroots;
    _Atomic(bool) has_receiver; /* a thread waits for a call; the others wait here */
    sem_t others;
};

struct tracee {
    struct supervisor *supervisor;
    const struct seccomp_notif *request;
    struct fake_call call;
    pid_t pid;
};

/* Argument n of the call. */
uint64_t tracee_argument(const struct tracee *tracee, int n);
/* The same as a descriptor or AT_FDCWD, as flags or a mode, and as an id: -1 stays -1 in 16 bits. */
int tracee_int(const struct tracee *tracee, int n);
uint32_t tracee_id(const struct tracee *tracee, int n);

/*
 * False when it has ended: its number may be another's. To be asked between looking things up by number and using them.
 */
bool tracee_is_there(const struct tracee *tracee);

/* -1 with errno. */
int tracee_read(const struct tracee *tracee, uint64_t address, void *data, size_t len);
int tracee_read_path(const struct tracee *tracee, uint64_t address, char path[]);
int tracee_write(const struct tracee *tracee, uint64_t address, const void *data, size_t len);
mode_t tracee_umask(const struct tracee *tracee);

/* Where a path begins: a descriptor to close, AT_FDCWD for an absolute one, -1 with errno. */
int tracee_open_start(const struct tracee *tracee, int dir, const char *path);

/*
 * O_PATH descriptor of what argument path and folder dir mean, as the call would look it up; flags: AT_EMPTY_PATH,
 * AT_SYMLINK_NOFOLLOW. -1 with errno.
 */
int tracee_open(const struct tracee *tracee, int dir, const char *path, int flags);
int tracee_open_fd(const struct tracee *tracee, int fd);

/* statx of the same, with the time of birth. */
int tracee_stat(const struct tracee *tracee, int dir, const char *path, int flags, struct statx *st);

/*
 * The folder in which a path's last component lies, "" for where it begins (AT_EMPTY_PATH then means that), and that
 * component: both are path, which is cut. NULL with errno.
 */
const char *tracee_split(char *path, const char **base);

#endif
