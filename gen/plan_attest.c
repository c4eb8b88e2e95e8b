/*
 * Owns what the step of an image says of documents about it: which are wanted, and what the image is made from. Called by plan_image. Must not know
 * the documents' own forms.
 */
#include "gen/diag.h"

#include "gen/ast.h"
#include "gen/platform.h"

#include "gen/config.h"
#include "gen/graph.h"
#include "gen/stage.h"

#include "gen/plan_state.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "gen/add.h"
#include "gen/images.h"
#include "gen/opts.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/path.h"

/* --- what it is made from --- */

/* "sha256:HEX", or a commit: as in-toto has digests. */
static void set_digest(json_t *dependency, struct span text)
{
    static const char sha256[] = "sha256:";
    size_t len = strlen(sha256);
    bool is_commit = text.len == 40 || text.len == DIGEST_HEX;
    if (text.len > len && !memcmp(text.text, sha256, len))
        json_object_set_new(dependency, "digest", json_pack("{s:s%}", "sha256", text.text + len, text.len - len));
    else if (is_commit)
        json_object_set_new(dependency, "digest", json_pack("{s:s%}", "gitCommit", text.text, text.len));
}

static void add_dependency(json_t *list, json_t *dependency)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), dependency)) {
            json_decref(dependency);
            return;
        }
    }
    json_array_append_new(list, dependency);
}

static void add_image(struct plan *plan, json_t *list, const struct used_image *used)
{
    if (!used->image->digest)
        return;
    const char *uri = arena_printf(plan->arena, "docker-image://%s", used->name);
    json_t *dependency = json_pack("{s:o, s:{s:s}}", "uri", json_text(span_of(uri)), "annotations", "platform", used->platform);
    set_digest(dependency, span_of(used->image->digest));
    add_dependency(list, dependency);
}

static void add_remote(json_t *list, const struct add_source *remote)
{
    json_t *dependency = json_pack("{s:o}", "uri", json_text(remote->public_text));
    set_digest(dependency, remote->checksum);
    add_dependency(list, dependency);
}

static json_t *dependencies(struct plan *plan)
{
    json_t *list = json_array();
    const struct stages *stages = plan->stages;
    for (size_t i = 0; i < stages->used.count; i++)
        add_image(plan, list, &stages->used.items[i]);
    for (size_t i = 0; i < stages->remotes.count; i++)
        add_remote(list, stages->remotes.items[i]);
    for (size_t i = 0; i < stages->count; i++) {
        const struct stage *stage = &stages->items[i];
        for (size_t k = 0; stage->is_needed && k < stage->actions.count; k++) {
            const struct action *action = stage->actions.items[k];
            for (size_t n = 0; action->kind == ACTION_COPY && n < action->copy.sources.count; n++)
                if (action->copy.sources.items[n].remote)
                    add_remote(list, action->copy.sources.items[n].remote);
        }
    }
    return list;
}

/* --- what was asked for --- */

/* Proxies may have passwords in them, and no result depends on them. */
static bool is_proxy(const char *name)
{
    size_t len = strlen(name);
    return len >= 6 && !strcasecmp(name + len - 6, "_proxy");
}

static json_t *arguments(const struct opts *opts, bool has_values)
{
    json_t *args = has_values ? json_object() : json_array();
    for (size_t i = 0; i < opts->build_args.count; i++) {
        const struct opt_pair *arg = &opts->build_args.items[i];
        if (is_proxy(arg->name))
            continue;
        if (has_values)
            json_object_set_new(args, arg->name, json_text(span_of(arg->value)));
        else
            add_dependency(args, json_text(span_of(arg->name)));
    }
    return args;
}

static json_t *parameters(const struct plan *plan, const struct planned *planned)
{
    const struct opts *opts = plan->opts;
    /* Where the file lies on this machine is nobody's business. */
    const char *file = opts->file_name && strcmp(opts->file_name, "-") ? path_base(opts->file_name) : "Dockerfile";
    bool is_max = !strcmp(opts->provenance, "max");
    json_t *json = json_pack("{s:o, s:o, s:o}", "dockerfile", json_text(span_of(file)), "target",
                             json_text(span_of(planned->stage->name)), "platform", plan_platform_json(&planned->stage->platform));
    json_object_set_new(json, is_max ? "args" : "argNames", arguments(opts, is_max));
    json_t *secrets = json_array(), *labels = json_object();
    for (size_t i = 0; i < opts->secrets.count; i++)
        json_array_append_new(secrets, json_text(span_of(opts->secrets.items[i].id)));
    for (size_t i = 0; i < opts->labels.count; i++)
        json_object_set_new(labels, opts->labels.items[i].name,
                            json_text(span_of(opts->labels.items[i].value ? opts->labels.items[i].value : "")));
    if (is_max) {
        json_object_set(json, "secrets", secrets);
        json_object_set(json, "labels", labels);
    }
    json_decref(secrets);
    json_decref(labels);
    return json;
}

void plan_attest(struct plan *plan, struct planned *planned, struct plan_step *step)
{
    const struct opts *opts = plan->opts;
    if (!opts->sbom_spdx && !opts->sbom_cyclonedx && !opts->provenance)
        return;
    /* What documents say of when they were made. */
    if (plan->stages->has_epoch)
        json_object_set_new(step->json, "epoch", json_integer(plan->stages->epoch));
    if (opts->sbom_spdx || opts->sbom_cyclonedx) {
        json_t *formats = json_array();
        if (opts->sbom_spdx)
            json_array_append_new(formats, json_string("spdx"));
        if (opts->sbom_cyclonedx)
            json_array_append_new(formats, json_string("cyclonedx"));
        json_object_set_new(step->json, "sbom", formats);
        plan_step_stage(step, &planned->root);
    }
    if (!opts->provenance)
        return;
    json_t *provenance = json_pack("{s:o, s:o}", "parameters", parameters(plan, planned), "dependencies", dependencies(plan));
    if (opts->provenance_builder)
        json_object_set_new(provenance, "builder", json_text(span_of(opts->provenance_builder)));
    json_object_set_new(step->json, "provenance", provenance);
}
