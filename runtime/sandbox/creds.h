/* Who a process believes to be, where all of them really are the one user that there is. */
#ifndef DFGEN_SANDBOX_CREDS_H
#define DFGEN_SANDBOX_CREDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct identity; /* runtime/sandbox/user.h */

enum { CREDS_REAL, CREDS_EFFECTIVE, CREDS_SAVED, CREDS_FILES, CREDS_KINDS };

struct creds {
    uint32_t uids[CREDS_KINDS], gids[CREDS_KINDS];
    const uint32_t *groups;
    size_t group_count;
    bool keeps, kept;   /* capabilities, when the user ids change; and whether it has kept them so */
};

struct creds_table;

/* The first ones are those of the payload when it starts. */
struct creds_table *creds_new(const struct identity *identity);

/* Of a process. */
struct creds creds_get(struct creds_table *table, pid_t pid);
/* -1 with errno, when the process is gone. Groups are copied. */
int creds_set(struct creds_table *table, pid_t pid, const struct creds *creds);

/*
 * What the kernel would make of setresuid and the like: ids is uids or gids; those that are -1 stay. privileged: the
 * effective uid is 0. -1 with errno EPERM.
 */
int creds_set_one(uint32_t ids[CREDS_KINDS], uint32_t id, bool is_privileged);
int creds_set_two(uint32_t ids[CREDS_KINDS], uint32_t real, uint32_t effective, bool is_privileged);
int creds_set_three(uint32_t ids[CREDS_KINDS], const uint32_t new_ids[3], bool is_privileged);
/* Gives the old one, as setfsuid does it. */
uint32_t creds_set_files(uint32_t ids[CREDS_KINDS], uint32_t id, bool is_privileged);

/* Whether it may change ids and owners at will. */
bool creds_is_privileged(const struct creds *creds);

bool creds_has_group(const struct creds *creds, uint32_t gid);

#endif
