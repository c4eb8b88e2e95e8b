/*
 * Owns the grammar of --sbom, --provenance and docker's --attest, which says the same. Called by opts_table. Must not know what the documents
 * look like.
 */
#include "gen/opts.h"

#include "gen/opts_attest.h"

#include <stdlib.h>
#include <string.h>

#include "gen/opts_value.h"
#include "runtime/lib/arena.h"

/* Words that both take. 1 for yes, 0 for no, -1: it is another word. */
static int read_switch(const char *word)
{
    if (!word || !strcmp(word, "true") || !strcmp(word, "1"))
        return 1;
    return !strcmp(word, "false") || !strcmp(word, "0") ? 0 : -1;
}

const char *opts_set_sbom(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    int is_on = read_switch(value);
    if (!is_on)
        opts->sbom_spdx = opts->sbom_cyclonedx = false;
    else if (is_on > 0 || !strcmp(value, "spdx"))
        opts->sbom_spdx = true;
    else if (!strcmp(value, "cyclonedx"))
        opts->sbom_cyclonedx = true;
    else
        return "true, spdx, cyclonedx or false is wanted (generator= is not supported: dfgen reads the package databases itself)";
    return NULL;
}

static const char *set_mode(struct opts *opts, const char *mode)
{
    if (!mode || (strcmp(mode, "min") && strcmp(mode, "max")))
        return "the modes are min and max";
    opts->provenance = arena_strdup(opts->arena, mode);
    return NULL;
}

static const char *set_provenance_field(struct opts *opts, const char *field)
{
    struct opt_pair pair = opts_value_pair(opts->arena, field);
    int is_on = pair.value ? -1 : read_switch(field);
    if (!strcmp(pair.name, "mode"))
        return set_mode(opts, pair.value);
    if (!strcmp(pair.name, "builder-id") && pair.value && *pair.value) {
        opts->provenance_builder = pair.value;
        opts->provenance = opts->provenance ? opts->provenance : "min";
        return NULL;
    }
    if (is_on >= 0)
        opts->provenance = is_on ? "min" : NULL;
    else if (pair.value || set_mode(opts, field))
        return "true, min, max, false, mode=min|max or builder-id=URI is wanted";
    return NULL;
}

const char *opts_set_provenance(struct opts *opts, const char *base, const char *value)
{
    (void)base;
    opt_list fields = {0};
    const char *error = value ? opts_value_list(opts->arena, value, &fields) : set_mode(opts, "min");
    for (size_t i = 0; i < fields.count && !error; i++)
        error = set_provenance_field(opts, fields.items[i]);
    vec_free(&fields);
    return error;
}

/* type=sbom or type=provenance; the fields behind it in order, disabled= the last word. */
const char *opts_set_attest(struct opts *opts, const char *base, const char *value)
{
    opt_list fields = {0};
    const char *error = opts_value_list(opts->arena, value, &fields), *type = "", *disabled = "false";
    for (size_t i = 0; i < fields.count && !error; i++) {
        struct opt_pair pair = opts_value_pair(opts->arena, fields.items[i]);
        if (!strcmp(pair.name, "type") && pair.value)
            type = pair.value;
        else if (!strcmp(pair.name, "disabled") && read_switch(pair.value) >= 0)
            disabled = pair.value ? pair.value : "true";
    }
    bool is_sbom = !strcmp(type, "sbom");
    if (!error && !is_sbom && strcmp(type, "provenance"))
        error = "type=sbom or type=provenance is wanted";
    const char *(*set)(struct opts *, const char *, const char *) = is_sbom ? opts_set_sbom : opts_set_provenance;
    if (!error)
        error = set(opts, base, read_switch(disabled) ? "false" : "true");
    for (size_t i = 0; i < fields.count && !error && !read_switch(disabled); i++)
        if (strncmp(fields.items[i], "type=", 5) && strncmp(fields.items[i], "disabled", 8))
            error = set(opts, base, fields.items[i]);
    vec_free(&fields);
    return error;
}
