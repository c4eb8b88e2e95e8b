/* Guards the names of platforms: aliases, variants that are left out, what is refused, and which image serves which platform. */
#include "gen/platform.h"

#include <jansson.h>

#include "runtime/lib/arena.h"
#include "tests/unit/unit.h"

/* want: the normalised text, or "error" and the beginning of the message */
static const struct {
    const char *in, *want;
} rows[] = {
    {"linux/amd64", "linux/amd64"},
    {"linux/x86_64", "linux/amd64"},
    {"Linux/X86-64", "linux/amd64"},
    {"linux/amd64/v1", "linux/amd64"},
    {"linux/amd64/v3", "linux/amd64/v3"},
    {"linux/aarch64", "linux/arm64"},
    {"linux/arm64/v8", "linux/arm64"},
    {"linux/arm64/8", "linux/arm64"},
    {"linux/arm64/v9", "linux/arm64/v9"},
    {"linux/arm", "linux/arm/v7"},
    {"linux/arm/7", "linux/arm/v7"},
    {"linux/arm/v6", "linux/arm/v6"},
    {"linux/armhf", "linux/arm/v7"},
    {"linux/armel", "linux/arm/v6"},
    {"linux/i386", "linux/386"},
    {"macos/arm64", "darwin/arm64"},
    {"arm64", "linux/arm64"},
    {"armhf", "linux/arm/v7"},
    {"s390x", "linux/s390x"},
    {"linux/made-up", "linux/made-up"},
    {"", "error \"\" is an invalid component"},
    {"linux/", "error \"\" is an invalid component"},
    {"linux/a b", "error \"a b\" is an invalid component"},
    {"linux(6.1)/amd64", "linux/amd64"},
    {"linux(6.1+seccomp+x%20y)/arm64/v9", "linux/arm64/v9"},
    {"linux()/amd64", "linux/amd64"},
    {"linux(1)", "linux/amd64"},
    {"linux(6.1/amd64", "error \"linux(6.1\" is an invalid component"},
    {"linux(6.1)x/amd64", "error \"linux(6.1)x\" is an invalid component"},
    {"linux(1+)/amd64", "error \"linux(1+)\" is an invalid component"},
    {"linux(1++a)/amd64", "error \"linux(1++a)\" is an invalid component"},
    {"linux(a b)/amd64", "error \"linux(a b)\" is an invalid component"},
    {"(1)/amd64", "error \"(1)\" is an invalid component"},
    {"li.nux/amd64", "error \"li.nux\" is an invalid component"},
    {"linux/amd64(1)", "error \"amd64(1)\" is an invalid component"},
    {"linux/amd64/v1/x", "error \"linux/amd64/v1/x\": cannot parse platform specifier"},
    {"nothing", "error \"nothing\": unknown operating system or architecture"},
};

static void test_parse(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct platform platform;
        unit_row("%s", rows[i].in);
        const char *error = platform_parse(&arena, span_of(rows[i].in), &platform);
        if (!strncmp(rows[i].want, "error ", 6))
            UNIT_TRUE(error && !strncmp(error, rows[i].want + 6, strlen(rows[i].want) - 6));
        else if (UNIT_TRUE(!error))
            UNIT_STR(rows[i].want, platform_text(&arena, &platform));
        arena_free(&arena);
    }
}

/* The first of these that has the highest rank is taken; "" none. */
static const struct {
    const char *wanted, *best;
    const char *has[4];
} ranks[] = {
    {"linux/amd64", "linux/amd64", {"linux/arm64", "linux/amd64", "windows/amd64"}},
    {"linux/arm/v7", "linux/arm/v6", {"linux/arm/v5", "linux/arm/v6", "linux/arm/v8"}},
    {"linux/arm/v7", "linux/arm/v7", {"linux/arm/v6", "linux/arm/v7"}},
    {"linux/arm/v6", "", {"linux/arm/v7", "linux/arm64"}},
    {"linux/amd64", "linux/386", {"linux/386", "linux/arm64"}},
    {"linux/amd64", "linux/amd64", {"linux/386", "linux/amd64"}},
    {"linux/amd64", "", {"linux/amd64/v3"}},
    {"linux/amd64/v3", "linux/amd64/v2", {"linux/amd64", "linux/amd64/v2"}},
    {"linux/arm64", "linux/arm/v8", {"linux/arm/v7", "linux/arm/v8"}},
    {"linux/s390x", "", {"linux/amd64"}},
};

static json_t *entry_of(struct arena *arena, const char *text)
{
    struct platform platform;
    platform_parse(arena, span_of(text), &platform);
    return json_pack("{s:s,s:s,s:s}", "os", platform.os, "architecture", platform.architecture, "variant", platform.variant);
}

static void test_rank(void)
{
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        struct arena arena = {0};
        struct platform wanted;
        int best = 0;
        const char *taken = "";
        unit_row("%s of %s...", ranks[i].wanted, ranks[i].has[0]);
        platform_parse(&arena, span_of(ranks[i].wanted), &wanted);
        for (size_t k = 0; k < 4 && ranks[i].has[k]; k++) {
            json_t *entry = entry_of(&arena, ranks[i].has[k]);
            int rank = platform_rank(&wanted, entry);
            if (rank > best)
                best = rank, taken = ranks[i].has[k];
            json_decref(entry);
        }
        UNIT_STR(ranks[i].best, taken);
        arena_free(&arena);
    }
}

int main(void)
{
    test_parse();
    test_rank();
    return unit_end();
}
