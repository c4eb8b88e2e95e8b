/*
 * Owns the meaning of USER: numbers, names, supplementary groups, the home folder. Called by the sandbox while no payload runs. Reads the
 * image's files as text; no C library look-up ever sees them. Must not change who this process is.
 */
#include "runtime/sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/path.h"
#include "runtime/lib/step.h"
#include "runtime/lib/users.h"
#include "runtime/lib/vec.h"

enum { MAX_ID = INT32_MAX, MAX_GROUPS = 65536 };

/* Text of an image's file; empty when there is none. It may be a link, a device, a fifo: only a regular file of bearable size counts. */
static struct span read_file(const struct step *step, int root, const char *name)
{
    struct buf text = {0};
    struct stat st;
    autoclose int seen = path_open_in(root, name, O_PATH);
    if (seen < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return (struct span){"", 0};
        step_die(step, "cannot open /%s of the image:", name);
    }
    /* Looked at before it is opened for reading: opening a device may do something. */
    if (fstat(seen, &st) < 0 || !S_ISREG(st.st_mode))
        step_die(step, "/%s of the image is no regular file", name);
    autoclose int fd = path_open_in(root, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || fd_read_all(fd, &text, USERS_LIMIT) < 0)
        step_die(step, "cannot read /%s of the image:", name);
    struct span kept = arena_span(step->arena, (struct span){buf_text(&text), text.len});
    buf_free(&text);
    return kept;
}

static void check_range(const struct step *step, struct span text, uint32_t id)
{
    if (id > MAX_ID)
        step_die(step, "USER: %.*s is out of range", SPAN(text));
}

static uint32_t resolve_group(const struct step *step, int root, struct span name)
{
    uint32_t gid;
    if (users_parse_id(name, &gid)) {
        check_range(step, name, gid);
        return gid;
    }
    if (!users_find_group(read_file(step, root, "etc/group"), name, &gid))
        step_die(step, "unable to find group %.*s: no matching entries in group file", SPAN(name));
    check_range(step, name, gid);
    return gid;
}

/* The groups that list the user's name, after the primary one. */
static void add_groups(const struct step *step, int root, struct span name, struct identity *identity)
{
    VEC(uint32_t) groups = {0};
    struct span text = read_file(step, root, "etc/group");
    size_t at = 0;
    uint32_t gid;
    vec_push(&groups, identity->gid);
    while (groups.count < MAX_GROUPS && users_next_group(text, name, &at, &gid)) {
        check_range(step, name, gid);
        if (gid != identity->gid)
            vec_push(&groups, gid);
    }
    uint32_t *kept = arena_array(step->arena, groups.count, sizeof *kept);
    memcpy(kept, groups.items, groups.count * sizeof *kept);
    identity->groups = kept;
    identity->group_count = groups.count;
    vec_free(&groups);
}

void user_resolve(const struct step *step, int root, const char *user, struct identity *identity)
{
    const char *colon = strchr(user, ':');
    struct span name = {user, colon ? (size_t)(colon - user) : strlen(user)};
    struct span group = colon ? span_of(colon + 1) : (struct span){"", 0};
    struct span passwd = read_file(step, root, "etc/passwd");
    struct user entry;
    bool found = false;
    *identity = (struct identity){.home = "/"};
    if (!name.len)
        name = span_of("0");
    /* A number is one even when a name looks like it. */
    bool is_number = users_parse_id(name, &identity->uid);
    if (is_number)
        found = users_find_uid(passwd, identity->uid, &entry);
    else if (!(found = users_find_name(passwd, name, &entry)))
        step_die(step, "unable to find user %.*s: no matching entries in passwd file", SPAN(name));
    if (found) {
        identity->uid = entry.uid;
        identity->gid = entry.gid;
    }
    check_range(step, name, identity->uid);
    check_range(step, name, identity->gid);
    if (group.len)
        identity->gid = resolve_group(step, root, group);
    if (found && !group.len) {
        add_groups(step, root, entry.name, identity);
    } else {
        uint32_t *only = arena_alloc(step->arena, sizeof *only);
        *only = identity->gid;
        identity->groups = only;
        identity->group_count = 1;
    }
    /* HOME is that of the first entry with this uid, whatever name was used. */
    if (users_find_uid(passwd, identity->uid, &entry) && entry.home.len)
        identity->home = arena_strndup(step->arena, entry.home.text, entry.home.len);
}
