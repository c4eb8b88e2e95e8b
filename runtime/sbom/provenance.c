/*
 * Owns the shape of SLSA provenance v1, in an in-toto statement v1. Called by dfgen-image. Must not know what an image is made from: gen says it.
 */
#include <jansson.h>

#include "runtime/sbom/documents.h"

#include <string.h>

#include <config.h>
#include "runtime/lib/json.h"

json_t *provenance_document(const struct subject *subject, const json_t *facts, bool has_time)
{
    char time[32];
    json_t *builder = json_pack("{s:s, s:{s:s}}", "id", json_get_string(facts, "builder", "urn:dfgen:local"), "version", "dfgen",
                                DFGEN_VERSION);
    json_t *run = json_pack("{s:o}", "builder", builder);
    /* No clock: the same build has the same provenance. */
    if (has_time)
        json_object_set_new(run, "metadata", json_pack("{s:s}", "startedOn", document_time(subject->epoch, time)));
    json_t *definition = json_pack("{s:s, s:O, s:O}", "buildType", "urn:dfgen:dockerfile:v1", "externalParameters",
                                   json_object_get(facts, "parameters"), "resolvedDependencies", json_object_get(facts, "dependencies"));
    return json_pack("{s:s, s:[{s:o, s:{s:s}}], s:s, s:{s:o, s:o}}", "_type", "https://in-toto.io/Statement/v1", "subject", "name",
                     json_text(span_of(subject->name)), "digest", "sha256", subject->digest + strlen("sha256:"), "predicateType",
                     "https://slsa.dev/provenance/v1", "predicate", "buildDefinition", definition, "runDetails", run);
}
