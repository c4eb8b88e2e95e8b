/*
 * The twin of fake.c for builds without libseccomp: there are no numbers of calls, so nothing can be answered in the kernel's place, and the
 * sandbox refuses to run without subordinate ids. Must not pretend otherwise.
 */
#include "runtime/sandbox/fake.h"

bool fake_build(struct fake *fake)
{
    (void)fake;
    return false;
}

struct fake_call fake_find(const struct fake *fake, uint32_t arch, int number)
{
    (void)fake;
    (void)arch;
    (void)number;
    return (struct fake_call){CALL_NONE, false, false};
}
