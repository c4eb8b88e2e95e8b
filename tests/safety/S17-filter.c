/* Tries what a RUN's system calls may not do, by number and in both ABIs of this processor; prints what is not answered as it should be. Static: it runs in any image. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OK = 0, REACHES = -1 }; /* REACHES: anything but EPERM and ENOSYS, which a filter answers; the kernel looks at the arguments */

/* A call that gets so far fails on these arguments, or does nothing. */
struct probe {
    const char *name;
    long native, sub;   /* numbers; -1: none */
    long args[3];
    int want;
};

#if defined __x86_64__
static const struct probe probes[] = {
    {"add_key", 248, 286, {0}, EPERM}, {"request_key", 249, 287, {0}, EPERM}, {"keyctl", 250, 288, {0}, EPERM},
    {"io_uring_setup", 425, 425, {0}, EPERM}, {"io_uring_enter", 426, 426, {-1}, EPERM}, {"io_uring_register", 427, 427, {-1}, EPERM},
    {"userfaultfd", 323, 374, {0}, EPERM}, {"kexec_load", 246, 283, {0}, EPERM}, {"kexec_file_load", 320, -1, {-1}, EPERM},
    {"swapon", 167, 87, {0}, EPERM}, {"swapoff", 168, 115, {0}, EPERM}, {"pivot_root", 155, 217, {0}, EPERM},
    {"move_pages", 279, 317, {-1}, EPERM}, {"migrate_pages", 256, 294, {-1}, EPERM}, {"uselib", 134, 86, {0}, EPERM},
    {"ustat", 136, 62, {0}, EPERM}, {"sysfs", 139, 135, {9}, EPERM}, {"_sysctl", 156, 149, {0}, EPERM},
    {"nfsservctl", 180, 169, {0}, EPERM}, {"create_module", 174, 127, {0}, EPERM}, {"query_module", 178, 167, {0}, EPERM},
    {"get_kernel_syms", 177, 130, {0}, EPERM}, {"getpmsg", 181, 188, {0}, EPERM}, {"putpmsg", 182, 189, {0}, EPERM},
    {"afs_syscall", 183, 137, {0}, EPERM}, {"tuxcall", 184, -1, {0}, EPERM}, {"security", 185, -1, {0}, EPERM},
    {"vserver", 236, 273, {0}, EPERM}, {"vm86", -1, 166, {0}, EPERM}, {"vm86old", -1, 113, {0}, EPERM},
    {"mount", 165, 21, {0}, EPERM}, {"umount2", 166, 52, {0}, EPERM}, {"umount", -1, 22, {0}, EPERM}, {"fsopen", 430, 430, {0}, EPERM},
    {"fsconfig", 431, 431, {-1}, EPERM}, {"fsmount", 432, 432, {-1}, EPERM}, {"fspick", 433, 433, {-1}, EPERM},
    {"move_mount", 429, 429, {-1}, EPERM}, {"open_tree", 428, 428, {-1}, EPERM}, {"mount_setattr", 442, 442, {-1}, EPERM},
    {"unshare", 272, 310, {0x10000000}, EPERM}, {"setns", 308, 346, {-1}, EPERM}, {"bpf", 321, 357, {99}, EPERM},
    {"clone of a user namespace", 56, 120, {0x10000000}, EPERM}, {"clone of a network namespace", 56, 120, {0x40000000}, EPERM},
    {"clone of a cgroup namespace", 56, 120, {0x02000000}, EPERM}, {"clone3", 435, 435, {0}, ENOSYS},
    {"fanotify_init", 300, 338, {0}, EPERM}, {"perf_event_open", 298, 336, {0}, EPERM}, {"quotactl", 179, 131, {0}, EPERM},
    {"quotactl_fd", 443, 443, {-1}, EPERM}, {"sethostname", 170, 74, {0}, EPERM}, {"setdomainname", 171, 121, {0}, EPERM},
    {"syslog", 103, 103, {3}, EPERM}, {"lookup_dcookie", 212, 253, {0}, EPERM}, {"lsm_get_self_attr", 459, 459, {0}, EPERM},
    {"lsm_set_self_attr", 460, 460, {0}, EPERM}, {"lsm_list_modules", 461, 461, {0}, EPERM},
    {"open_by_handle_at", 304, 342, {-1}, EPERM}, {"kcmp", 312, 349, {-1}, EPERM}, {"pidfd_getfd", 438, 438, {-1}, EPERM},
    {"process_madvise", 440, 440, {-1}, EPERM}, {"init_module", 175, 128, {0}, EPERM}, {"finit_module", 313, 350, {-1}, EPERM},
    {"delete_module", 176, 129, {0}, EPERM}, {"reboot", 169, 88, {0}, EPERM}, {"acct", 163, 51, {0}, EPERM},
    {"iopl", 172, 110, {0}, EPERM}, {"ioperm", 173, 101, {0}, EPERM}, {"settimeofday", 164, 79, {0}, EPERM}, {"stime", -1, 25, {0}, EPERM},
    {"clock_settime", 227, 264, {99}, EPERM}, {"clock_settime64", -1, 404, {99}, EPERM}, {"vhangup", 153, 111, {0}, EPERM},
    {"mbind", 237, 274, {0}, EPERM}, {"get_mempolicy", 239, 275, {0}, EPERM}, {"set_mempolicy", 238, 276, {99}, EPERM},
    {"set_mempolicy_home_node", 450, 450, {0}, EPERM},
    {"socket of AF_ALG", 41, 359, {38, 5, 0}, EPERM}, {"socket of AF_VSOCK", 41, 359, {40, 1, 0}, EPERM},
    {"socket of AF_VSOCK, more above", 41, 359, {0x100000028, 1, 0}, EPERM},
    {"personality of old times", 135, 136, {4}, EPERM}, {"personality without randomness", 135, 136, {0x40000}, EPERM},
    {"a number that is not there yet", 467, 467, {0}, ENOSYS}, {"a large number", 100000, 100000, {0}, ENOSYS},
    {"the x32 ABI's getpid", 0x40000027, -1, {0}, ENOSYS},
    {"getpid", 39, 20, {0}, OK}, {"personality that is asked for", 135, 136, {0xffffffff}, OK}, {"socket", 41, 359, {1, 1, 0}, OK},
    {"ptrace", 101, 26, {16, 0x7ffffff}, REACHES}, {"statmount", 457, 457, {0}, REACHES}, {"mseal", 462, 462, {1}, REACHES},
    {"listxattrat", 465, 465, {-1, 0, 0}, REACHES}, {"mknod", 133, 14, {0}, REACHES}, {"chroot", 161, 61, {0}, REACHES},
};

static long call(const struct probe *probe, int is_sub)
{
    if (!is_sub)
        return syscall(probe->native, probe->args[0], probe->args[1], probe->args[2], 0L, 0L, 0L) < 0 ? errno : 0;
    long result;
    __asm__ volatile("push %%rbp; xor %%ebp, %%ebp; int $0x80; pop %%rbp"
                     : "=a"(result)
                     : "a"(probe->sub), "b"(probe->args[0]), "c"(probe->args[1]), "d"(probe->args[2]), "S"(0L), "D"(0L)
                     : "memory", "cc", "r8", "r9", "r10", "r11");
    return (int)result < 0 && (int)result > -4096 ? -(int)result : 0;
}
#else
static const struct probe probes[] = {
    {"io_uring_setup", SYS_io_uring_setup, -1, {0}, EPERM}, {"keyctl", SYS_keyctl, -1, {0}, EPERM}, {"mount", SYS_mount, -1, {0}, EPERM},
    {"unshare", SYS_unshare, -1, {0x10000000}, EPERM}, {"setns", SYS_setns, -1, {-1}, EPERM}, {"clone3", SYS_clone3, -1, {0}, ENOSYS},
    {"clone of a user namespace", SYS_clone, -1, {0x10000000}, EPERM}, {"bpf", SYS_bpf, -1, {99}, EPERM},
    {"socket of AF_VSOCK", SYS_socket, -1, {40, 1, 0}, EPERM}, {"personality", SYS_personality, -1, {4}, EPERM},
    {"a number that is not there yet", 467, -1, {0}, ENOSYS}, {"getpid", SYS_getpid, -1, {0}, OK},
};

static long call(const struct probe *probe, int is_sub)
{
    (void)is_sub;
    return syscall(probe->native, probe->args[0], probe->args[1], probe->args[2], 0L, 0L, 0L) < 0 ? errno : 0;
}
#endif

int main(void)
{
    int tried = 0;
    for (int is_sub = 0; is_sub < 2; is_sub++)
        for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
            const struct probe *probe = &probes[i];
            if ((is_sub ? probe->sub : probe->native) < 0)
                continue;
            int got = (int)call(probe, is_sub);
            tried++;
            /* A kernel that is older than a call has it not. */
            int fine = probe->want == REACHES ? got != EPERM : got == probe->want;
            if (!fine)
                printf("wrong: %s, ABI %d: %s\n", probe->name, is_sub, strerror(got));
        }
    printf("tried %d\n", tried);
    return 0;
}
