/*
 * Owns the limits of control groups that options ask for: what each may say, and its form in the settings. Called by the options' setters. Must not
 * know how a limit is set, nor on which machine.
 */
#include "gen/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "gen/opts_value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/vec.h"

enum { CPU_PERIOD = 100000, MAX_CPUS = 100000 };

static void put(struct opts *opts, const char *name, const char *value)
{
    for (size_t i = 0; i < opts->limits.count; i++)
        if (!strcmp(opts->limits.items[i].name, name)) {
            opts->limits.items[i].value = value;
            return;
        }
    vec_push(&opts->limits, (struct opt_pair){name, value});
}

static const char *take_size(struct opts *opts, const char *name, const char *text)
{
    long long bytes;
    const char *error = opts_value_size(text, &bytes);
    if (!error)
        put(opts, name, arena_printf(opts->arena, "%lld", bytes));
    return error;
}

static const char *take_number(struct opts *opts, const char *name, const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end || end == text || number <= 0 || errno)
        return "a number above 0 is wanted";
    put(opts, name, arena_printf(opts->arena, "%lld", number));
    return NULL;
}

/* "0-2,5" */
static const char *take_list(struct opts *opts, const char *name, const char *text)
{
    if (!*text || text[strspn(text, "0123456789,-")])
        return "a list such as 0-2,5 is wanted";
    put(opts, name, arena_strdup(opts->arena, text));
    return NULL;
}

/* "1.5" processors: so much of each period. */
static const char *take_cpus(struct opts *opts, const char *name, const char *text)
{
    char *end;
    double cpus = strtod(text, &end);
    if (*end || end == text || !(cpus >= 0.01 && cpus <= MAX_CPUS) || text[strspn(text, "0123456789.")])
        return "a number of processors is wanted, such as 1.5";
    put(opts, "cpu_period", arena_printf(opts->arena, "%d", CPU_PERIOD));
    put(opts, name, arena_printf(opts->arena, "%lld", (long long)(cpus * CPU_PERIOD + 0.5)));
    return NULL;
}

/* The names of settings.json are those of runtime/sandbox/cgroup.c. */
static const struct limit {
    const char *option, *name;
    const char *(*take)(struct opts *opts, const char *name, const char *text);
} limits[] = {
    {"memory", "memory", take_size},          {"cpus", "cpu_quota", take_cpus},
    {"cpu-period", "cpu_period", take_number}, {"cpu-quota", "cpu_quota", take_number},
    {"cpu-shares", "cpu_shares", take_number}, {"cpuset-cpus", "cpuset_cpus", take_list},
    {"cpuset-mems", "cpuset_mems", take_list}, {"pids-limit", "pids", take_number},
};

const char *limits_set(struct opts *opts, const char *option, const char *value)
{
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (!strcmp(limits[i].option, option))
            return limits[i].take(opts, limits[i].name, value);
    return "no such limit";
}

const char *limits_duration(const char *text, long long *seconds)
{
    static const struct {
        const char *unit;
        int seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(units[i].unit, end) && end != text && number > 0 && number <= 1000000 && !errno) {
            *seconds = number * units[i].seconds;
            return *seconds <= 1000000 ? NULL : "at most 1000000 seconds";
        }
    return "a time is a number of seconds, or with m or h behind it of minutes or hours";
}
