/*
 * Owns how an owner's name becomes numbers. Called by dfgen-copy's main. Reads two files of the root; must not know the
 * plan.
 */
#include "runtime/copy/owner.h"

#include <errno.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/list.h"
#include "runtime/lib/span.h"
#include "runtime/lib/tree.h"
#include "runtime/lib/users.h"

struct search {
    const struct tree *root;
    struct arena *arena;
    const char **error;
};

static int fail(const struct search *search, const char *path, const char *why)
{
    *search->error = arena_printf(search->arena, "/%s: %s", path, why);
    return -1;
}

/* The text of a file of the root; empty when there is none. What is no regular file is refused before it is opened. */
static int read_file(const struct search *search, const char *path, struct buf *text)
{
    struct arena *arena = search->arena;
    struct tree_node node;
    struct entry entry;
    const char *real;
    if (!tree_resolve(search->root, arena, path, true, &real))
        return errno == ENOTDIR ? 0 : fail(search, path, strerror(errno));
    if (!tree_lookup(search->root, arena, real, &node, &entry))
        return 0;
    if (entry.type != ENTRY_FILE)
        return fail(search, path, "is no regular file, so no names can be looked up");
    if (entry.size > USERS_LIMIT)
        return fail(search, path, "is larger than 10 MiB, so no names can be looked up");
    autoclose int fd = tree_open_file(search->root, &node);
    if (fd < 0 || fd_read_all(fd, text, USERS_LIMIT) < 0)
        return fail(search, path, strerror(errno));
    return 0;
}

static int find_user(const struct search *search, struct span name, struct owner *owner)
{
    struct buf text = {0};
    struct user user;
    int result = read_file(search, "etc/passwd", &text);
    if (result == 0 && users_find_name((struct span){buf_text(&text), text.len}, name, &user))
        *owner = (struct owner){user.uid, user.gid};
    buf_free(&text);
    return result;
}

static int find_group(const struct search *search, struct span name, uint32_t *gid)
{
    struct buf text = {0};
    int result = read_file(search, "etc/group", &text);
    if (result == 0)
        users_find_group((struct span){buf_text(&text), text.len}, name, gid);
    buf_free(&text);
    return result;
}

static int check_root(const struct search *search, struct span name)
{
    if (search->root)
        return 0;
    *search->error = arena_printf(search->arena, "invalid user index: there is no /etc/passwd to look \"%.*s\" up in",
                                  SPAN(name));
    return -1;
}

int owner_find(const struct tree *root, struct arena *arena, const char *text, struct owner *owner, const char **error)
{
    struct search search = {root, arena, error};
    const char *colon = strchr(text, ':');
    struct span user = {text, colon ? (size_t)(colon - text) : strlen(text)};
    struct span group = colon ? span_of(colon + 1) : (struct span){"", 0};
    *owner = (struct owner){0, 0};
    if (users_parse_owner(user, &owner->uid))
        owner->gid = owner->uid;
    else if (user.len && (check_root(&search, user) < 0 || find_user(&search, user, owner) < 0))
        return -1;
    /* "user:" is a group, 0; a name that is not found leaves the user's. */
    if (colon && !group.len)
        owner->gid = 0;
    if (!group.len || users_parse_owner(group, &owner->gid))
        return 0;
    return check_root(&search, group) < 0 ? -1 : find_group(&search, group, &owner->gid);
}
