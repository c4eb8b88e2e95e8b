/*
 * BuildKit's source policies (sourcepolicy/pb/policy.proto as JSON): rules that allow, deny or convert what a build
 * takes from elsewhere. A source is an identifier ("docker-image://docker.io/library/busybox:latest", "https://...",
 * "git://HOST/PATH#REF", "local://context") with attributes. Strings are the arena's.
 */
#ifndef DFGEN_POLICY_H
#define DFGEN_POLICY_H

#include <stdbool.h>

struct add_source;
struct arena;
struct lock;
struct policy;

/*
 * Read it from path, which messages call shown. Ends the process with exit 2, the file and the member's place when it
 * is not understood.
 */
struct policy *policy_read(struct arena *arena, const char *path, const char *shown);
/* Several options may share it: what is freed already has no rules any more. */
void policy_free(struct policy *policy);

/*
 * What the rules make of a normalised image reference: *converted is another one, or the same pointer. NULL, or why it
 * may not be used. A policy NULL allows all, here and below.
 */
const char *policy_image(const struct policy *policy, struct arena *arena, const char *reference,
                         const char **converted);

/* The same for a URL or git repository, which is changed in place. *changed: it was. */
const char *policy_remote(const struct policy *policy, struct arena *arena, struct add_source *remote, bool *changed);

/* May it be used? For sources that cannot become others: "local://context", "oci-layout://NAME@DIGEST". */
const char *policy_check(const struct policy *policy, struct arena *arena, const char *identifier);

/* --- policy_write.c --- */

/*
 * The lock as a policy, path "-" being standard output. Ends the process when it cannot be said so, or not be written.
 */
void policy_write(const struct lock *lock, struct arena *arena, const char *store, const char *path);

#endif
