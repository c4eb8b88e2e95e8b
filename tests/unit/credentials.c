/* Users and passwords for a repository out of a file: each row is the file, the repository, and what is found. */
#include "runtime/registry/credentials.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/fdio.h"

#include "tests/unit/unit.h"

/* "u:p" is dTpw, "v:q:r" is djpxOnI=, with a NUL behind it dTpwAA==. */
static const struct row {
    const char *text, *repository;
    const char *user, *password, *identity, *token;
    const char *error;      /* a part of it; NULL: none */
} rows[] = {
    {"{}", "r.example/a", NULL, NULL, NULL, NULL, NULL},
    {"{\"auths\":{}}", "r.example/a", NULL, NULL, NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example/a", "u", "p", NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example:5000/a", NULL, NULL, NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.examples/a", NULL, NULL, NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"auth\":\"djpxOnI=\"}}}", "r.example/a", "v", "q:r", NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"auth\":\"dTpwAA==\"}}}", "r.example/a", "u", "p", NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{}}}", "r.example/a", NULL, NULL, NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"username\":\"u\",\"password\":\"p\"}}}", "r.example/a", "u", "p", NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"username\":\"u\"}}}", "r.example/a", "u", "", NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"identitytoken\":\"i\"}}}", "r.example/a", NULL, NULL, "i", NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"registrytoken\":\"t\"}}}", "r.example/a", NULL, NULL, NULL, "t", NULL},
    /* The longest key that covers it, by whole components */
    {"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"},\"r.example/a\":{\"auth\":\"djpxOnI=\"}}}", "r.example/a/b", "v",
     "q:r", NULL, NULL, NULL},
    {"{\"auths\":{\"r.example\":{\"auth\":\"dTpw\"},\"r.example/a\":{\"auth\":\"djpxOnI=\"}}}", "r.example/ab", "u",
     "p", NULL, NULL, NULL},
    {"{\"auths\":{\"r.example/a/b\":{\"auth\":\"djpxOnI=\"}}}", "r.example/a", NULL, NULL, NULL, NULL, NULL},
    /* Docker's addresses */
    {"{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"dTpw\"}}}", "docker.io/library/a", "u", "p", NULL, NULL,
     NULL},
    {"{\"auths\":{\"https://r.example/v2/\":{\"auth\":\"dTpw\"}}}", "r.example/a", "u", "p", NULL, NULL, NULL},
    {"{\"auths\":{\"r.example/v1/\":{\"auth\":\"djpxOnI=\"},\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example/a", "u",
     "p", NULL, NULL, NULL},
    /* What is wrong */
    {"{\"auths\":{\"r.example\":{\"auth\":\"d\"}}}", "r.example/a", NULL, NULL, NULL, NULL, "\"auth\" of r.example"},
    {"{\"auths\":{\"r.example\":{\"auth\":\"dXA=\"}}}", "r.example/a", NULL, NULL, NULL, NULL, "\"auth\" of r.example"},
    {"{\"auths\":{\"r.example\":{\"auth\":\"****\"}}}", "r.example/a", NULL, NULL, NULL, NULL, "\"auth\" of r.example"},
    {"{", "r.example/a", NULL, NULL, NULL, NULL, "/proc/self/fd/"},
    {"{\"credsStore\":\"a/b\"}", "r.example/a", NULL, NULL, NULL, NULL, "no name of a credential helper"},
    {"{\"credHelpers\":{\"docker.io\":\"a/b\"}}", "docker.io/library/a", NULL, NULL, NULL, NULL, "\"a/b\""},
    {"{\"credHelpers\":{\"https://index.docker.io/v1/\":\"a/b\"}}", "docker.io/library/a", NULL, NULL, NULL, NULL,
     "\"a/b\""},
    {"{\"credHelpers\":{\"s.example\":\"a/b\"},\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}", "r.example/a", "u", "p",
     NULL, NULL, NULL},
    {"{\"credHelpers\":{\"r.example\":\"\"},\"credsStore\":\"a/b\",\"auths\":{\"r.example\":{\"auth\":\"dTpw\"}}}",
     "r.example/a", "u", "p", NULL, NULL, NULL},
};

static void claim_text(const char *want, const char *got)
{
    UNIT_STR(want ? want : "(none)", got ? got : "(none)");
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct credentials found;
        char path[64];
        autoclose int fd = memfd_create("auth.json", MFD_CLOEXEC);
        if (fd < 0 || fd_write_all(fd, rows[i].text, strlen(rows[i].text)) < 0)
            abort();
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        unit_row("%s for %s", rows[i].text, rows[i].repository);
        const char *why = credentials_find(&arena, path, NULL, 0, rows[i].repository, &found);
        UNIT_TRUE(!why == !rows[i].error);
        if (why && rows[i].error)
            UNIT_TRUE(strstr(why, rows[i].error));
        if (!why) {
            claim_text(rows[i].user, found.user);
            claim_text(rows[i].password, found.password);
            claim_text(rows[i].identity, found.identity_token);
            claim_text(rows[i].token, found.registry_token);
        }
        arena_free(&arena);
    }
    return unit_end();
}
