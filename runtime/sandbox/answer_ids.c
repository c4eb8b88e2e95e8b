/*
 * Owns the answers to the calls that ask for a process's ids and change them. Called by the supervisor. The rules are creds.c's.
 */
#include "runtime/sandbox/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/sandbox/creds.h"
#include "runtime/sandbox/tracee.h"

enum { GROUP_LIMIT = 65536 };

/* --- asking --- */

static int put_id(const struct tracee *tracee, uint64_t address, uint32_t id)
{
    uint16_t narrow = (uint16_t)id;
    if (tracee->call.is_narrow)
        return tracee_write(tracee, address, &narrow, sizeof narrow);
    return tracee_write(tracee, address, &id, sizeof id);
}

static struct reply put_three(const struct tracee *tracee, const uint32_t ids[CREDS_KINDS])
{
    for (int i = 0; i < 3; i++)
        if (put_id(tracee, tracee_argument(tracee, i), ids[i]) < 0)
            return answer_error(errno);
    return answer_value(0);
}

static struct reply put_groups(const struct tracee *tracee, const struct creds *creds)
{
    int room = tracee_int(tracee, 0);
    uint64_t address = tracee_argument(tracee, 1);
    size_t size = tracee->call.is_narrow ? sizeof(uint16_t) : sizeof(uint32_t);
    if (room == 0)
        return answer_value((int64_t)creds->group_count);
    if (room < 0 || (size_t)room < creds->group_count)
        return answer_error(EINVAL);
    for (size_t i = 0; i < creds->group_count; i++)
        if (put_id(tracee, address + i * size, creds->groups[i]) < 0)
            return answer_error(errno);
    return answer_value((int64_t)creds->group_count);
}

struct reply answer_get_ids(const struct tracee *tracee)
{
    struct creds creds = creds_get(tracee->supervisor->creds, tracee->pid);
    if (!tracee_is_there(tracee))
        return answer_error(ESRCH);
    switch (tracee->call.call) {
    case CALL_GETUID: return answer_value(creds.uids[CREDS_REAL]);
    case CALL_GETEUID: return answer_value(creds.uids[CREDS_EFFECTIVE]);
    case CALL_GETGID: return answer_value(creds.gids[CREDS_REAL]);
    case CALL_GETEGID: return answer_value(creds.gids[CREDS_EFFECTIVE]);
    case CALL_GETRESUID: return put_three(tracee, creds.uids);
    case CALL_GETRESGID: return put_three(tracee, creds.gids);
    default: return put_groups(tracee, &creds);
    }
}

/* --- changing --- */

/* The new groups, malloc'd. -1 with errno. */
static int read_groups(const struct tracee *tracee, uint32_t **groups, size_t *count)
{
    int wanted = tracee_int(tracee, 0);
    uint64_t address = tracee_argument(tracee, 1);
    if (wanted < 0 || wanted > GROUP_LIMIT) {
        errno = EINVAL;
        return -1;
    }
    *count = (size_t)wanted;
    *groups = calloc(*count + 1, sizeof **groups);
    if (!*groups)
        return -1;
    if (!tracee->call.is_narrow)
        return wanted ? tracee_read(tracee, address, *groups, *count * sizeof **groups) : 0;
    for (size_t i = 0; i < *count; i++) {
        uint16_t narrow;
        if (tracee_read(tracee, address + i * sizeof narrow, &narrow, sizeof narrow) < 0)
            return -1;
        (*groups)[i] = narrow;
    }
    return 0;
}

static struct reply set_groups(const struct tracee *tracee, struct creds *creds, bool is_privileged)
{
    uint32_t *groups = NULL;
    struct reply reply = answer_value(0);
    if (!is_privileged)
        return answer_error(EPERM);
    if (read_groups(tracee, &groups, &creds->group_count) < 0) {
        reply = answer_error(errno);
    } else {
        creds->groups = groups;
        if (creds_set(tracee->supervisor->creds, tracee->pid, creds) < 0)
            reply = answer_error(errno);
    }
    free(groups);
    return reply;
}

static bool is_of_groups(enum call call)
{
    return call == CALL_SETGID || call == CALL_SETREGID || call == CALL_SETRESGID || call == CALL_SETFSGID;
}

struct reply answer_set_ids(const struct tracee *tracee)
{
    struct creds_table *table = tracee->supervisor->creds;
    struct creds creds = creds_get(table, tracee->pid);
    bool is_privileged = creds_is_privileged(&creds);
    uint32_t *ids = is_of_groups(tracee->call.call) ? creds.gids : creds.uids;
    uint32_t given[3] = {tracee_id(tracee, 0), tracee_id(tracee, 1), tracee_id(tracee, 2)};
    int64_t value = 0;
    int result = 0;
    if (!tracee_is_there(tracee))
        return answer_error(ESRCH);
    switch (tracee->call.call) {
    case CALL_SETGROUPS: return set_groups(tracee, &creds, is_privileged);
    case CALL_SETUID:
    case CALL_SETGID: result = creds_set_one(ids, given[0], is_privileged); break;
    case CALL_SETREUID:
    case CALL_SETREGID: result = creds_set_two(ids, given[0], given[1], is_privileged); break;
    case CALL_SETRESUID:
    case CALL_SETRESGID: result = creds_set_three(ids, given, is_privileged); break;
    default: value = creds_set_files(ids, given[0], is_privileged); break;
    }
    if (result == 0 && ids == creds.uids)
        creds.kept = is_privileged && creds.keeps && creds.uids[CREDS_EFFECTIVE];
    if (result < 0 || creds_set(table, tracee->pid, &creds) < 0)
        return answer_error(errno);
    return answer_value(value);
}

struct reply answer_keepcaps(const struct tracee *tracee)
{
    struct creds_table *table = tracee->supervisor->creds;
    struct creds creds = creds_get(table, tracee->pid);
    bool keeps = tracee_argument(tracee, 1) != 0;
    if (keeps == creds.keeps || !tracee_is_there(tracee))
        return answer_go_on();
    creds.keeps = keeps;
    if (creds_set(table, tracee->pid, &creds) < 0)
        return answer_error(errno);
    return answer_go_on();
}

/* Where its ids are kept is not the process's to change; the limit means nothing to the kernel. */
struct reply answer_locks(const struct tracee *tracee)
{
    bool is_query = tracee->call.call == CALL_ASK_LOCKS && !tracee_argument(tracee, 2);
    return is_query ? answer_go_on() : answer_value(0);
}
