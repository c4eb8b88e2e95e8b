/*
 * Owns the form of passwd and group files. Called by what turns a name of an image into numbers (--chown, WORKDIR,
 * USER). Must not know where the text came from or what the numbers are for.
 */
#include "runtime/lib/users.h"

enum {
    PASSWD_NAME = 0, PASSWD_UID = 2, PASSWD_GID = 3, PASSWD_HOME = 5,
    GROUP_NAME = 0, GROUP_GID = 2, GROUP_MEMBERS = 3,
    FIELDS = 7,
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct span trim(struct span text)
{
    while (text.len && is_space(text.text[0]))
        text = span_skip(text, 1);
    while (text.len && is_space(text.text[text.len - 1]))
        text.len--;
    return text;
}

/* The next line that says something, from *at on, cut at its colons; what is missing is empty. */
static bool next_line(struct span text, size_t *at, struct span fields[FIELDS])
{
    while (*at < text.len) {
        struct span rest = span_skip(text, *at);
        const char *end = memchr(rest.text, '\n', rest.len);
        struct span line = {rest.text, end ? (size_t)(end - rest.text) : rest.len};
        *at += line.len + (end != NULL);
        line = trim(line);
        if (!line.len || line.text[0] == '#')
            continue;
        for (int i = 0; i < FIELDS; i++) {
            const char *colon = line.len ? memchr(line.text, ':', line.len) : NULL;
            fields[i] = (struct span){line.text, colon ? (size_t)(colon - line.text) : line.len};
            line = span_skip(line, fields[i].len + (colon != NULL));
        }
        return true;
    }
    return false;
}

bool users_parse_id(struct span text, uint32_t *id)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.text[i] < '0' || text.text[i] > '9' || value > UINT32_MAX)
            return false;
        value = value * 10 + (uint64_t)(text.text[i] - '0');
    }
    /* The largest number is chown's "leave as it is". */
    if (!text.len || value >= UINT32_MAX)
        return false;
    *id = (uint32_t)value;
    return true;
}

bool users_parse_owner(struct span text, uint32_t *id)
{
    if (span_is(text, "root")) {
        *id = 0;
        return true;
    }
    bool is_negative = text.len && text.text[0] == '-';
    if (is_negative || (text.len && text.text[0] == '+'))
        text = span_skip(text, 1);
    uint32_t number;
    if (!users_parse_id(text, &number) || number > (uint32_t)INT32_MAX + is_negative)
        return false;
    /* -1 is chown's "leave as it is", which is root's for what is new. */
    *id = !is_negative ? number : number == 1 ? 0 : -number;
    return true;
}

static bool parse_user(const struct span fields[FIELDS], struct user *user)
{
    user->name = fields[PASSWD_NAME];
    user->home = fields[PASSWD_HOME];
    return users_parse_id(fields[PASSWD_UID], &user->uid) && users_parse_id(fields[PASSWD_GID], &user->gid);
}

bool users_find_name(struct span passwd, struct span name, struct user *user)
{
    struct span fields[FIELDS];
    for (size_t at = 0; next_line(passwd, &at, fields);)
        if (parse_user(fields, user) && span_equal(user->name, name))
            return true;
    return false;
}

bool users_find_uid(struct span passwd, uint32_t uid, struct user *user)
{
    struct span fields[FIELDS];
    for (size_t at = 0; next_line(passwd, &at, fields);)
        if (parse_user(fields, user) && user->uid == uid)
            return true;
    return false;
}

bool users_find_group(struct span group, struct span name, uint32_t *gid)
{
    struct span fields[FIELDS];
    for (size_t at = 0; next_line(group, &at, fields);)
        if (span_equal(fields[GROUP_NAME], name) && users_parse_id(fields[GROUP_GID], gid))
            return true;
    return false;
}

bool users_find_gid(struct span group, uint32_t gid, struct span *name)
{
    struct span fields[FIELDS];
    uint32_t found;
    for (size_t at = 0; next_line(group, &at, fields);)
        if (users_parse_id(fields[GROUP_GID], &found) && found == gid) {
            *name = fields[GROUP_NAME];
            return true;
        }
    return false;
}

static bool lists_member(struct span members, struct span member)
{
    while (members.len) {
        const char *comma = memchr(members.text, ',', members.len);
        struct span one = {members.text, comma ? (size_t)(comma - members.text) : members.len};
        if (span_equal(one, member))
            return true;
        members = span_skip(members, one.len + (comma != NULL));
    }
    return false;
}

bool users_next_group(struct span group, struct span member, size_t *at, uint32_t *gid)
{
    struct span fields[FIELDS];
    while (next_line(group, at, fields))
        if (lists_member(fields[GROUP_MEMBERS], member) && users_parse_id(fields[GROUP_GID], gid))
            return true;
    return false;
}
