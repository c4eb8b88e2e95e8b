/*
 * Owns the shape of CycloneDX 1.5 documents. Called by dfgen-image. Must not know where packages come from.
 */
#include <jansson.h>

#include "runtime/sbom/documents.h"

#include <config.h>
#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"
#include "runtime/sbom/packages.h"

static json_t *property(const char *name, json_t *value)
{
    return json_pack("{s:s, s:o}", "name", name, "value", value);
}

static json_t *component(const struct package *package)
{
    struct buf from = {0};
    char id[64];
    buf_printf(&from, "/%s", package->from);
    json_t *json = json_pack("{s:s, s:s, s:o, s:o, s:[o]}", "type", "library", "bom-ref", document_package_id(package, "package-", id),
                             "name", json_text(span_of(package->name)), "purl", json_text(span_of(package->purl)), "properties",
                             property("dfgen:from", json_text((struct span){from.data, from.len})));
    if (*package->version)
        json_object_set_new(json, "version", json_text(span_of(package->version)));
    /* A name, since what packages declare need not be one of SPDX's. */
    if (*package->license)
        json_object_set_new(json, "licenses", json_pack("[{s:{s:o}}]", "license", "name", json_text(span_of(package->license))));
    buf_free(&from);
    return json;
}

json_t *cyclonedx_document(const struct subject *subject, const struct packages *packages)
{
    char time[32], uuid[64];
    json_t *components = json_array();
    for (size_t i = 0; i < packages->list.count; i++)
        json_array_append_new(components, component(&packages->list.items[i]));
    json_t *image = json_pack("{s:s, s:s, s:o, s:s, s:o}", "type", "container", "bom-ref", "image", "name",
                              json_text(span_of(subject->name)), "version", subject->digest, "purl", document_image_purl(subject));
    json_t *tools = json_pack("{s:[{s:s, s:s, s:s}]}", "components", "type", "application", "name", "dfgen", "version", DFGEN_VERSION);
    json_t *metadata = json_pack("{s:s, s:o, s:o}", "timestamp", document_time(subject->epoch, time), "tools", tools, "component", image);
    json_t *notes = document_notes(packages);
    if (notes)
        json_object_set_new(metadata, "properties", json_pack("[o]", property("dfgen:incomplete", notes)));
    return json_pack("{s:s, s:s, s:s, s:i, s:o, s:o}", "bomFormat", "CycloneDX", "specVersion", "1.5", "serialNumber",
                     document_uuid(subject, "cyclonedx", uuid), "version", 1, "metadata", metadata, "components", components);
}
