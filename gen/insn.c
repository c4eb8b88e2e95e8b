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
    [INSN_ADD] = {.name = "ADD", .form = FORM_LIST, .least_args = 2, .too_few = at_least_two, .flags = add_flags,
                  .has_heredocs = true},
    [INSN_ARG] = {.name = "ARG", .form = FORM_WORDS, .least_args = 1, .too_few = at_least_one, .ignores_flags = true},
    [INSN_CMD] = {.name = "CMD", .form = FORM_TEXT},
    [INSN_COPY] = {.name = "COPY", .form = FORM_LIST, .least_args = 2, .too_few = at_least_two,
                   .flags = copy_flags, .has_heredocs = true},
    [INSN_ENTRYPOINT] = {.name = "ENTRYPOINT", .form = FORM_TEXT},
    [INSN_ENV] = {.name = "ENV", .form = FORM_PAIRS, .least_args = 1, .too_few = at_least_one},
    [INSN_EXPOSE] = {.name = "EXPOSE", .form = FORM_SPLIT, .least_args = 1, .too_few = at_least_one},
    [INSN_FROM] = {.name = "FROM", .form = FORM_SPLIT, .flags = from_flags},
    [INSN_HEALTHCHECK] = {.name = "HEALTHCHECK", .form = FORM_HEALTH, .flags = healthcheck_flags},
    [INSN_LABEL] = {.name = "LABEL", .form = FORM_PAIRS, .least_args = 1, .too_few = at_least_one},
    [INSN_MAINTAINER] = {.name = "MAINTAINER", .form = FORM_STRING, .least_args = 1, .too_few = exactly_one},
    [INSN_ONBUILD] = {.name = "ONBUILD", .form = FORM_NESTED},
    [INSN_RUN] = {.name = "RUN", .form = FORM_TEXT, .flags = run_flags, .has_heredocs = true},
    [INSN_SHELL] = {.name = "SHELL", .form = FORM_TEXT, .least_args = 1, .too_few = at_least_one},
    [INSN_STOPSIGNAL] = {.name = "STOPSIGNAL", .form = FORM_STRING, .least_args = 1, .too_few = exactly_one,
                         .ignores_flags = true},
    [INSN_USER] = {.name = "USER", .form = FORM_STRING, .least_args = 1, .too_few = exactly_one},
    [INSN_VOLUME] = {.name = "VOLUME", .form = FORM_LIST, .least_args = 1, .too_few = at_least_one},
    [INSN_WORKDIR] = {.name = "WORKDIR", .form = FORM_STRING, .least_args = 1, .too_few = exactly_one},
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
