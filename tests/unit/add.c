/*
 * Guards which sources of ADD are paths, files by HTTP or git repositories, the grammar of git's query and fragment,
 * and that no password is in what is shown.
 */
#include "gen/add.h"

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/url.h"
#include "tests/unit/unit.h"

static const char *const kind_names[] = {"path", "http", "git"};

/* want: kind, then what differs from the default, as show writes it */
static const struct {
    const char *in, *want;
} rows[] = {
    {"a.tar.gz", "path"},
    {"./http://x", "path"},
    {"", "path"},
    {"github.com/moby/buildkit", "path"},
    {"ftp://host/x.git", "path"},
    {"file:///etc/passwd", "path"},
    {"HTTPS://host/f", "path"},
    {"ssh://git@host:dir/r.git", "path"},
    {"git://[::1]:x/r", "path"},
    {"git://[::1]/r", "git git://[::1]/r"},
    {"ext::sh -c x", "path"},
    {"@host:x", "path"},
    {"a b@host:x", "path"},
    {"user@ho/st:x", "path"},
    {"user@host", "path"},
    {"http://host/dir/f.txt", "http http://host/dir/f.txt name=f.txt"},
    {"https://host/dir/f.txt?x=.git#y.git", "http https://host/dir/f.txt?x=.git#y.git name=f.txt"},
    {"http://host/f%20g", "http http://host/f%20g name=f g"},
    {"http://host/a/b/", "http http://host/a/b/ name=b"},
    {"http://host/a%2fb", "http http://host/a%2fb name=b"},
    {"http://host", "http http://host name=__unnamed__"},
    {"http://host/", "http http://host/ name=__unnamed__"},
    {"http://host/%2e%2e", "http http://host/%2e%2e name=__unnamed__"},
    {"http://host/a/..", "http http://host/a/.. name=__unnamed__"},
    {"http://host/a%00b", "http http://host/a%00b name=__unnamed__"},
    {"http://host/a%zz", "http http://host/a%zz name=__unnamed__"},
    {"http://u:p@host/f", "http http://u:p@host/f name=f shown=http://host/f"},
    {"http:///f", "error: \"http:///f\" has no host"},
    {"http://host/a b", "error: a URL has no spaces"},
    {"http://host/r.git", "git http://host/r.git"},
    {"HTTPS://host/r%2egit", "git HTTPS://host/r%2egit"},
    {"http://host/r.git/", "http http://host/r.git/ name=r.git"},
    {"git://host/r", "git git://host/r"},
    {"ssh://git@host:22/r", "git ssh://git@host:22/r shown=ssh://host:22/r"},
    {"git@host:dir/r", "git git@host:dir/r"},
    {"git@host.example:dir/r.git?tag=v1#", "git git@host.example:dir/r.git ref=refs/tags/v1"},
    {"git@host:r#main:a/../b/", "git git@host:r ref=main subdir=b"},
    {"https://host/r.git#v1", "git https://host/r.git ref=v1"},
    {"https://host/r.git#:sub", "git https://host/r.git subdir=sub"},
    {"https://host/r.git#a%2Fb:s%20t", "git https://host/r.git ref=a/b subdir=s t"},
    {"https://host/r.git#v1:../../x", "git https://host/r.git ref=v1 subdir=x"},
    {"https://u:p@host/r.git#v1", "git https://u:p@host/r.git ref=v1 shown=https://host/r.git#v1"},
    {"https://host/r.git?ref=x", "git https://host/r.git ref=x"},
    {"https://host/r.git?ref=x#x", "git https://host/r.git ref=x"},
    {"https://host/r.git?ref=x#y", "error: ref conflicts: \"y\" vs \"x\""},
    {"https://host/r.git?branch=b", "git https://host/r.git ref=refs/heads/b"},
    {"https://host/r.git?branch=refs/heads/b", "git https://host/r.git ref=refs/heads/b"},
    {"https://host/r.git?tag=t", "git https://host/r.git ref=refs/tags/t"},
    {"https://host/r.git?tag=t&branch=b", "error: branch conflicts with tag"},
    {"https://host/r.git?tag=t#v", "error: ref conflicts: \"v\" vs \"refs/tags/t\""},
    {"https://host/r.git?subdir=a%2Fb", "git https://host/r.git subdir=a/b"},
    {"https://host/r.git?subdir=a#:a", "git https://host/r.git subdir=a"},
    {"https://host/r.git?subdir=a#:b", "error: subdir conflicts: \"b\" vs \"a\""},
    {"https://host/r.git?checksum=0123456789abcdef", "git https://host/r.git sum=0123456789abcdef"},
    {"https://host/r.git?commit=0123456", "git https://host/r.git sum=0123456"},
    {"https://host/r.git?commit=0123456&checksum=0123457", "error: checksum mismatch"},
    {"https://host/r.git?checksum=sha256:00", "error: invalid checksum"},
    {"https://host/r.git?checksum=012345", "error: invalid checksum"},
    {"https://host/r.git?keep-git-dir", "git https://host/r.git keep"},
    {"https://host/r.git?keep-git-dir=1&submodules=false", "git https://host/r.git keep flat"},
    {"https://host/r.git?keep-git-dir=x", "error: invalid keep-git-dir value: \"x\""},
    {"https://host/r.git?submodules=", "git https://host/r.git"},
    {"https://host/r.git?mtime=commit&fetch-by-commit", "git https://host/r.git"},
    {"https://host/r.git?mtime=now", "error: invalid mtime value: \"now\""},
    {"https://host/r.git?ref", "error: query \"ref\" has no value"},
    {"https://host/r.git?ref=a&ref=a", "error: query \"ref\" has multiple values"},
    {"https://host/r.git?x=y", "error: unexpected query \"x\""},
    {"https://host/r.git?ref=%zz", "error: query \"ref=%zz\" has an escape that is none"},
    {"https://host/r.git?&ref=a&", "git https://host/r.git ref=a"},
    {"https://host/r.git#--upload-pack=x", "error: \"--upload-pack=x\" cannot be the name of a ref"},
    {"ssh://-oProxyCommand=x/r", "error: \"-oProxyCommand=x\" is no host"},
    {"git@-x:r", "error: \"-x\" is no host"},
};

static const struct {
    const char *source, *checksum;
    int keep;           /* --keep-git-dir: 0, 1; -1: not given */
    const char *error;  /* NULL: none */
} flag_rows[] = {
    {"http://h/f", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", -1, NULL},
    {"http://h/f", "sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", -1, "invalid checksum"},
    {"http://h/f", "sha512:00", -1, "invalid checksum"},
    {"http://h/f", "0123456789", -1, "invalid checksum"},
    {"http://h/r.git", "0123456789", 0, NULL},
    {"http://h/r.git?checksum=0123456789", "0123456789", 1, NULL},
    {"http://h/r.git?checksum=0123456789", "0123456780", 1, "checksum mismatch"},
    {"http://h/r.git", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", -1,
     "invalid checksum"},
    {"http://h/r.git?keep-git-dir=false", NULL, 1, "inconsistent keep-git-dir configuration"},
    {"http://h/r.git?keep-git-dir=true", NULL, 1, NULL},
};

static void add_field(struct buf *out, const char *name, struct span value)
{
    if (value.len)
        buf_printf(out, " %s=%.*s", name, SPAN(value));
}

static void show(struct buf *out, struct span text, const struct add_source *source)
{
    buf_printf(out, "%s", kind_names[source->kind]);
    if (source->kind != ADD_PATH)
        buf_printf(out, " %.*s", SPAN(source->url));
    add_field(out, "name", span_of(source->name ? source->name : ""));
    add_field(out, "ref", source->ref);
    add_field(out, "subdir", span_of(source->subdir));
    add_field(out, "sum", source->checksum);
    buf_puts(out, source->keeps_git_dir ? " keep" : "");
    buf_puts(out, source->skips_submodules ? " flat" : "");
    if (!span_equal(source->public_text, text))
        add_field(out, "shown", source->public_text);
}

static void test_sources(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena = {0};
        struct add_source source;
        struct buf got = {0};
        unit_row("%s", rows[i].in);
        const char *error = add_classify(&arena, span_of(rows[i].in), &source);
        if (error)
            buf_printf(&got, "error: %.*s", (int)(strlen(rows[i].want) > 7 ? strlen(rows[i].want) - 7 : 100), error);
        else
            show(&got, span_of(rows[i].in), &source);
        UNIT_STR(rows[i].want, buf_text(&got));
        buf_free(&got);
        arena_free(&arena);
    }
}

static void test_flags(void)
{
    for (size_t i = 0; i < sizeof flag_rows / sizeof *flag_rows; i++) {
        struct arena arena = {0};
        struct add_source source;
        unit_row("%s --checksum=%s", flag_rows[i].source, flag_rows[i].checksum ? flag_rows[i].checksum : "");
        const char *want = flag_rows[i].error;
        UNIT_TRUE(!add_classify(&arena, span_of(flag_rows[i].source), &source));
        const char *error =
            flag_rows[i].checksum ? add_set_checksum(&arena, &source, span_of(flag_rows[i].checksum)) : NULL;
        if (!error && flag_rows[i].keep >= 0)
            error = add_set_keep_git_dir(&source, flag_rows[i].keep);
        UNIT_TRUE(want ? error && !strncmp(error, want, strlen(want)) : !error);
        arena_free(&arena);
    }
}

static const struct {
    const char *in, *want;
} public_rows[] = {
    {"", ""},
    {"no url", "no url"},
    {"ADD https://u:p@h/x http://v@h /", "ADD https://h/x http://h /"},
    {"'https://u:p@w@h/x@y'", "'https://h/x@y'"},
    {"https://h/a@b", "https://h/a@b"},
    {"https://h?a@b", "https://h?a@b"},
    {"https://u@", "https://"},
    {"://a://b@c", "://a://c"},
};

static void test_public(void)
{
    for (size_t i = 0; i < sizeof public_rows / sizeof *public_rows; i++) {
        struct buf got = {0};
        unit_row("%s", public_rows[i].in);
        url_add_public(&got, span_of(public_rows[i].in));
        UNIT_STR(public_rows[i].want, buf_text(&got));
        buf_free(&got);
    }
}

int main(void)
{
    test_sources();
    test_flags();
    test_public();
    return unit_end();
}
