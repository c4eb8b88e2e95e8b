/*
 * Owns the answer to whose a build file is. Called before anything is done, and by the emitters. Must not know any
 * syntax but "#".
 */
#include "gen/emit/emit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/fdio.h"

const char emit_mark[] = "# Made by dfgen. Do not edit: it is written again when the Dockerfile changes.\n";

bool emit_may_write(const char *build_file)
{
    struct stat st;
    char first[sizeof emit_mark - 1];
    if (lstat(build_file, &st) < 0)
        return errno == ENOENT;
    autoclose int fd = open(build_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (!S_ISREG(st.st_mode) || fd < 0 || fd_pread_all(fd, first, sizeof first, 0) < 0)
        return false;
    return !memcmp(first, emit_mark, sizeof first);
}
