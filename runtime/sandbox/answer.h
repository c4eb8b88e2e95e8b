/* What the supervisor answers to a call that the filter has sent, one function for each kind of call. */
#ifndef DFGEN_SANDBOX_ANSWER_H
#define DFGEN_SANDBOX_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct owner;
struct statx;
struct supervisor;
struct tracee;

struct reply {
    bool goes_on;   /* the kernel carries out the call itself */
    int error;      /* else: errno, or 0 and */
    int64_t value;
};

struct reply answer_chown(const struct tracee *tracee);
struct reply answer_create(const struct tracee *tracee);
struct reply answer_stat(const struct tracee *tracee);
struct reply answer_exec(const struct tracee *tracee);
struct reply answer_chroot(const struct tracee *tracee);
struct reply answer_get_ids(const struct tracee *tracee);
struct reply answer_set_ids(const struct tracee *tracee);
struct reply answer_keepcaps(const struct tracee *tracee);
struct reply answer_locks(const struct tracee *tracee);

static inline struct reply answer_go_on(void)
{
    return (struct reply){.goes_on = true};
}

static inline struct reply answer_error(int error)
{
    return (struct reply){.error = error};
}

static inline struct reply answer_value(int64_t value)
{
    return (struct reply){.value = value};
}

/* --- owners of files, for the answers --- */

/* statx of an O_PATH descriptor itself. -1 with errno. */
int owning_look(int fd, struct statx *st);

/*
 * Who owns what an O_PATH descriptor is open on, by its statx: as noted, else by whether the payload has made it.
 * False: as the kernel says.
 */
bool owning_find(struct supervisor *supervisor, int fd, const struct statx *st, struct owner *owner);

/* Whether the kernel knows every owner: all files are the one user's, and the payload believes to be that. */
bool owning_is_plain(const struct supervisor *supervisor);

/* Note that the process has made what an O_PATH descriptor is open on, in a folder. */
void owning_made(const struct tracee *tracee, int parent, int made, struct owner *owner);

#endif
