/*
 * Where a repository is to be had, by registries.conf and dfgen.ini: each row is both, a question, and the places in
 * their order.
 */
#include "runtime/registry/hosts.h"

#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"

#include "tests/unit/unit.h"

static const char prefixed[] = "[[registry]]\nprefix='images.example'\nlocation='real.example/hub'\n"
                               "[[registry.mirror]]\nlocation='m1.example'\n"
                               "[[registry.mirror]]\nlocation='m2.example/x'\ninsecure=true\n"
                               "pull-from-mirror='digest-only'\n"
                               "[[registry]]\nprefix='images.example/deep/er'\nlocation='deep.example'\n"
                               "[[registry]]\nprefix='images.example/no'\nblocked=true\n"
                               "[[registry]]\nprefix='*.wild.example'\ninsecure=true\n";

static const struct row {
    const char *conf, *settings, *repository;
    const char *places;     /* "HOST/REPOSITORY" each, with " mirror", " insecure", " local"; or a part of the error */
    bool by_digest, for_push, is_error;
} rows[] = {
    {"", "{}", "docker.io/library/busybox", "registry-1.docker.io/library/busybox\n", false, false, false},
    {"", "{}", "quay.example/a/b", "quay.example/a/b\n", false, false, false},
    {"", "{}", "localhost:5000/a", "localhost:5000/a local\n", false, false, false},
    {"", "{}", "127.0.0.1/a", "127.0.0.1/a local\n", false, false, false},
    {"", "{}", "[::1]:5000/a", "[::1]:5000/a local\n", false, false, false},
    {"", "{}", "localhost.example/a", "localhost.example/a\n", false, false, false},
    {"", "{\"tls_verify\":false}", "quay.example/a", "quay.example/a insecure\n", false, false, false},
    {prefixed, "{}", "images.example/a", "m1.example/a mirror\nreal.example/hub/a\n", false, false, false},
    {prefixed, "{}", "images.example/a", "m1.example/a mirror\nm2.example/x/a mirror insecure\nreal.example/hub/a\n",
     true, false, false},
    {prefixed, "{}", "images.example/a", "real.example/hub/a\n", true, true, false},
    {prefixed, "{}", "images.example/deep/er/a", "deep.example/a\n", false, false, false},
    {prefixed, "{}", "images.example/deep/era", "m1.example/deep/era mirror\nreal.example/hub/deep/era\n", false, false,
     false},
    {prefixed, "{}", "images.example/no/a", "is blocked by", false, false, true},
    {prefixed, "{}", "images.examples/a", "images.examples/a\n", false, false, false},
    {prefixed, "{}", "a.b.wild.example/a", "a.b.wild.example/a insecure\n", false, false, false},
    {prefixed, "{}", "wild.example/a", "wild.example/a\n", false, false, false},
    {prefixed, "{\"rules\":[{\"prefix\":\"images.example\",\"mirrors\":[\"own.example/y\"]}]}", "images.example/a",
     "own.example/y/a mirror\nimages.example/a\n", false, false, false},
    {prefixed, "{\"rules\":[{\"prefix\":\"images.example\",\"blocked\":true}]}", "images.example/a",
     "is blocked by dfgen.ini", false, false, true},
    {"[[registry]]\nlocation='r.example'\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation='m.example'\n",
     "{}", "r.example/a", "r.example/a\n", false, false, false},
    {"[[registry]]\nlocation='r.example'\n[[registry.mirror]]\nlocation='m.example'\npull-from-mirror='tag-only'\n",
     "{}", "r.example/a", "r.example/a\n", true, false, false},
    /* What is wrong with a file, and where */
    {"[[registry]]\nlocation=true\n", "{}", "a.example/a", ":2: location has a value of another kind", false, false,
     true},
    {"[[registry]]\nlocation='a'\nmirrors=[]\n", "{}", "a.example/a", ":3: the key mirrors", false, false, true},
    {"[[registry]]\n", "{}", "a.example/a", "neither prefix nor location", false, false, true},
    {"[[registry]]\nlocation='a'\n[[registry.mirror]]\n", "{}", "a.example/a", "has no location", false, false, true},
    {"[[registry.mirror]]\nlocation='a'\n", "{}", "a.example/a", "before any [[registry]]", false, false, true},
    {"[registries.search]\nregistries=[]\n", "{}", "a.example/a", "version 1", false, false, true},
    {"[other]\n", "{}", "a.example/a", "the table other", false, false, true},
    {"[[registry]]\nlocation='a'\n[[registry.mirror]]\npull-from-mirror='never'\n", "{}", "a.example/a",
     "is all, digest-only", false, false, true},
};

static void write_conf(const char *text)
{
    char path[64];
    static int fd = -1;
    if (fd >= 0)
        close(fd);
    fd = memfd_create("registries.conf", MFD_CLOEXEC);
    if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    setenv("CONTAINERS_REGISTRIES_CONF", path, 1);
}

static void list(const struct places *places, struct buf *text)
{
    for (size_t i = 0; i < places->items.count; i++) {
        const struct place *place = &places->items.items[i];
        buf_printf(text, "%s/%s%s%s%s\n", place->host, place->repository, place->is_mirror ? " mirror" : "",
                   place->is_insecure ? " insecure" : "", place->is_local ? " local" : "");
    }
}

int main(void)
{
    setenv("HOME", "/nowhere", 1);
    unsetenv("XDG_CONFIG_HOME");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct hosts hosts;
        struct places places = {0};
        struct buf text = {0};
        json_t *settings = json_loads(rows[i].settings, 0, NULL);
        unit_row("%zu %s", i, rows[i].repository);
        write_conf(rows[i].conf);
        const char *why = hosts_read(&hosts, &arena, settings);
        if (!why)
            why = hosts_places(&hosts, rows[i].repository, rows[i].by_digest, rows[i].for_push, &places);
        list(&places, &text);
        if (rows[i].is_error)
            UNIT_TRUE(why && strstr(why, rows[i].places));
        else
            UNIT_STR(why ? why : rows[i].places, buf_text(&text));
        buf_free(&text);
        vec_free(&places.items);
        hosts_free(&hosts);
        json_decref(settings);
        arena_free(&arena);
    }
    return unit_end();
}
