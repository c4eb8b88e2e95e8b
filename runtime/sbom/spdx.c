/*
 * Owns the shape of SPDX 2.3 documents. Called by dfgen-image. Must not know where packages come from.
 */
#include <jansson.h>

#include "runtime/sbom/documents.h"

#include <config.h>
#include "runtime/lib/buf.h"
#include "runtime/lib/json.h"
#include "runtime/sbom/packages.h"

static const char document_id[] = "SPDXRef-DOCUMENT", image_id[] = "SPDXRef-Image", unknown[] = "NOASSERTION";

static json_t *purl_reference(json_t *purl)
{
    return json_pack("[{s:s, s:s, s:o}]", "referenceCategory", "PACKAGE-MANAGER", "referenceType", "purl", "referenceLocator", purl);
}

static json_t *bare_package(const char *id, const char *name)
{
    return json_pack("{s:s, s:o, s:s, s:b, s:s, s:s, s:s}", "SPDXID", id, "name", json_text(span_of(name)), "downloadLocation",
                     unknown, "filesAnalyzed", 0, "licenseConcluded", unknown, "licenseDeclared", unknown, "copyrightText", unknown);
}

static json_t *image_package(const struct subject *subject)
{
    json_t *json = bare_package(image_id, subject->name);
    json_object_set_new(json, "versionInfo", json_string(subject->digest));
    json_object_set_new(json, "primaryPackagePurpose", json_string("CONTAINER"));
    json_object_set_new(json, "externalRefs", purl_reference(document_image_purl(subject)));
    return json;
}

static json_t *one_package(const struct package *package, const char *id)
{
    struct buf from = {0};
    json_t *json = bare_package(id, package->name);
    buf_printf(&from, "from /%s", package->from);
    json_object_set_new(json, "sourceInfo", json_text((struct span){from.data, from.len}));
    if (*package->version)
        json_object_set_new(json, "versionInfo", json_text(span_of(package->version)));
    /* What packages declare need not be one of SPDX's expressions, so it is only told. */
    if (*package->license)
        json_object_set_new(json, "licenseComments", json_text(span_of(package->license)));
    json_object_set_new(json, "externalRefs", purl_reference(json_text(span_of(package->purl))));
    buf_free(&from);
    return json;
}

static json_t *relationship(const char *one, const char *type, const char *other)
{
    return json_pack("{s:s, s:s, s:s}", "spdxElementId", one, "relationshipType", type, "relatedSpdxElement", other);
}

json_t *spdx_document(const struct subject *subject, const struct packages *packages)
{
    char time[32], uuid[64], id[64];
    json_t *list = json_array(), *relations = json_array();
    json_array_append_new(list, image_package(subject));
    json_array_append_new(relations, relationship(document_id, "DESCRIBES", image_id));
    for (size_t i = 0; i < packages->list.count; i++) {
        document_package_id(&packages->list.items[i], "SPDXRef-Package-", id);
        json_array_append_new(list, one_package(&packages->list.items[i], id));
        json_array_append_new(relations, relationship(image_id, "CONTAINS", id));
    }
    json_t *json = json_pack("{s:s, s:s, s:s, s:o, s:s, s:{s:s, s:[s]}, s:o, s:o}", "spdxVersion", "SPDX-2.3", "dataLicense", "CC0-1.0",
                             "SPDXID", document_id, "name", json_text(span_of(subject->name)), "documentNamespace",
                             document_uuid(subject, "spdx", uuid), "creationInfo", "created", document_time(subject->epoch, time),
                             "creators", "Tool: dfgen-" DFGEN_VERSION, "packages", list, "relationships", relations);
    json_t *notes = document_notes(packages);
    if (notes)
        json_object_set_new(json, "comment", notes);
    return json;
}
