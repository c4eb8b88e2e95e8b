/*
 * Documents about an image, as manifests that refer to it (OCI image-spec 1.1: artifactType, subject). In a layout's index they come after the
 * image's own descriptors and have no name.
 */
#ifndef DFGEN_IMAGE_REFERRER_H
#define DFGEN_IMAGE_REFERRER_H

#include <stdbool.h>

struct digests;
struct json_t;
struct step;

/*
 * Put the document (which goes with the call) and its manifest into the store, their digests into *digests; returns the manifest's
 * descriptor for the index. subject: the image's descriptor, of which type, digest and size count. Ends the process when the store cannot be written.
 */
struct json_t *referrer_put(struct step *step, struct digests *digests, const struct json_t *subject, const char *type, struct json_t *document);

/* Is this descriptor of an index that of a document, so not of an image? */
bool referrer_is_one(const struct json_t *descriptor);
/* Does it refer to one of these? */
bool referrer_is_of(const struct json_t *descriptor, const struct digests *digests);
/* Leave images alone in an index. */
void referrer_drop_all(struct json_t *index);

#endif
