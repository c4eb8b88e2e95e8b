/*
 * Owns the answers to chown and its kin. Called by the supervisor. The kernel is asked for a change to the one owner that there is: that says
 * whether the file can be changed at all, copies it up and takes set-id bits and capabilities away; then the wanted owner is noted.
 */
#include "runtime/sandbox/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/fdio.h"
#include "runtime/sandbox/creds.h"
#include "runtime/sandbox/owners.h"
#include "runtime/sandbox/tracee.h"

static const uint32_t same = (uint32_t)-1;

struct place {
    int dir, path, flags;   /* which arguments; -1: there is none */
    int ids;                /* the first of two */
    bool is_fd, follows;
};

/* The file that is to be given away. */
struct target {
    int dir, flags;
    char path[PATH_MAX];
};

static struct place place_of(enum call call)
{
    switch (call) {
    case CALL_CHOWN: return (struct place){-1, 0, -1, 1, false, true};
    case CALL_LCHOWN: return (struct place){-1, 0, -1, 1, false, false};
    case CALL_FCHOWN: return (struct place){0, -1, -1, 1, true, true};
    default: return (struct place){0, 1, 4, 2, false, true};
    }
}

static int find_target(const struct tracee *tracee, const struct place *place, struct target *target)
{
    *target->path = 0;
    target->dir = place->dir < 0 ? AT_FDCWD : tracee_int(tracee, place->dir);
    target->flags = place->flags < 0 ? 0 : tracee_int(tracee, place->flags) & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    if (!place->follows)
        target->flags |= AT_SYMLINK_NOFOLLOW;
    if (place->is_fd)
        target->flags = AT_EMPTY_PATH;
    return place->is_fd ? 0 : tracee_read_path(tracee, tracee_argument(tracee, place->path), target->path);
}

/* Root gives root what is not known to be another's: the kernel can do that alone. */
static bool is_roots(const struct tracee *tracee, uint32_t uid, uint32_t gid)
{
    const struct supervisor *supervisor = tracee->supervisor;
    if ((uid && uid != same) || (gid && gid != same) || supervisor->uid || supervisor->gid)
        return false;
    struct creds creds = creds_get(supervisor->creds, tracee->pid);
    return creds.uids[CREDS_FILES] == 0;
}

static bool is_unknown(const struct tracee *tracee, const struct target *target)
{
    struct statx st;
    struct owner owner;
    return tracee_stat(tracee, target->dir, target->path, target->flags, &st) == 0 &&
           !owners_find(tracee->supervisor->owners, &st, &owner);
}

/* Who is not root may give a file that it owns to a group that it is in. */
static bool is_allowed(const struct tracee *tracee, const struct owner *old, uint32_t uid, uint32_t gid)
{
    struct creds creds = creds_get(tracee->supervisor->creds, tracee->pid);
    if (creds.uids[CREDS_FILES] == 0 || creds.kept)
        return true;
    return old->uid == creds.uids[CREDS_FILES] && (uid == same || uid == old->uid) &&
           (gid == same || gid == old->gid || creds_has_group(&creds, gid));
}

struct reply answer_chown(const struct tracee *tracee)
{
    struct supervisor *supervisor = tracee->supervisor;
    struct place place = place_of(tracee->call.call);
    uint32_t uid = tracee_id(tracee, place.ids), gid = tracee_id(tracee, place.ids + 1);
    struct target asked;
    struct owner owner = {0};
    struct statx st;
    bool goes_on = is_roots(tracee, uid, gid);
    if (goes_on && owning_is_plain(supervisor))
        return answer_go_on();
    if (find_target(tracee, &place, &asked) < 0)
        return answer_error(errno);
    if (goes_on && is_unknown(tracee, &asked))
        return answer_go_on();
    autoclose int target = tracee_open(tracee, asked.dir, asked.path, asked.flags);
    if (target < 0)
        return answer_error(errno);
    if (!tracee_is_there(tracee))
        return answer_error(ESRCH);
    if (owning_look(target, &st) < 0)
        return answer_error(errno);
    owning_find(supervisor, target, &st, &owner);
    if (!is_allowed(tracee, &owner, uid, gid))
        return answer_error(EPERM);
    if (fchownat(target, "", uid == same ? same : 0, gid == same ? same : 0, AT_EMPTY_PATH) < 0)
        return answer_error(errno);
    owner.uid = uid == same ? owner.uid : uid;
    owner.gid = gid == same ? owner.gid : gid;
    /* Again: a copy has its own time of birth. */
    if (owning_look(target, &st) < 0)
        return answer_error(errno);
    owners_note(supervisor->owners, &st, &owner);
    return answer_value(0);
}
