/* Fuzz entry: any bytes as registries.conf, and some names that are looked up by it. */
#include "runtime/registry/hosts.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/fdio.h"
#include "tests/fuzz/fuzz.h"

static const char *const names[] = {"docker.io/library/busybox", "images.example/a/b", "a.b.wild.example:5000/c",
                                    "a/b"};

static void look_up(struct hosts *hosts, const char *name)
{
    struct places places = {0};
    const char *why = hosts_places(hosts, name, true, false, &places);
    for (size_t i = 0; i < places.items.count && !why; i++)
        if (!*places.items.items[i].host || !*places.items.items[i].repository)
            abort();
    if (!why && !places.items.count)
        abort();
    vec_free(&places.items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct hosts hosts;
    char path[64];
    autoclose int fd = memfd_create("registries.conf", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, data, size) < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    setenv("CONTAINERS_REGISTRIES_CONF", path, 1);
    setenv("HOME", "/nowhere", 1);
    unsetenv("XDG_CONFIG_HOME");
    const char *why = hosts_read(&hosts, &arena, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names && !why; i++)
        look_up(&hosts, names[i]);
    hosts_free(&hosts);
    arena_free(&arena);
    return 0;
}
