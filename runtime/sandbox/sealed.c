/*
 * Owns the sealed copy of the running program (CVE-2019-5736). Called by dfgen-run before it sets up a sandbox. Must not know why.
 */
#include "runtime/sandbox/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
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

int sealed_exec(char **argv)
{
    autoclose int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self < 0)
        return -1;
    autoclose int copy = memfd_create("dfgen-run", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    /* Linux before 6.3 does not know that it may be executed, and lets it. */
    if (copy < 0 && errno == EINVAL)
        copy = memfd_create("dfgen-run", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0 || fd_copy(self, copy, -1) < 0 || fcntl(copy, F_ADD_SEALS, SEALS) < 0)
        return -1;
    return fexecve(copy, argv, environ);
}
