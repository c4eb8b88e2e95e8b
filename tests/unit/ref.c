/* Guards the grammar of image references, their full form, and the short form that people read. */
#include "gen/ref.h"

#include "runtime/lib/arena.h"
#include "tests/unit/unit.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* full NULL: no reference, and familiar is the beginning of why */
static const struct {
    const char *in, *full, *familiar;
} rows[] = {
    {"busybox", "docker.io/library/busybox:latest", "busybox"},
    {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
    {"library/busybox", "docker.io/library/busybox:latest", "busybox"},
    {"me/app", "docker.io/me/app:latest", "me/app"},
    {"docker.io/busybox", "docker.io/library/busybox:latest", "busybox"},
    {"docker.io/library/busybox:latest", "docker.io/library/busybox:latest", "busybox"},
    {"index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox"},
    {"localhost/x", "localhost/x:latest", "localhost/x"},
    {"localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x"},
    {"registry.example/a/b_c/d-e.f:T_1", "registry.example/a/b_c/d-e.f:T_1", "registry.example/a/b_c/d-e.f:T_1"},
    {"Registry.Example/x", "Registry.Example/x:latest", "Registry.Example/x"},
    {"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x"},
    {"a/b/c", "docker.io/a/b/c:latest", "a/b/c"},
    {"x@sha256:" HEX, "docker.io/library/x@sha256:" HEX, "x@sha256:" HEX},
    {"x:t@sha256:" HEX, "docker.io/library/x:t@sha256:" HEX, "x:t@sha256:" HEX},
    {"x__y", "docker.io/library/x__y:latest", "x__y"},
    {"x---y", "docker.io/library/x---y:latest", "x---y"},
    {"", NULL, "invalid reference format"},
    {"Base", NULL, "invalid reference format: repository name must be lowercase"},
    {"registry.example/Base", NULL, "invalid reference format: repository name"},
    {"busybox::x", NULL, "invalid reference format"},
    {"busybox:", NULL, "invalid reference format"},
    {"busybox:-x", NULL, "invalid reference format"},
    {":x", NULL, "invalid reference format"},
    {"/x", NULL, "invalid reference format"},
    {"x/", NULL, "invalid reference format"},
    {"a//b", NULL, "invalid reference format"},
    {"x___y", NULL, "invalid reference format"},
    {"x..y", NULL, "invalid reference format"},
    {"-x", NULL, "invalid reference format"},
    {"x-", NULL, "invalid reference format"},
    {"x y", NULL, "invalid reference format"},
    {"$x", NULL, "invalid reference format"},
    {"x@sha256:1234", NULL, "invalid reference format"},
    {"x@md5:" HEX, NULL, "invalid reference format"},
    {"host:port/x", NULL, "invalid reference format"},
    {HEX, NULL, "invalid repository name"},
};

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct ref ref;
        unit_row("%s", rows[i].in);
        bool is_ref = ref_parse(&arena, span_of(rows[i].in), &ref);
        const char *error = ref_error(&arena, span_of(rows[i].in));
        UNIT_INT(rows[i].full != NULL, is_ref);
        if (is_ref && rows[i].full) {
            UNIT_TRUE(!error);
            UNIT_STR(rows[i].full, ref_text(&arena, &ref));
            UNIT_STR(rows[i].familiar, ref_familiar(&arena, &ref));
        } else if (!rows[i].full) {
            UNIT_TRUE(error && !strncmp(error, rows[i].familiar, strlen(rows[i].familiar)));
        }
        arena_free(&arena);
    }
    return unit_end();
}
