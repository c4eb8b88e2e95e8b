/*
 * Documents about an image: what is in it (SPDX, CycloneDX), and what it was made from (SLSA provenance). The same image gives the same bytes:
 * ids come from digests, times are given.
 */
#ifndef DFGEN_SBOM_DOCUMENTS_H
#define DFGEN_SBOM_DOCUMENTS_H

#include <stdbool.h>
#include <stdint.h>

struct json_t;
struct packages;

struct subject {
    const char *name;           /* of the image */
    const char *digest;         /* of its manifest: "sha256:HEX" */
    int64_t epoch;              /* what the document says of when it was made */
};

struct json_t *spdx_document(const struct subject *subject, const struct packages *packages);
struct json_t *cyclonedx_document(const struct subject *subject, const struct packages *packages);
/* facts: {"parameters": what was asked for, "dependencies": what went in, "builder": URI}. has_time: the epoch was given. */
struct json_t *provenance_document(const struct subject *subject, const struct json_t *facts, bool has_time);

/* --- what they share --- */

/* "2026-01-31T12:00:00Z" */
const char *document_time(int64_t epoch, char text[32]);
/* "urn:uuid:…": of the image's digest and the kind of document, so that it is the same for the same image. */
const char *document_uuid(const struct subject *subject, const char *kind, char text[64]);
/* The name of a package in a document: PREFIX and 32 hex digits. */
struct package;
const char *document_package_id(const struct package *package, const char *prefix, char text[64]);
/* The image's package URL. */
struct json_t *document_image_purl(const struct subject *subject);
/* What the user must know of packages that are missing; NULL: nothing is. */
struct json_t *document_notes(const struct packages *packages);

#endif
