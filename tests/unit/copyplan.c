/* Guards what a copy makes of the root it starts from: destinations, replacing, metadata, links, archives (reference/dockerfile.md §8). */
#include "tests/unit/unit.h"

#include "tests/unit/trees.h"

#include "runtime/copy/owner.h"
#include "runtime/copy/plan.h"
#include "runtime/lib/pattern.h"
#include "runtime/lib/sources.h"

static const char root_text[] =
    "etc/ etc/passwd etc/group real/ real/r link->/real flink->/etc/group dangling->/made/by up->../../real/new loop->loop "
    "own/:0700,5,6 own/a own/sub/:1777,7,8 own/l->/etc/passwd own/f tmp/:1777,0,0";

static const char source_text[] =
    "f g:0755,1,2 dir/:0700,0,0 dir/a:0640,0,0 dir/sub/:0711,3,4 dir/sub/b etc/ etc/new sl->f in/ in/l in/sub/ in/sub/x dl/ dl/l/ "
    "dl/l/x hl/ hl/a hl/b=hl/a hl/s/ hl/s/c=hl/a links/ links/rel->x links/gone->/nowhere links/fi| exe:0755,0,0 suid:4755,0,0 ff/ ff/f/ "
    "ff/f/x p/:0700,1,1 p/q/:0711,2,2 p/q/x p/q/y";

/* root: what is there ("" stands for root_text, "-" for nothing); from: source paths; flags: chown=, chmod=, link, parents, slash, exclude=. */
static const struct {
    const char *root, *from, *dest, *flags, *want;
} rows[] = {
    /* files */
    {"-", "f", "/d/e", "", "d/ d/e"}, {"-", "f", "/d/e", "slash", "d/ d/e/ d/e/f"}, {"", "f", "/etc", "", "etc/ etc/f"},
    {"", "f", "/etc/group", "", "etc/ etc/group"}, {"", "f", "/etc/group", "slash", "!not a directory: /etc/group"},
    {"", "f", "/etc/group/x", "", "!not a directory: /etc/group/x"}, {"-", "f", "/", "slash", "f"}, {"-", "f g", "/d", "", "d:755,1,2"},
    {"-", "f g", "/d", "slash", "d/ d/f d/g:755,1,2"}, {"-", "f g", "/f", "", "f:755,1,2"}, {"-", "sl", "/d", "slash", "d/ d/sl"},
    {"-", "f", "/a/../b//c/./", "slash", "b/ b/c/ b/c/f"}, {"-", "suid", "/s", "", "s:4755,0,0"},
    {"", "f", "/real", "slash", "real/ real/f"}, {"", "f", "/tmp", "", "tmp/:1777,0,0 tmp/f"},
    /* folders */
    {"-", "dir", "/d", "", "d/ d/a:640,0,0 d/sub/:711,3,4 d/sub/b"}, {"-", "dir", "/", "slash", "a:640,0,0 sub/:711,3,4 sub/b"},
    {"", "dir", "/own", "", "own/:700,5,6 own/a:640,0,0 own/sub/:711,3,4 own/sub/b"}, {"", "dir", "/etc/group", "", "!cannot copy to non-directory: /etc/group"},
    {"", "dir", "/etc/group", "slash", "!not a directory: /etc/group"}, {"-", "f dir", "/d", "", "!cannot copy to non-directory: /d"},
    {"-", "dir f", "/d", "", "d/ d/a:640,0,0 d/f d/sub/:711,3,4 d/sub/b"}, {"-", "links", "/d", "", "d/ d/fi| d/gone->/nowhere d/rel->x"},
    {"", "in", "/own", "", "own/:700,5,6 own/l own/sub/ own/sub/x"}, {"", "dl", "/own", "", "!cannot copy to non-directory: /own/l"},
    {"", "ff", "/own", "", "!cannot copy to non-directory: /own/f"}, {"own/ own/a/", "dir", "/own", "", "!cannot replace to directory with file: /own/a"},
    {"own/ own/f/", "f", "/own", "", "!cannot replace to directory with file: /own/f"}, {"", "etc", "/", "slash", "new"},
    {"-", "dir in", "/d", "", "d/ d/a:640,0,0 d/l d/sub/ d/sub/b d/sub/x"}, {"-", "hl/s", "/d", "", "d/ d/c"},
    {"-", "dir", "/e/d", "folder", "e/ e/d/:700,0,0 e/d/a:640,0,0 e/d/sub/:711,3,4 e/d/sub/b"}, {"-", "dir", "/", "folder", "a:640,0,0 sub/:711,3,4 sub/b"},
    {"-", "f", "/e/d", "folder", "e/ e/d"},
    /* symlinks in the destination */
    {"", "f", "/link", "", "real/ real/f"}, {"", "dir", "/link", "", "real/ real/a:640,0,0 real/sub/:711,3,4 real/sub/b"}, {"", "f", "/flink", "", "etc/ etc/group"},
    {"", "f", "/dangling", "", "made/ made/by"}, {"", "f", "/dangling", "slash", "made/ made/by/ made/by/f"}, {"", "f", "/link/deep", "slash", "real/ real/deep/ real/deep/f"},
    {"", "f", "/up", "", "real/ real/new"}, {"", "f", "/loop", "", "!too many symbolic links: /loop"}, {"", "f", "/link/../x", "", "x"},
    /* links */
    {"-", "hl", "/d", "", "d/ d/a d/b=d/a d/s/ d/s/c=d/a"}, {"-", "hl/a hl/b", "/d", "slash", "d/ d/a d/b"}, {"-", "hl", "/d", "exclude=a", "d/ d/b d/s/ d/s/c=d/b"},
    {"-", "hl", "/d", "parents", "d/ d/hl/ d/hl/a d/hl/b=d/hl/a d/hl/s/ d/hl/s/c=d/hl/a"}, {"-", "hl/*", "/d", "slash", "d/ d/a d/b d/c"}, {"-", "hl/*", "/d", "", "!cannot copy to non-directory: /d"},
    {"-", "hl dir/a", "/d", "", "d/ d/a:640,0,0 d/b d/s/ d/s/c=d/b"},
    /* owners and modes */
    {"-", "dir", "/a/b", "chown=5:6", "a/:755,5,6 a/b/:755,5,6 a/b/a:640,5,6 a/b/sub/:711,5,6 a/b/sub/b:644,5,6"},
    {"-", "f", "/c", "chown=7 chmod=4711", "c:4711,7,7"}, {"-", "dir", "/a/b", "chmod=750", "a/:750,0,0 a/b/:750,0,0 a/b/a:750,0,0 a/b/sub/:750,3,4 a/b/sub/b:750,0,0"},
    {"-", "f", "/d/e", "chmod=4600", "d/:600,0,0 d/e:4600,0,0"}, {"-", "dir", "/d", "chmod=u+X,go=", "d/ d/a:600,0,0 d/sub/:700,3,4 d/sub/b:600,0,0"},
    {"", "dir", "/own", "chown=9 chmod=700", "own/:700,5,6 own/a:700,9,9 own/sub/:700,9,9 own/sub/b:700,9,9"},
    {"-", "links", "/d", "chmod=600", "d/:600,0,0 d/fi|:600,0,0 d/gone->/nowhere d/rel->x"}, {"-", "g", "/x", "", "x:755,1,2"},
    /* --link */
    {"", "f", "/own", "link", "own"}, {"", "f", "/own", "link slash", "own/ own/f"}, {"", "f", "/link", "link slash", "link/ link/f"}, {"", "f", "/tmp/x/y", "link", "tmp/ tmp/x/ tmp/x/y"},
    {"", "dir", "/e/f", "link chown=5:6", "e/:755,5,6 e/f/:755,5,6 e/f/a:640,5,6 e/f/sub/:711,5,6 e/f/sub/b:644,5,6"}, {"", "f", "/etc/group/x", "link", "etc/ etc/group/ etc/group/x"},
    /* --parents */
    {"-", "p/q/x", "/d", "parents", "d/ d/p/:700,1,1 d/p/q/:711,2,2 d/p/q/x"}, {"-", "p/./q", "/d", "parents", "d/ d/q/:711,2,2 d/q/x d/q/y"},
    {"-", "p/q", "/d", "parents exclude=p/q/x", "d/ d/p/:700,1,1 d/p/q/:711,2,2 d/p/q/y"}, {"-", "p/q/x", "/d", "parents chown=3", "d/:755,3,3 d/p/:700,3,3 d/p/q/:711,3,3 d/p/q/x:644,3,3"},
    {"-", "none*", "/d", "parents", "d/"}, {"-", "p/q/x", "/d", "parents exclude=**", "!\"/p/q/x\": not found"}, {"", "etc/new", "/", "parents slash", "etc/ etc/new"},
    {"", "p/q/x", "/etc/group", "parents", "!cannot copy to non-directory: /etc/group"}, {"p", "p/q/x", "/", "parents slash", "!cannot copy to non-directory: /p"},
    /* --exclude, nothing at all */
    {"-", "dir", "/d", "exclude=*", "d/"}, {"-", "dir", "/d", "exclude=sub", "d/ d/a:640,0,0"}, {"-", "f", "/d", "exclude=f", "d"}, {"-", "none*", "/d", "slash", ""},
    {"", "in", "/real", "exclude=*", ""},
};

/* An archive over a root. */
static const struct {
    const char *root, *archive, *flags, *want;
} archives[] = {
    {"-", "x:0600,12,34 s/:0700,12,34 s/y", "", "d/ d/s/:700,12,34 d/s/y d/x:600,12,34"}, {"-", "x:0600,12,34", "chown=5:6 chmod=777", "d/:755,5,6 d/x:600,5,6"},
    {"d/ d/s/ d/s/keep d/f d/x/ d/x/in d/l->/etc", "s/:0700,12,34 s/new f x l/ l/in", "", "d/ d/f d/l/ d/l/in d/s/:700,12,34 d/s/new d/x"},
    {"d", "x", "", "!not a directory: /d"}, {"-", "a b=a", "", "d/ d/a d/b=d/a"}, {"d/ d/a", "a/b", "", "d/ d/a/ d/a/b"}, {"r/ d->r", "x", "", "r/ r/x"},
};

static struct source_spec read_flags(struct arena *arena, const char *flags, struct plan_options *options)
{
    struct source_spec spec = {0};
    const char *patterns[4], *error = NULL;
    size_t count = 0;
    char *copy = arena_strdup(arena, flags), *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        value = value ? value + 1 : word;
        if (!strncmp(word, "chown=", 6)) {
            struct owner *owner = arena_alloc(arena, sizeof *owner);
            owner_find(NULL, arena, value, owner, &error);
            options->owner = owner;
        } else if (!strncmp(word, "chmod=", 6)) {
            options->chmod = value;
        } else if (!strncmp(word, "exclude=", 8)) {
            patterns[count++] = value;
        }
        options->slash |= !strcmp(word, "slash");
        options->link |= !strcmp(word, "link");
        options->folder |= !strcmp(word, "folder");
        spec.parents |= !strcmp(word, "parents");
    }
    spec.exclude = pattern_list_of(arena, patterns, count, &error);
    return spec;
}

static void describe(struct plan *plan, struct arena *arena, struct buf *out)
{
    struct buf text = {0};
    struct digest digest;
    copy_plan_finish(plan, &text, &digest);
    size_t len = text.len;
    struct list *list = list_from_text(buf_take(&text), len, NULL);
    for (size_t i = 0; i < list_count(list); i++) {
        struct entry entry;
        list_entry(list, i, arena, &entry);
        bool is_dir = entry.type == ENTRY_DIR || entry.type == ENTRY_OPAQUE;
        buf_printf(out, "%s%s%s", i ? " " : "", entry.path, entry.type == ENTRY_OPAQUE ? "//" : is_dir ? "/" : entry.type == ENTRY_FIFO ? "|" : "");
        if (entry.type == ENTRY_SYMLINK || entry.type == ENTRY_HARDLINK)
            buf_printf(out, "%s%s", entry.type == ENTRY_SYMLINK ? "->" : "=", entry.target);
        else if (entry.mode != (is_dir ? 0755 : 0644) || entry.uid || entry.gid)
            buf_printf(out, ":%o,%u,%u", (unsigned)entry.mode, entry.uid, entry.gid);
    }
    list_close(list);
    copy_plan_free(plan);
}

/* One row: the plan's listing, or the error. */
static void run_row(size_t i, struct arena *arena, struct buf *out)
{
    struct tree *root = trees_make(!*rows[i].root ? root_text : rows[i].root[0] == '-' ? "" : rows[i].root);
    struct tree *source = trees_make(source_text);
    struct plan_options options = {.dest = rows[i].dest};
    struct source_spec spec = read_flags(arena, rows[i].flags, &options);
    const char *error = NULL;
    struct plan *plan = copy_plan_new(root, arena, &options, &error);
    char *from = arena_strdup(arena, rows[i].from), *rest = NULL;
    for (char *word = strtok_r(from, " ", &rest); word && !error; word = strtok_r(NULL, " ", &rest)) {
        struct source_matches matches;
        spec.path = word;
        if (sources_expand(source, arena, &spec, NULL, NULL, &matches, &error) == 0)
            copy_plan_add_source(plan, source, &spec, matches.items, matches.count, &error);
    }
    if (error)
        buf_printf(out, "!%s", error);
    if (error && plan)
        copy_plan_free(plan);
    if (!error)
        describe(plan, arena, out);
    tree_free(root);
    tree_free(source);
}

static void run_archive(size_t i, struct arena *arena, struct buf *out)
{
    struct tree *root = trees_make(archives[i].root[0] == '-' ? "" : archives[i].root);
    struct tree *archive = trees_make(archives[i].archive);
    struct plan_options options = {.dest = "/d"};
    const char *error = NULL;
    read_flags(arena, archives[i].flags, &options);
    struct plan *plan = copy_plan_new(root, arena, &options, &error);
    if (copy_plan_add_archive(plan, archive, &error) < 0) {
        buf_printf(out, "!%s", error);
        copy_plan_free(plan);
    } else {
        describe(plan, arena, out);
    }
    tree_free(root);
    tree_free(archive);
}

static void test_others(void)
{
    static const struct {
        const char *root, *path, *want;
    } folders[] = {
        {"-", "/a/b/c", "a/:755,3,4 a/b/:755,3,4 a/b/c/:755,3,4"}, {"", "/own/sub", ""}, {"", "/own/new", "own/:700,5,6 own/new/:755,3,4"},
        {"", "/link/x", "real/ real/x/:755,3,4"}, {"", "/etc/passwd", "!not a directory: /etc/passwd"}, {"-", "/", ""}, {"-", "/a/../b//c/", "b/:755,3,4 b/c/:755,3,4"},
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct arena arena = {0};
        struct buf out = {0};
        struct owner owner = {3, 4};
        struct plan_options options = {.dest = folders[i].path, .slash = true, .owner = &owner};
        struct tree *root = trees_make(*folders[i].root ? "" : root_text);
        const char *error = NULL;
        unit_row("folder %s", folders[i].path);
        struct plan *plan = copy_plan_new(root, &arena, &options, &error);
        if (copy_plan_add_folder(plan, &error) < 0) {
            buf_printf(&out, "!%s", error);
            copy_plan_free(plan);
        } else {
            describe(plan, &arena, &out);
        }
        UNIT_STR(folders[i].want, buf_text(&out));
        tree_free(root);
        buf_free(&out);
        arena_free(&arena);
    }
}

static void test_owners(void)
{
    static const struct {
        const char *text;
        int64_t uid, gid;
    } owners[] = {
        {"12", 12, 12}, {"12:34", 12, 34}, {":34", 0, 34}, {"0", 0, 0}, {"root", 0, 0}, {"root:root", 0, 0}, {"5:root", 5, 0}, {"5:", 5, 0}, {"+5", 5, 5}, {"", 0, 0},
        {"app", -1, -1}, {"5:app", -1, -1}, {"-1", 0, 0}, {"-2:5", 4294967294, 5}, {"5:-1", 5, 0}, {"--1", -1, -1}, {"2147483647", 2147483647, 2147483647}, {"4294967294", -1, -1}, {"4294967295", -1, -1},
    };
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
        struct arena arena = {0};
        struct owner owner;
        const char *error = NULL;
        unit_row("owner %s", owners[i].text);
        bool found = owner_find(NULL, &arena, owners[i].text, &owner, &error) == 0;
        UNIT_INT(owners[i].uid, found ? (int64_t)owner.uid : -1);
        UNIT_INT(owners[i].gid, found ? (int64_t)owner.gid : -1);
        arena_free(&arena);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows + sizeof archives / sizeof *archives; i++) {
        size_t count = sizeof rows / sizeof *rows;
        struct arena arena = {0};
        struct buf out = {0};
        if (i < count) {
            unit_row("%s to %s %s", rows[i].from, rows[i].dest, rows[i].flags);
            run_row(i, &arena, &out);
            UNIT_STR(rows[i].want, buf_text(&out));
        } else {
            unit_row("archive %s over %s", archives[i - count].archive, archives[i - count].root);
            run_archive(i - count, &arena, &out);
            UNIT_STR(archives[i - count].want, buf_text(&out));
        }
        buf_free(&out);
        arena_free(&arena);
    }
    test_others();
    test_owners();
    return unit_end();
}
