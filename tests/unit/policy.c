/*
 * Guards source policies: what rules make of images, URLs and repositories, as BuildKit's engine has it, and Go's
 * regular expressions.
 */
#include "gen/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/add.h"
#include "gen/policy_regex.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "tests/unit/unit.h"

/* --- regular expressions --- */

/* Pattern, text, template, and what it becomes; NULL: it does not match. */
static const struct {
    const char *pattern, *text, *template, *want;
} regexes[] = {
    {"a", "bab", "x", "bxb"},
    {"docker\\.io/library/golang:(.*)", "docker.io/library/golang:1.19", "fake.example/golang:${1}",
     "fake.example/golang:1.19"},
    {"^(?:a|b)(\\d+)-(\\w*)$", "b42-c_", "$2$1", "c_42"},
    {"^git://h/p\\.git#main(:.*)?$", "git://h/p.git#main", "x#c${1}", "x#c"},
    {"^git://h/p\\.git#main(:.*)?$", "git://h/p.git#main:a/b", "x#c${1}", "x#c:a/b"},
    {"^git://h/p\\.git(?:#(:.*)?)?$", "git://h/p.git", "x#c${1}", "x#c"},
    {"^git://h/p\\.git(?:#(:.*)?)?$", "git://h/p.git#:s", "x#c${1}", "x#c:s"},
    {"[^\\]a-c[:digit:]_^-]", "]b7_^-x", "!", "]b7_^-!"},
    {"[]]", "a]", "!", "a!"},
    {"[\\^]", "a^", "!", "a!"},
    {"x{2,3}{", "xxx{", "!", "!"},
    {"\\Aab\\z", "ab", "$$1$", "$1$"},
    {"b*", "abc", "-", "-a-c-"},
    {"(a)(b)?", "a", "[$2$3$name${1}]", "[a]"},
    {"a\\/b\\-c", "a/b-c", "", ""},
    {"^b", "ab", "", NULL},
    {"a.c", "ac", "", NULL},
};

/* What is refused. */
static const char *const refused[] = {"a**",        "(",          ")",        "a)",  "[a",   "[z-a]",   "a+?",
                                      "\\bx",       "(?i)a",      "(?P<n>a)", "\\1", "*",    "a{1001}", "a{3,2}",
                                      "(a{9}b){9}", "[[:nope:]]", "\\",       "a|*", "[\\q]"};

static void test_regexes(void)
{
    struct arena arena = {0};
    const char *error;
    for (size_t i = 0; i < sizeof regexes / sizeof *regexes; i++) {
        struct policy_regex *regex = policy_regex_new(&arena, regexes[i].pattern, &error);
        struct buf out = {0};
        unit_row("%s", regexes[i].pattern);
        UNIT_TRUE(regex != NULL);
        if (!regex)
            continue;
        UNIT_TRUE(policy_regex_matches(regex, regexes[i].text) == (regexes[i].want != NULL));
        policy_regex_replace(regex, regexes[i].text, regexes[i].template, &out);
        UNIT_STR(regexes[i].want ? regexes[i].want : regexes[i].text, buf_text(&out));
        buf_free(&out);
        policy_regex_free(regex);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        unit_row("%s", refused[i]);
        UNIT_TRUE(!policy_regex_new(&arena, refused[i], &error));
        UNIT_TRUE(error && *error);
    }
    arena_free(&arena);
}

/* --- rules --- */

static struct policy *policy_of(struct arena *arena, const char *rules)
{
    char path[] = "/tmp/dfgen-policy.XXXXXX";
    int fd = mkstemp(path);
    dprintf(fd, "{\"rules\":[%s]}", rules);
    close(fd);
    struct policy *policy = policy_read(arena, path, "policy.json");
    unlink(path);
    return policy;
}

#define RULE(action, identifier, more)                                                                                 \
    "{\"action\":\"" action "\",\"selector\":{\"identifier\":\"" identifier "\"" more "}}"
#define CONVERT(identifier, more, to) \
    "{\"action\":\"CONVERT\",\"selector\":{\"identifier\":\"" identifier "\"" more "},\"updates\":{" to "}}"
#define IMAGE "docker-image://docker.io/library/"
#define DIGEST "sha256:4edbd2beb5f78b1014028f4fbb99f3237d9561100b6881aabbf5acce2c4f9454"
#define OTHER "sha256:6e4b94fc270e708e1068be28bd3551dc6917a4fc5a61293d51bb36e6b75c4b53"

/* Rules, an image, and what it becomes; "!": what the error has. */
static const struct {
    const char *rules, *image, *want;
} images[] = {
    {"", "docker.io/library/a:1", "docker.io/library/a:1"},
    {RULE("DENY", IMAGE "a:1", ""), "docker.io/library/a:1",
     "!docker-image://docker.io/library/a:1 is denied by rules[0]"},
    {RULE("DENY", IMAGE "a:1", ""), "docker.io/library/a:12", "docker.io/library/a:12"},
    {RULE("DENY", "docker-image://*", ""), "docker.io/library/a:1",
     "!is denied by rules[0] of the source policy policy.json"},
    {RULE("DENY", "docker-image://*", ",\"match_type\":\"EXACT\""), "docker.io/library/a:1", "docker.io/library/a:1"},
    {RULE("DENY", "*", "") "," RULE("ALLOW", IMAGE "a:*", ",\"match_type\":0"), "docker.io/library/a:1",
     "docker.io/library/a:1"},
    {RULE("ALLOW", IMAGE "a:1", "") "," RULE("DENY", "docker-image://*", ""), "docker.io/library/a:1", "!rules[1]"},
    {RULE("DENY", "library/[ab]:", ",\"match_type\":\"REGEX\""), "docker.io/library/b:1", "!rules[0]"},
    {CONVERT(IMAGE "a:1", "", "\"identifier\":\"" IMAGE "a:1@" DIGEST "\""), "docker.io/library/a:1",
     "docker.io/library/a:1@" DIGEST},
    {CONVERT(IMAGE "a:1", ",\"match_type\":1", "\"identifier\":\"" IMAGE "b\""), "docker.io/library/a:1",
     "docker.io/library/b:latest"},
    {CONVERT(IMAGE "*:*", "", "\"identifier\":\"docker-image://m.example/$1:${2}-x\""), "docker.io/library/a:1",
     "m.example/a:1-x"},
    {CONVERT(IMAGE "a:1", "", "\"attrs\":{\"image.checksum\":\"" DIGEST "\"}"), "docker.io/library/a:1",
     "docker.io/library/a:1@" DIGEST},
    {CONVERT(IMAGE "a:1", "", "\"identifier\":\"" IMAGE "b:1\"") "," CONVERT(IMAGE "b:1", "",
                                                                             "\"identifier\":\"" IMAGE "c:1\""),
     "docker.io/library/a:1", "docker.io/library/c:1"},
    /* Each conversion begins again from the first rule. */
    {RULE("DENY", IMAGE "b:*", "") "," CONVERT(IMAGE "a:1", "", "\"identifier\":\"" IMAGE "b:1\""),
     "docker.io/library/a:1", "!rules[0]"},
    {CONVERT(IMAGE "a:1", "", "\"identifier\":\"" IMAGE "b:1\"") "," CONVERT(IMAGE "b:1", "",
                                                                             "\"identifier\":\"" IMAGE "a:1\""),
     "docker.io/library/a:1", "!for ever"},
    {CONVERT(IMAGE "a:1", "", "\"identifier\":\"https://a.example/x\""), "docker.io/library/a:1",
     "!can only become another image"},
    {CONVERT(IMAGE "a:1", "", "\"identifier\":\"docker-image://UPPER\""), "docker.io/library/a:1",
     "!invalid reference"},
    {CONVERT(IMAGE "a:1", "", "\"attrs\":{\"image.checksum\":\"x\"}"), "docker.io/library/a:1", "!image.checksum is x"},
    {CONVERT(IMAGE "a:1", "",
             "\"identifier\":\"" IMAGE "a:1@" OTHER "\",\"attrs\":{\"image.checksum\":\"" DIGEST "\"}"),
     "docker.io/library/a:1", "!image.checksum"},
};

static void test_images(void)
{
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        struct arena arena = {0};
        const char *converted;
        unit_row("%s %s", images[i].rules, images[i].image);
        struct policy *policy = policy_of(&arena, images[i].rules);
        const char *error = policy_image(policy, &arena, images[i].image, &converted);
        if (*images[i].want == '!')
            UNIT_TRUE(error && strstr(error, images[i].want + 1));
        else
            UNIT_STR(images[i].want, error ? error : converted);
        policy_free(policy);
        policy_free(policy);
        arena_free(&arena);
    }
}

#define HTTP "https://a.example/f"
#define COMMIT "0123456789012345678901234567890123456789"

/* Rules, an ADD source, and URL, ref, subdir and checksum that it has then. */
static const struct {
    const char *rules, *source, *want;
} remotes[] = {
    {CONVERT(HTTP, "", "\"attrs\":{\"http.checksum\":\"" DIGEST "\"}"), HTTP, HTTP "   " DIGEST},
    {CONVERT(HTTP, "", "\"identifier\":\"https://b.example/g\""), HTTP, "https://b.example/g   "},
    {CONVERT(HTTP, "", "\"identifier\":\"git://b.example/g\""), HTTP, "!can only become"},
    {CONVERT(HTTP, "", "\"attrs\":{\"http.checksum\":\"md5:12\"}"), HTTP, "!invalid checksum"},
    {RULE("DENY", "https://*", ",\"constraints\":[{\"key\":\"http.checksum\"}]"), HTTP, "!denied"},
    {RULE("DENY", "https://*", ",\"constraints\":[{\"key\":\"http.checksum\",\"condition\":\"NOTEQUAL\"}]"), HTTP,
     HTTP "   "},
    {RULE("DENY", "https://*",
          ",\"constraints\":[{\"key\":\"http.checksum\",\"condition\":\"MATCHES\",\"value\":\"^$\"}]"),
     HTTP, "!denied"},
    {CONVERT("git://a.example/r.git#main", "", "\"identifier\":\"git://a.example/r.git#" COMMIT "\""),
     "https://u:p@a.example/r.git#main", "https://u:p@a.example/r.git " COMMIT "  " COMMIT},
    {CONVERT("git://a.example/r.git#main:sub", "", "\"identifier\":\"git://a.example/r.git#v1:other\""),
     "git@a.example:r.git#main:sub", "git@a.example:r.git v1 other "},
    {CONVERT("git://a.example/r.git#main", "", "\"attrs\":{\"git.checksum\":\"" COMMIT "\"}"),
     "https://a.example/r.git#main", "https://a.example/r.git main  " COMMIT},
    {CONVERT("git://a.example/*", "", "\"identifier\":\"git://b.example/$1\""), "https://a.example/r.git",
     "!git.fullurl"},
    {CONVERT("git://a.example/r.git", "",
             "\"identifier\":\"git://b.example/r.git\",\"attrs\":{\"git.fullurl\":\"https://b.example/r.git\"}"),
     "https://a.example/r.git", "https://b.example/r.git   "},
    {CONVERT("git://a.example/r.git", "", "\"identifier\":\"https://b.example/r\""), "https://a.example/r.git",
     "!another git repository"},
};

static void test_remotes(void)
{
    for (size_t i = 0; i < sizeof remotes / sizeof *remotes; i++) {
        struct arena arena = {0};
        struct add_source source;
        struct policy *policy = policy_of(&arena, remotes[i].rules);
        bool is_changed;
        unit_row("%s %s", remotes[i].rules, remotes[i].source);
        UNIT_TRUE(!add_classify(&arena, span_of(remotes[i].source), &source));
        const char *error = policy_remote(policy, &arena, &source, &is_changed);
        const char *got = arena_printf(&arena, "%.*s %.*s %s %.*s", SPAN(source.url), SPAN(source.ref), source.subdir,
                                       SPAN(source.checksum));
        if (*remotes[i].want == '!')
            UNIT_TRUE(error && strstr(error, remotes[i].want + 1));
        else
            UNIT_STR(remotes[i].want, error ? error : got);
        policy_free(policy);
        arena_free(&arena);
    }
}

static void test_others(void)
{
    struct arena arena = {0};
    struct policy *policy = policy_of(&arena, RULE("DENY", "*", "") "," RULE("ALLOW", "local://*", ""));
    unit_row("allowed and denied");
    UNIT_TRUE(!policy_check(policy, &arena, "local://context"));
    UNIT_TRUE(policy_check(policy, &arena, "oci-layout://x@" DIGEST) != NULL);
    UNIT_TRUE(!policy_check(NULL, &arena, "oci-layout://x@" DIGEST));
    policy_free(policy);
    arena_free(&arena);
}

int main(void)
{
    test_regexes();
    test_images();
    test_remotes();
    test_others();
    return unit_end();
}
