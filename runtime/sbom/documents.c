/*
 * Owns what documents of all kinds have in common: names and times that depend on the image alone. Called by them. Must not know any kind.
 */
#include <jansson.h>

#include "runtime/sbom/documents.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/json.h"
#include "runtime/sbom/packages.h"

const char *document_time(int64_t epoch, char text[32])
{
    time_t seconds = (time_t)epoch;
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
        strcpy(text, "1970-01-01T00:00:00Z");
    return text;
}

static void hash_fields(const char *const *fields, size_t count, char hex[DIGEST_HEX + 1])
{
    struct digest_state state;
    digest_begin(&state);
    for (size_t i = 0; i < count; i++)
        digest_add_field(&state, fields[i]);
    struct digest digest = digest_end(&state);
    digest_hex(&digest, hex);
}

const char *document_uuid(const struct subject *subject, const char *kind, char text[64])
{
    char hex[DIGEST_HEX + 1];
    const char *const fields[] = {kind, subject->digest};
    hash_fields(fields, 2, hex);
    /* Version 8: bits of one's own choice. */
    snprintf(text, 64, "urn:uuid:%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15, hex + 18);
    return text;
}

const char *document_package_id(const struct package *package, const char *prefix, char text[64])
{
    char hex[DIGEST_HEX + 1];
    const char *const fields[] = {package->purl, package->from};
    hash_fields(fields, 2, hex);
    snprintf(text, 64, "%s%.32s", prefix, hex);
    return text;
}

json_t *document_image_purl(const struct subject *subject)
{
    struct buf purl = {0};
    buf_puts(&purl, "pkg:oci/");
    for (const char *at = subject->name; *at; at++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-_", *at))
            buf_putc(&purl, *at);
        else
            buf_printf(&purl, "%%%02X", (unsigned char)*at);
    buf_printf(&purl, "@sha256%%3A%s", subject->digest + strlen("sha256:"));
    json_t *json = json_string(buf_text(&purl));
    buf_free(&purl);
    return json;
}

json_t *document_notes(const struct packages *packages)
{
    struct buf text = {0};
    for (size_t i = 0; i < packages->notes.count; i++)
        buf_printf(&text, "%s%s", i ? "\n" : "Incomplete: ", packages->notes.items[i]);
    json_t *json = text.len ? json_text((struct span){text.data, text.len}) : NULL;
    buf_free(&text);
    return json;
}
