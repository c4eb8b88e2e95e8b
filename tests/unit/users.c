/* Guards the reading of an image's passwd and group files: odd lines, numbers out of range, first match. */
#include "tests/unit/unit.h"

#include "runtime/lib/users.h"

static const char passwd[] =
    "# a comment\n"
    "root:x:0:0:root:/root:/bin/sh\n"
    "\n"
    "broken:x:abc:1::/:\n"
    "short\n"
    "neg:x:-1:0::/:\n"
    "big:x:4294967295:0::/:\n"
    "max:x:4294967294:7::/:\n"
    "  app:x:1234:5678::/srv/app:/bin/sh  \n"
    "app:x:9:9::/other:\n"
    "twin:x:1234:1::/twin:\n"
    "nohome:x:5:6\n"
    "last:x:77:78::/l:/bin/sh";

static const char group[] = "root:x:0:\nwheel:x:10:root,app\nstaff:x:50:app\napps:x:bad:app\nlast:x:99:apple,app";

static void test_names(void)
{
    static const struct {
        const char *name;
        bool found;
        uint32_t uid, gid;
        const char *home;
    } rows[] = {
        {"root", true, 0, 0, "/root"}, {"app", true, 1234, 5678, "/srv/app"}, {"broken", false, 0, 0, ""},
        {"short", false, 0, 0, ""},    {"neg", false, 0, 0, ""},              {"big", false, 0, 0, ""},
        {"max", true, 4294967294u, 7, "/"}, {"nohome", true, 5, 6, ""},       {"last", true, 77, 78, "/l"},
        {"", false, 0, 0, ""},         {"#", false, 0, 0, ""},                {"ap", false, 0, 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct user user;
        unit_row("name %s", rows[i].name);
        bool found = users_find_name(span_of(passwd), span_of(rows[i].name), &user);
        if (!UNIT_INT(rows[i].found, found) || !found)
            continue;
        UNIT_INT(rows[i].uid, user.uid);
        UNIT_INT(rows[i].gid, user.gid);
        UNIT_MEM(rows[i].home, strlen(rows[i].home), user.home.text, user.home.len);
    }
}

int main(void)
{
    test_names();
    struct user user;
    unit_row("first of two with one uid");
    if (UNIT_TRUE(users_find_uid(span_of(passwd), 1234, &user)))
        UNIT_INT(5678, user.gid);
    UNIT_TRUE(!users_find_uid(span_of(passwd), 4321, &user));

    uint32_t gid;
    unit_row("groups");
    UNIT_TRUE(users_find_group(span_of(group), span_of("staff"), &gid) && gid == 50);
    UNIT_TRUE(users_find_group(span_of(group), span_of("last"), &gid) && gid == 99);
    UNIT_TRUE(!users_find_group(span_of(group), span_of("apps"), &gid));
    struct span name;
    UNIT_TRUE(users_find_gid(span_of(group), 10, &name) && span_is(name, "wheel"));

    unit_row("groups that list a member");
    size_t at = 0;
    static const uint32_t want[] = {10, 50, 99};
    for (size_t i = 0; i < 3; i++)
        UNIT_TRUE(users_next_group(span_of(group), span_of("app"), &at, &gid) && gid == want[i]);
    UNIT_TRUE(!users_next_group(span_of(group), span_of("app"), &at, &gid));
    return unit_end();
}
