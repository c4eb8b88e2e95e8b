/*
 * Owns the rule for times of files. Called by those who write tars and folders, and by gen for its option. Must not
 * know what is written.
 */
#include "runtime/lib/times.h"

#include <string.h>

const char *const times_names[] = {"epoch", "clamp", "keep"};

bool times_parse(const char *text, enum times *times)
{
    for (size_t i = 0; i < sizeof times_names / sizeof *times_names; i++) {
        if (!strcmp(text, times_names[i])) {
            *times = (enum times)i;
            return true;
        }
    }
    return false;
}

int64_t times_of(enum times times, int64_t own, int64_t epoch)
{
    return times == TIMES_EPOCH || (times == TIMES_CLAMP && own > epoch) ? epoch : own;
}
