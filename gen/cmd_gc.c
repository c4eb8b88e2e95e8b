/*
 * Owns the command gc: what is to stay in the store, in units that people use. Must not know what a store looks like: dfgen-gc does it.
 */
#include "gen/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gen/opts.h"

#include "gen/opts_value.h"
#include "gen/programs.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/die.h"
#include "runtime/lib/store.h"

enum { DEFAULT_DAYS = 14, DAY = 24 * 60 * 60 };

static const char usage[] =
    "usage: dfgen gc [--keep-days N] [--keep-size SIZE] [-n] [--store FOLDER]\n\n"
    "Remove from the store what no build folder needs any more. What a build folder that is still there names stays, and so do images that\n"
    "dfgen load brought. Waits for builds that are at work.\n\n"
    "  --keep-days N      keep what was used in the last N days, too (14; none when only --keep-size is given)\n"
    "  --keep-size SIZE   then remove what was used least lately, until the store has SIZE at most: bytes, or with k, m, g, t (1024 each)\n"
    "  -n, --dry-run      say what would be removed, and how large it is; remove nothing\n"
    "  --store FOLDER     the store (default: $DFGEN_STORE, $XDG_CACHE_HOME/dfgen, ~/.cache/dfgen)\n";

struct limits {
    const char *days, *size, *store;
    bool is_dry;
};

/* The value of an option, "--name=VALUE" or "--name VALUE"; NULL when this word is another. */
static const char *value_of(const char *name, char ***word)
{
    size_t len = strlen(name);
    if (strncmp(**word, name, len))
        return NULL;
    if ((**word)[len] == '=')
        return **word + len + 1;
    if ((**word)[len])
        return NULL;
    if (!(*word)[1])
        die_usage("gc: %s needs a value", name);
    return *++*word;
}

static void read_words(struct limits *limits, char **word)
{
    for (; *word; word++) {
        const char *value;
        if (!strcmp(*word, "-h") || !strcmp(*word, "--help")) {
            fputs(usage, stdout);
            exit(EXIT_DONE);
        } else if (!strcmp(*word, "-n") || !strcmp(*word, "--dry-run")) {
            limits->is_dry = true;
        } else if ((value = value_of("--keep-days", &word))) {
            limits->days = value;
        } else if ((value = value_of("--keep-size", &word))) {
            limits->size = value;
        } else if ((value = value_of("--store", &word))) {
            limits->store = value;
        } else {
            die_usage("gc: %s is no option of it; dfgen gc --help lists them", *word);
        }
    }
}

static int64_t read_days(const char *text)
{
    char *end;
    errno = 0;
    long long days = strtoll(text, &end, 10);
    if (errno || end == text || *end || days < 0 || days > INT64_MAX / DAY)
        die_usage("gc: --keep-days: \"%s\" is no number of days", text);
    return days;
}

static int64_t read_size(const char *text)
{
    long long bytes;
    const char *error = opts_value_size(text, &bytes);
    if (error)
        die_usage("gc: --keep-size: \"%s\" %s", text, error);
    return bytes;
}

int cmd_gc(int argc, char **argv)
{
    struct arena arena = {0};
    struct limits limits = {0};
    (void)argc;
    read_words(&limits, argv + 1);
    const char *age = "-", *size = "-";
    if (limits.days || !limits.size)
        age = arena_printf(&arena, "%" PRId64, (limits.days ? read_days(limits.days) : DEFAULT_DAYS) * DAY);
    if (limits.size)
        size = arena_printf(&arena, "%" PRId64, read_size(limits.size));
    char *store = limits.store ? xstrdup(limits.store) : store_default_path();
    if (!store || !*store)
        die_usage("gc: no store is named: give --store FOLDER, or set HOME");
    const char *helper = arena_printf(&arena, "%s/dfgen-gc", programs_find(&arena).helpers);
    const char *words[8] = {helper};
    size_t count = 1;
    if (limits.is_dry)
        words[count++] = "--dry-run";
    words[count++] = store;
    words[count++] = age;
    words[count++] = size;
    execv(helper, (char **)(uintptr_t)words);
    die("cannot run %s:", helper);
}
