/*
 * Owns the list of devices that can be opened, and the program that says so. Called by cgroup.c. Must not know how the group came to be.
 * The default capabilities hold CAP_MKNOD, so real root can make the node of any disk; the kernel asks this program whether it is opened.
 */
#include "runtime/sandbox/devices.h"

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"

enum { ANY = -1, ROOM = 128 };

/* Character devices. */
static const struct {
    int major, minor;
} allowed[] = {
    {1, 3} /* null */, {1, 5} /* zero */, {1, 7} /* full */, {1, 8} /* random */, {1, 9} /* urandom */,
    {5, 0} /* tty */, {5, 2} /* ptmx */, {136, ANY} /* pts */, {10, 200} /* net/tun */,
};

/* Registers: what is asked, its kind of device, its numbers. */
enum { ANSWER = BPF_REG_0, CONTEXT = BPF_REG_1, KIND = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5 };

struct program {
    struct bpf_insn items[ROOM];
    size_t count;
};

static void emit(struct program *to, int code, int dst, int src, int off, int imm)
{
    to->items[to->count++] = (struct bpf_insn){.code = (uint8_t)code, .dst_reg = (uint8_t)(dst & 15), .src_reg = (uint8_t)(src & 15),
                                               .off = (int16_t)off, .imm = imm};
}

static void load(struct program *to, int reg, size_t offset)
{
    emit(to, BPF_LDX | BPF_MEM | BPF_W, reg, CONTEXT, (int)offset, 0);
}

static void answer(struct program *to, int value)
{
    emit(to, BPF_ALU64 | BPF_MOV | BPF_K, ANSWER, 0, 0, value);
    emit(to, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void build(struct program *to)
{
    load(to, KIND, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    emit(to, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, KIND, 0, 0);
    emit(to, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
    emit(to, BPF_ALU64 | BPF_AND | BPF_K, KIND, 0, 0, 0xffff);
    load(to, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    load(to, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
    emit(to, BPF_JMP | BPF_JNE | BPF_K, ACCESS, 0, 2, BPF_DEVCG_ACC_MKNOD);
    answer(to, 1);
    emit(to, BPF_JMP | BPF_JEQ | BPF_K, KIND, 0, 2, BPF_DEVCG_DEV_CHAR);
    answer(to, 0);
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        bool is_any = allowed[i].minor == ANY;
        emit(to, BPF_JMP | BPF_JNE | BPF_K, MAJOR, 0, is_any ? 2 : 3, allowed[i].major);
        if (!is_any)
            emit(to, BPF_JMP | BPF_JNE | BPF_K, MINOR, 0, 2, allowed[i].minor);
        answer(to, 1);
    }
    answer(to, 0);
}

int devices_guard(int group)
{
    struct program program = {.count = 0};
    build(&program);
    union bpf_attr attr = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insns = (uint64_t)(uintptr_t)program.items, .insn_cnt = (uint32_t)program.count,
        .license = (uint64_t)(uintptr_t)"GPL",
    };
    autoclose int loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
    if (loaded < 0)
        return -1;
    union bpf_attr attach = {
        .target_fd = (uint32_t)group, .attach_bpf_fd = (uint32_t)loaded, .attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI,
    };
    return (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach);
}
