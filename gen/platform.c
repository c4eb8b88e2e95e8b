/*
 * Owns the names of platforms and which serves which. Called by opts' readers, stage (FROM --platform, automatic ARGs)
 * and images (choosing from an index). Must not know what is built for them.
 */
#include "gen/platform.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/json.h"

/* Other names: of an architecture, and the variant that such a name means. */
static const struct {
    const char *alias, *architecture, *variant;
} aliases[] = {
    {"i386", "386", ""},      {"i486", "386", ""},        {"i586", "386", ""},     {"i686", "386", ""},
    {"x86_64", "amd64", ""},  {"x86-64", "amd64", ""},    {"aarch64", "arm64", ""}, {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},
};

/* What uname calls machines, where that is neither our name nor an alias. */
static const struct {
    const char *machine, *architecture, *variant;
} machines[] = {
    {"armv8l", "arm", "v7"}, {"armv7l", "arm", "v7"},        {"armv6l", "arm", "v6"},
    {"armv5tel", "arm", "v5"}, {"loongarch64", "loong64", ""}, {"mips64", "mips64", ""},
};

static const char *const known_os[] = {
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "netbsd", "openbsd",
    "plan9", "solaris", "wasip1", "windows", "zos",
};

static const char *const known_architectures[] = {
    "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips", "mipsle", "mips64", "mips64le",
    "ppc",
    "ppc64", "ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm",
};

#define IS_ONE_OF(names, text) is_one_of(names, sizeof names / sizeof *names, text)

static bool is_one_of(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], text))
            return true;
    return false;
}

static const char *lower(struct arena *arena, struct span text)
{
    char *copy = arena_strndup(arena, text.text, text.len);
    for (char *c = copy; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

/* Aliases away, and variants in the form that is written: none where it is the usual one. */
static void normalise(struct platform *platform)
{
    if (!strcmp(platform->os, "macos"))
        platform->os = "darwin";
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (strcmp(platform->architecture, aliases[i].alias))
            continue;
        platform->architecture = aliases[i].architecture;
        if (*aliases[i].variant)
            platform->variant = aliases[i].variant;
        break;
    }
    const char *variant = platform->variant;
    if (!strcmp(platform->architecture, "amd64") && !strcmp(variant, "v1"))
        platform->variant = "";
    if (!strcmp(platform->architecture, "arm64") && (!strcmp(variant, "v8") || !strcmp(variant, "8")))
        platform->variant = "";
    if (!strcmp(platform->architecture, "arm")) {
        static const char *const digits = "5678";
        static const char *const written[] = {"v5", "v6", "v7", "v8"};
        const char *found = variant[0] && !variant[1] ? strchr(digits, variant[0]) : NULL;
        platform->variant = !*variant ? "v7" : found ? written[found - digits] : variant;
    }
}

struct platform platform_host(void)
{
    static struct utsname name;
    struct platform host = {"linux", "amd64", ""};
    if (uname(&name) == 0)
        host.architecture = name.machine;
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (!strcmp(host.architecture, machines[i].machine))
            host = (struct platform){"linux", machines[i].architecture, machines[i].variant};
    normalise(&host);
    return host;
}

static bool is_component(struct span part)
{
    for (size_t i = 0; i < part.len; i++)
        if (!isalnum((unsigned char)part.text[i]) && !memchr("_.-", part.text[i], 3))
            return false;
    return part.len > 0;
}

/* Cut "(VERSION+FEATURE...)" from the first part: no image of Linux is chosen by it. */
static bool cut_version(struct span *part)
{
    const char *open = part->len ? memchr(part->text, '(', part->len) : NULL;
    if (!open)
        return !part->len || !memchr(part->text, '.', part->len);
    struct span inner = span_skip(*part, (size_t)(open - part->text) + 1);
    if (!inner.len || inner.text[inner.len - 1] != ')')
        return false;
    inner.len--;
    for (size_t i = 0; i < inner.len; i++) {
        bool is_sign = inner.text[i] == '+';
        if (!isalnum((unsigned char)inner.text[i]) && !memchr("_.%-+", inner.text[i], 5))
            return false;
        if (is_sign && (i + 1 == inner.len || inner.text[i + 1] == '+'))
            return false;
    }
    part->len = (size_t)(open - part->text);
    return !memchr(part->text, '.', part->len);
}

static const char *check_part(struct arena *arena, struct span name, struct span part, struct span whole)
{
    if (is_component(name))
        return NULL;
    return arena_printf(arena, "\"%.*s\" is an invalid component of \"%.*s\": letters, digits, _, . and - are allowed",
                        SPAN(part), SPAN(whole));
}

/* One word: an operating system or an architecture. */
static const char *parse_one(struct arena *arena, struct span text, struct platform *platform)
{
    const char *word = lower(arena, text);
    struct platform host = platform_host(), as_os = {word, "", ""}, as_architecture = {host.os, word, ""};
    normalise(&as_os);
    normalise(&as_architecture);
    if (IS_ONE_OF(known_os, as_os.os)) {
        *platform = (struct platform){as_os.os, host.architecture, host.variant};
        return NULL;
    }
    if (IS_ONE_OF(known_architectures, as_architecture.architecture)) {
        *platform = as_architecture;
        return NULL;
    }
    return arena_printf(arena, "\"%.*s\": unknown operating system or architecture", SPAN(text));
}

const char *platform_parse(struct arena *arena, struct span text, struct platform *platform)
{
    struct span parts[3], rest = text;
    size_t count = 0;
    for (bool is_more = true; is_more; count++) {
        const char *slash = rest.len ? memchr(rest.text, '/', rest.len) : NULL;
        struct span part = {rest.text, slash ? (size_t)(slash - rest.text) : rest.len};
        if (count == 3)
            return arena_printf(arena, "\"%.*s\": cannot parse platform specifier", SPAN(text));
        is_more = slash != NULL;
        rest = span_skip(rest, part.len + is_more);
        struct span name = part;
        const char *error = check_part(arena, count || cut_version(&name) ? name : (struct span){"", 0}, part, text);
        if (error)
            return error;
        parts[count] = name;
    }
    if (count == 1)
        return parse_one(arena, parts[0], platform);
    const char *variant = count == 3 ? lower(arena, parts[2]) : "";
    *platform = (struct platform){lower(arena, parts[0]), lower(arena, parts[1]), variant};
    normalise(platform);
    return NULL;
}

const char *platform_text(struct arena *arena, const struct platform *platform)
{
    return arena_printf(arena, "%s/%s%s%s", platform->os, platform->architecture, *platform->variant ? "/" : "",
                        platform->variant);
}

static struct platform as_written(const json_t *object)
{
    return (struct platform){json_get_string(object, "os", "linux"), json_get_string(object, "architecture", ""),
                             json_get_string(object, "variant", "")};
}

struct platform platform_of_json(struct arena *arena, const json_t *object)
{
    struct platform platform = as_written(object);
    platform.os = arena_strdup(arena, platform.os);
    platform.architecture = arena_strdup(arena, platform.architecture);
    platform.variant = arena_strdup(arena, platform.variant);
    normalise(&platform);
    return platform;
}

/* The number of "v7"; fallback for none. */
static int variant_number(const char *variant, int fallback)
{
    return variant[0] == 'v' && isdigit((unsigned char)variant[1]) ? atoi(variant + 1) : fallback;
}

int platform_rank(const struct platform *wanted, const json_t *object)
{
    enum { RANK_BEST = 100, RANK_OTHER = 10 };
    struct platform has = as_written(object);
    normalise(&has);
    if (strcmp(has.os, wanted->os))
        return 0;
    if (!strcmp(has.architecture, wanted->architecture)) {
        if (!strcmp(has.variant, wanted->variant))
            return RANK_BEST;
        int usual = !strcmp(has.architecture, "arm64") ? 8 : 1;
        int older = variant_number(wanted->variant, usual) - variant_number(has.variant, usual);
        return older > 0 ? RANK_BEST - older : 0;
    }
    /* What these processors run as well. */
    if (!strcmp(wanted->architecture, "amd64") && !strcmp(has.architecture, "386"))
        return RANK_OTHER;
    if (!strcmp(wanted->architecture, "arm64") && !strcmp(has.architecture, "arm"))
        return RANK_OTHER + variant_number(has.variant, 0);
    return 0;
}
