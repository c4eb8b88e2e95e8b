/* Guards the wildcards of COPY sources: Go's filepath.Match, syntax errors included, and that no pattern is slow. */
#include "tests/unit/unit.h"

#include <time.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/glob.h"
#include "runtime/lib/pattern.h"

enum { NO, YES, BAD };

static const struct {
    const char *pattern, *path;
    int want;
} rows[] = {
    {"abc", "abc", YES},            {"*", "abc", YES},              {"*", "", YES},
    {"*c", "abc", YES},             {"a*", "a", YES},               {"a*", "abc", YES},
    {"a*", "ab/c", NO},             {"a*/b", "abc/b", YES},         {"a*/b", "a/c/b", NO},
    {"a*b*c*d*e*/f", "axbxcxdxe/f", YES}, {"a*b*c*d*e*/f", "axbxcxdxexxx/f", YES},
    {"a*b*c*d*e*/f", "axbxcxdxe/xxx/f", NO}, {"a*b?c*x", "abxbbxdbxebxczzx", YES}, {"a*b?c*x", "abxbbxdbxebxczzy", NO},
    {"ab[c]", "abc", YES},          {"ab[b-d]", "abc", YES},        {"ab[e-g]", "abc", NO},
    {"ab[^c]", "abc", NO},          {"ab[^b-d]", "abc", NO},        {"ab[^e-g]", "abc", YES},
    {"a\\*b", "a*b", YES},          {"a\\*b", "ab", NO},            {"a?b", "a\xe2\x98\xba" "b", YES},
    {"a[^a]b", "a\xe2\x98\xba" "b", YES}, {"a???b", "a\xe2\x98\xba" "b", NO}, {"a[^a][^a][^a]b", "a\xe2\x98\xba" "b", NO},
    {"[a-\xce\xb6]*", "\xce\xb1", YES}, {"*[a-\xce\xb6]", "A", NO}, {"a?b", "a/b", NO},
    {"a*b", "a/b", NO},             {"[\\]a]", "]", YES},           {"[\\-]", "-", YES},
    {"[x\\-]", "x", YES},           {"[x\\-]", "-", YES},           {"[x\\-]", "z", NO},
    {"[\\-x]", "x", YES},           {"[\\-x]", "-", YES},           {"[\\-x]", "a", NO},
    {"[]a]", "]", BAD},             {"[-]", "-", BAD},              {"[x-]", "x", BAD},
    {"[x-]", "-", BAD},             {"[-x]", "x", BAD},             {"\\", "a", BAD},
    {"[a-b-c]", "a", BAD},          {"[", "a", BAD},                {"[^", "a", BAD},
    {"[^bc", "a", BAD},             {"a[", "a", BAD},               {"a[", "ab", BAD},
    {"a[", "x", BAD},               {"a/b[", "x", BAD},             {"*x", "xxx", YES},
    {"[!a]", "!", YES},             {"[!a]", "b", NO},              {"**", "ab", YES},
    {"**", "a/b", NO},              {"a**b", "axxb", YES},          {"x[*]y", "x*y", YES},
    {"a[[]0]", "a[0]", YES},        {"?", "\xff", YES},             {"\xff", "\xff", YES},
    {"", "", YES},                  {"", "a", NO},                  {".*", ".a", YES},
    {"*", ".a", YES},               {"a]", "a]", YES},              {"a-b", "a-b", YES},
    {"[^/]", "/", NO},              {"[a-c][x-z]", "by", YES},      {"[a-c][x-z]", "bw", NO},
};

static const struct {
    const char *name;
    bool is_wild;
} names[] = {
    {"a", false}, {"*", true}, {"a?", true}, {"[a]", true}, {"a\\*", false}, {"a\\\\*", true}, {"a]", false}, {"a\\", false},
    {"\\?\\[", false}, {"\\?[", true},
};

/* A pattern of stars and a path that nearly fits must cost their product, not a power. */
static void test_speed(void)
{
    struct arena arena = {0};
    char pattern[2001] = "", path[4001] = "";
    for (int i = 0; i < 500; i++)
        memcpy(pattern + 4 * i, i % 2 ? "**/*" : "a*?*", 5);
    memset(path, 'a', 4000);
    unit_row("2000 bytes of stars on 4000 bytes");
    struct glob *glob = glob_compile(&arena, span_of(pattern), GLOB_PATTERN);
    clock_t begin = clock();
    if (UNIT_TRUE(glob != NULL))
        UNIT_TRUE(!glob_matches(glob, span_of(path)));
    UNIT_TRUE(clock() - begin < 5 * CLOCKS_PER_SEC);
    arena_free(&arena);
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool bad;
        unit_row("%s on %s", rows[i].pattern, rows[i].path);
        bool found = glob_match(rows[i].pattern, rows[i].path, &bad);
        UNIT_INT(rows[i].want, bad ? BAD : found ? YES : NO);
        UNIT_INT(rows[i].want != BAD, glob_is_valid(rows[i].pattern));
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unit_row("wildcard %s", names[i].name);
        UNIT_INT(names[i].is_wild, glob_is_wildcard(names[i].name));
    }
    test_speed();
    return unit_end();
}
