/*
 * Owns the facts about instructions: names, forms, flags, least arguments. Called by parse.c and by whatever lists
 * instructions. Must not know how any of it is parsed.
 */
#include "gen/diag.h"
#include "gen/ast.h"
#include "gen/insn.h"

#define END {.name = NULL}

static const struct flag_spec from_flags[] = {
    {.name = "platform", .kind = FLAG_STRING},
    END,
};

static const struct flag_spec copy_flags[] = {
    {.name = "chmod", .kind = FLAG_STRING},
    {.name = "chown", .kind = FLAG_STRING},
    {.name = "exclude", .kind = FLAG_LIST},
    {.name = "from", .kind = FLAG_STRING},
    {.name = "link", .kind = FLAG_BOOL},
    {.name = "parents", .kind = FLAG_BOOL},
    END,
};

static const struct flag_spec add_flags[] = {
    {.name = "checksum", .kind = FLAG_STRING},
    {.name = "chmod", .kind = FLAG_STRING},
    {.name = "chown", .kind = FLAG_STRING},
    {.name = "exclude", .kind = FLAG_LIST},
    {.name = "keep-git-dir", .kind = FLAG_BOOL},
    {.name = "link", .kind = FLAG_BOOL},
    {.name = "unpack", .kind = FLAG_BOOL},
    END,
};

static const char *const networks[] = {"default", "none", "host", NULL};
static const char *const securities[] = {"sandbox", "insecure", NULL};

static const struct flag_spec run_flags[] = {
    {.name = "device", .kind = FLAG_LIST},
    {.name = "mount", .kind = FLAG_LIST},
    {.name = "network", .kind = FLAG_STRING, .values = networks, .complaint = "invalid network mode %s"},
    {.name = "security", .kind = FLAG_STRING, .values = securities, .complaint = "security %s is not valid"},
    END,
};

static const struct flag_spec healthcheck_flags[] = {
    {.name = "interval", .kind = FLAG_STRING},
    {.name = "retries", .kind = FLAG_STRING},
    {.name = "start-interval", .kind = FLAG_STRING},
    {.name = "start-period", .kind = FLAG_STRING},
    {.name = "timeout", .kind = FLAG_STRING},
    END,
};

static const char at_least_one[] = "%s requires at least one argument";
static const char exactly_one[] = "%s requires exactly one argument";
static const char at_least_two[] =
    "%s requires at least two arguments, but only one was provided. Destination could not be determined";

const struct insn_spec insn_specs[] = {
    [INSN_ADD] = {"ADD", FORM_LIST, 2, at_least_two, add_flags, .has_heredocs = true},
    [INSN_ARG] = {"ARG", FORM_WORDS, 1, at_least_one, .ignores_flags = true},
    [INSN_CMD] = {"CMD", FORM_TEXT},
    [INSN_COPY] = {"COPY", FORM_LIST, 2, at_least_two, copy_flags, .has_heredocs = true},
    [INSN_ENTRYPOINT] = {"ENTRYPOINT", FORM_TEXT},
    [INSN_ENV] = {"ENV", FORM_PAIRS, 1, at_least_one},
    [INSN_EXPOSE] = {"EXPOSE", FORM_SPLIT, 1, at_least_one},
    [INSN_FROM] = {"FROM", FORM_SPLIT, .flags = from_flags},
    [INSN_HEALTHCHECK] = {"HEALTHCHECK", FORM_HEALTH, .flags = healthcheck_flags},
    [INSN_LABEL] = {"LABEL", FORM_PAIRS, 1, at_least_one},
    [INSN_MAINTAINER] = {"MAINTAINER", FORM_STRING, 1, exactly_one},
    [INSN_ONBUILD] = {"ONBUILD", FORM_NESTED},
    [INSN_RUN] = {"RUN", FORM_TEXT, .flags = run_flags, .has_heredocs = true},
    [INSN_SHELL] = {"SHELL", FORM_TEXT, 1, at_least_one},
    [INSN_STOPSIGNAL] = {"STOPSIGNAL", FORM_STRING, 1, exactly_one, .ignores_flags = true},
    [INSN_USER] = {"USER", FORM_STRING, 1, exactly_one},
    [INSN_VOLUME] = {"VOLUME", FORM_LIST, 1, at_least_one},
    [INSN_WORKDIR] = {"WORKDIR", FORM_STRING, 1, exactly_one},
};

enum { COUNT = sizeof insn_specs / sizeof *insn_specs };

/* The commonest first, so that the nearest name to a misspelt one is the likely one. */
const char *const insn_names[] = {
    "RUN", "COPY", "FROM", "ENV", "ARG", "WORKDIR", "CMD", "ENTRYPOINT", "EXPOSE", "USER", "LABEL", "ADD", "VOLUME",
    "HEALTHCHECK", "SHELL", "STOPSIGNAL", "ONBUILD", "MAINTAINER", NULL,
};

bool insn_find(struct span keyword, enum insn_kind *kind)
{
    for (int i = 0; i < COUNT; i++)
        if (span_is_nocase(keyword, insn_specs[i].name)) {
            *kind = (enum insn_kind)i;
            return true;
        }
    return false;
}
