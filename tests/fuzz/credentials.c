/* Fuzz entry: any bytes as auth.json or config.json, where credentials are looked for. No helper program is found. */
#include "runtime/registry/credentials.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/fdio.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct credentials found;
    char path[64];
    autoclose int fd = memfd_create("auth.json", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, data, size) < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    setenv("PATH", "/nowhere", 1);
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "docker.io/library/a" : "r.example:5000/a/b";
        const char *why = credentials_find(&arena, path, NULL, 0, name, &found);
        if (!why && found.user && (!found.password || strlen(found.user) > size))
            abort();
    }
    arena_free(&arena);
    return 0;
}
