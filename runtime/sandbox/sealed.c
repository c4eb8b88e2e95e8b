/*
 * Owns the sealed copy of the running program (CVE-2019-5736). Called by dfgen-run before it sets up a sandbox. Must not know why.
 */
#include "runtime/sandbox/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

bool sealed_is_running(void)
{
    autoclose int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int seals = self < 0 ? -1 : fcntl(self, F_GET_SEALS);
    return seals >= 0 && (seals & SEALS) == SEALS;
}

/* Up to where it is loaded when it runs: what follows is for debuggers. */
static size_t loaded_size(void)
{
    const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t end = 0;
    for (unsigned long i = 0; header && i < getauxval(AT_PHNUM); i++)
        if (header[i].p_offset + header[i].p_filesz > end)
            end = header[i].p_offset + header[i].p_filesz;
    return end;
}

static int copy_program(int from, int to)
{
    size_t left = loaded_size();
    if (!left)
        return fd_copy(from, to, -1);
    while (left) {
        ssize_t put = sendfile(to, from, NULL, left);
        if (put <= 0)
            return fd_copy(from, to, (int64_t)left);
        left -= (size_t)put;
    }
    return 0;
}

int sealed_exec(char **argv)
{
    autoclose int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self < 0)
        return -1;
    autoclose int copy = memfd_create("dfgen-run", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    /* Linux before 6.3 does not know that it may be executed, and lets it. */
    if (copy < 0 && errno == EINVAL)
        copy = memfd_create("dfgen-run", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0 || copy_program(self, copy) < 0 || fcntl(copy, F_ADD_SEALS, SEALS) < 0)
        return -1;
    return fexecve(copy, argv, environ);
}
