/*
 * The lines of /etc/passwd and /etc/group, as text that the caller has read (regular file, USERS_LIMIT at most). No
 * NSS, no libc look-up: the files are an image's. First match wins; a line without its numbers counts as no line.
 */
#ifndef DFGEN_USERS_H
#define DFGEN_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/lib/span.h"

enum { USERS_LIMIT = 10 * 1024 * 1024 };

/* A line of passwd; the texts point into it. */
struct user {
    struct span name, home;
    uint32_t uid, gid;
};

/* A decimal number of 0 to 4294967294, digits alone. */
bool users_parse_id(struct span text, uint32_t *id);
/*
 * The same for --chown, as the reference reads it: "root" is 0, "+7" is 7, "-2" is 4294967294 and "-1" (leave it) is 0; what has no
 * room in 32 bits with a sign is a name.
 */
bool users_parse_owner(struct span text, uint32_t *id);

bool users_find_name(struct span passwd, struct span name, struct user *user);
bool users_find_uid(struct span passwd, uint32_t uid, struct user *user);

bool users_find_group(struct span group, struct span name, uint32_t *gid);
bool users_find_gid(struct span group, uint32_t gid, struct span *name);

/* The groups that list a member, one a call: *at begins as 0. False when there are no more. */
bool users_next_group(struct span group, struct span member, size_t *at, uint32_t *gid);

#endif
