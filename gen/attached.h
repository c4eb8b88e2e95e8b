/* Documents about an image in an OCI layout: manifests that refer to it, and what they hold. */
#ifndef DFGEN_ATTACHED_H
#define DFGEN_ATTACHED_H

struct arena;
struct json_t;
struct layout;

/*
 * An array of {"type": what it is, "digest", "size": its blob, "manifest": the digest of the manifest that refers to the
 * image}. digest: of the image's manifest. NULL: *error says what is damaged.
 */
struct json_t *attached_list(struct arena *arena, struct layout *layout, const char *digest, const char **error);

#endif
