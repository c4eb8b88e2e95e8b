/*
 * Owns the grammar of ADD's remote sources: which text is one, and the query and fragment of git's. Called by stage for
 * COPY and ADD. Must not know how anything is fetched.
 */
#include "gen/add.h"

#include "gen/value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/digest.h"
#include "runtime/lib/path.h"
#include "runtime/lib/url.h"

/* A git source while its query is read. */
struct git {
    struct arena *arena;
    struct add_source *source;
    struct span subdir, tag, branch;
    bool seen[16];      /* by row of keys */
};

static bool ends(struct span text, const char *suffix)
{
    size_t len = strlen(suffix);
    return text.len >= len && !memcmp(text.text + text.len - len, suffix, len);
}

/* --- the keys of a git URL's query --- */

static const char *conflict(struct git *git, const char *what, struct span a, struct span b)
{
    return arena_printf(git->arena, "%s conflicts: \"%.*s\" vs \"%.*s\"", what, SPAN(a), SPAN(b));
}

static const char *set_ref(struct git *git, struct span value)
{
    struct span *ref = &git->source->ref;
    if (ref->len && !span_equal(*ref, value))
        return conflict(git, "ref", *ref, value);
    *ref = value;
    return NULL;
}

static const char *set_tag(struct git *git, struct span value)
{
    git->tag = value;
    return NULL;
}

static const char *set_branch(struct git *git, struct span value)
{
    git->branch = value;
    return NULL;
}

static const char *set_subdir(struct git *git, struct span value)
{
    if (git->subdir.len && !span_equal(git->subdir, value))
        return conflict(git, "subdir", git->subdir, value);
    git->subdir = value;
    return NULL;
}

static const char *set_commit(struct git *git, struct span value)
{
    return add_set_checksum(git->arena, git->source, value);
}

static const char *set_keep_git_dir(struct git *git, struct span value)
{
    git->source->has_keep_git_dir = true;
    return value_bool(value, &git->source->keeps_git_dir) ? NULL : "";
}

static const char *set_submodules(struct git *git, struct span value)
{
    bool wants;
    if (!value_bool(value, &wants))
        return "";
    git->source->skips_submodules = !wants;
    return NULL;
}

/* Times are none of ADD's business; the reference only checks it here. */
static const char *set_mtime(struct git *git, struct span value)
{
    (void)git;
    return span_is(value, "checkout") || span_is(value, "commit") ? NULL : "";
}

/* A commit is always fetched as such when the server lets one. */
static const char *set_fetch_by_commit(struct git *git, struct span value)
{
    bool is_wanted;
    (void)git;
    return value_bool(value, &is_wanted) ? NULL : "";
}

/* set: NULL, what is wrong, or "" for a value that is none. */
static const struct key {
    const char *name;
    const char *(*set)(struct git *git, struct span value);
    bool is_switch;     /* without a value it is true */
} keys[] = {
    {"ref", set_ref, false},
    {"tag", set_tag, false},
    {"branch", set_branch, false},
    {"subdir", set_subdir, false},
    {"checksum", set_commit, false},
    {"commit", set_commit, false},
    {"keep-git-dir", set_keep_git_dir, true},
    {"submodules", set_submodules, true},
    {"mtime", set_mtime, false},
    {"fetch-by-commit", set_fetch_by_commit, true},
};

static const char *read_pair(struct git *git, struct span pair)
{
    struct arena *arena = git->arena;
    const char *equals = memchr(pair.text, '=', pair.len);
    struct span raw = {pair.text, equals ? (size_t)(equals - pair.text) : pair.len};
    struct span name = url_decode(arena, raw, true);
    struct span value = url_decode(arena, equals ? span_skip(pair, raw.len + 1) : (struct span){"", 0}, true);
    if (!name.text || !value.text)
        return arena_printf(arena, "query \"%.*s\" has an escape that is none", SPAN(pair));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!span_is(name, keys[i].name))
            continue;
        if (git->seen[i])
            return arena_printf(arena, "query \"%s\" has multiple values", keys[i].name);
        git->seen[i] = true;
        if (!value.len && !keys[i].is_switch)
            return arena_printf(arena, "query \"%s\" has no value", keys[i].name);
        const char *error = keys[i].set(git, value.len ? value : span_of("true"));
        return error && !*error ? arena_printf(arena, "invalid %s value: \"%.*s\"", keys[i].name, SPAN(value)) : error;
    }
    return arena_printf(arena, "unexpected query \"%.*s\"", SPAN(name));
}

static const char *read_query(struct git *git, struct span query)
{
    while (query.len) {
        const char *end = memchr(query.text, '&', query.len);
        struct span pair = {query.text, end ? (size_t)(end - query.text) : query.len};
        const char *error = pair.len ? read_pair(git, pair) : NULL;
        if (error)
            return error;
        query = span_skip(query, pair.len + (end != NULL));
    }
    return NULL;
}

/* REF[:SUBDIR] */
static void read_fragment(struct git *git, struct span fragment)
{
    const char *colon = fragment.len ? memchr(fragment.text, ':', fragment.len) : NULL;
    git->source->ref = (struct span){fragment.text, colon ? (size_t)(colon - fragment.text) : fragment.len};
    if (colon)
        git->subdir = span_of(path_clean(git->arena, span_skip(fragment, git->source->ref.len + 1)));
}

static struct span with_prefix(struct arena *arena, const char *prefix, struct span name)
{
    return span_starts(name, prefix) ? name : span_of(arena_printf(arena, "%s%.*s", prefix, SPAN(name)));
}

static const char *read_git(struct arena *arena, struct add_source *source, struct span query, struct span fragment)
{
    struct git git = {.arena = arena, .source = source, .subdir = {"", 0}};
    read_fragment(&git, fragment);
    const char *error = read_query(&git, query);
    if (!error && git.tag.len && git.branch.len)
        error = "branch conflicts with tag";
    if (!error && git.tag.len)
        error = set_ref(&git, with_prefix(arena, "refs/tags/", git.tag));
    if (!error && git.branch.len)
        error = set_ref(&git, with_prefix(arena, "refs/heads/", git.branch));
    if (error)
        return error;
    source->subdir = path_clean(arena, git.subdir);
    if (source->ref.len && (source->ref.text[0] == '-' || memchr(source->ref.text, 0, source->ref.len)))
        return arena_printf(arena, "\"%.*s\" cannot be the name of a ref", SPAN(source->ref));
    return NULL;
}

/* --- which kind --- */

static size_t count_of(struct span text, const char *extra)
{
    size_t count = 0;
    for (; count < text.len; count++) {
        char c = text.text[count];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_plain && !(c && strchr(extra, c)))
            break;
    }
    return count;
}

/* USER@HOST:PATH[?QUERY][#FRAGMENT]; the pieces as of an ssh URL. */
static bool split_scp(struct span text, struct url *url)
{
    size_t user = count_of(text, "-_");
    if (!user || user == text.len || text.text[user] != '@')
        return false;
    struct span rest = span_skip(text, user + 1);
    size_t host = count_of(rest, "-.");
    if (!host || host == rest.len || rest.text[host] != ':')
        return false;
    const char *hash = memchr(text.text, '#', text.len);
    size_t end = hash ? (size_t)(hash - text.text) : text.len;
    const char *mark = memchr(text.text, '?', end);
    size_t len = mark ? (size_t)(mark - text.text) : end;
    *url = (struct url){.scheme = {"ssh", 3}, .host = {rest.text, host}, .remote = {text.text, len}};
    url->query = mark ? (struct span){mark + 1, end - len - 1} : (struct span){"", 0};
    url->fragment = hash ? span_skip(text, end + 1) : (struct span){"", 0};
    return true;
}

/* "host:dir" is the form without a scheme; with one, it is no URL. */
static bool has_fine_port(struct span host)
{
    const char *colon = host.len ? memrchr(host.text, ':', host.len) : NULL;
    const char *bracket = host.len ? memrchr(host.text, ']', host.len) : NULL;
    if (!colon || (bracket && bracket > colon))
        return true;
    for (const char *at = colon + 1; at < host.text + host.len; at++)
        if (*at < '0' || *at > '9')
            return false;
    return true;
}

/* A git source's URL, taken apart, its fragment decoded. */
static bool split_git(struct arena *arena, struct span text, struct url *url)
{
    if (split_scp(text, url))
        return true;
    if (!url_split(text, url) || !has_fine_port(url->host))
        return false;
    bool is_http = span_is_nocase(url->scheme, "http") || span_is_nocase(url->scheme, "https");
    struct span path = url_decode(arena, url->path, false);
    if (is_http ? !path.text || !ends(path, ".git")
                : !span_is_nocase(url->scheme, "git") && !span_is_nocase(url->scheme, "ssh"))
        return false;
    struct span fragment = url_decode(arena, url->fragment, false);
    if (fragment.text)
        url->fragment = fragment;
    return true;
}

static struct span public_text(struct arena *arena, struct span text)
{
    struct buf out = {0};
    url_add_public(&out, text);
    struct span result = arena_span(arena, (struct span){buf_text(&out), out.len});
    buf_free(&out);
    return result;
}

const char *add_classify(struct arena *arena, struct span text, struct add_source *source)
{
    struct url url;
    *source = (struct add_source){.kind = ADD_PATH, .public_text = text, .subdir = ""};
    if (split_git(arena, text, &url)) {
        source->kind = ADD_GIT;
        source->url = url.remote;
        source->public_text = public_text(arena, text);
        if (url.host.text[0] == '-')
            return arena_printf(arena, "\"%.*s\" is no host", SPAN(url.host));
        return read_git(arena, source, url.query, url.fragment);
    }
    /* In capitals it is a path, but where a git URL is told by its path. */
    if (!span_starts(text, "http://") && !span_starts(text, "https://"))
        return NULL;
    source->kind = ADD_HTTP;
    source->url = text;
    source->public_text = public_text(arena, text);
    if (!url_split(text, &url))
        return arena_printf(arena, "\"%.*s\" has no host", SPAN(source->public_text));
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.text[i] <= ' ' || text.text[i] == 0x7f)
            return "a URL has no spaces or control characters: write them as %20";
    source->name = url_file_name(arena, &url);
    return NULL;
}

/* --- the flags --- */

static bool is_commit(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!text.text[i] || !strchr("0123456789abcdef", text.text[i]))
            return false;
    return text.len >= 7 && text.len <= 64;
}

const char *add_set_checksum(struct arena *arena, struct add_source *source, struct span checksum)
{
    if (source->kind == ADD_HTTP && !digest_is_valid_name(arena_strndup(arena, checksum.text, checksum.len)))
        return arena_printf(arena, "invalid checksum \"%.*s\": \"sha256:\" and 64 hex digits are wanted",
                            SPAN(checksum));
    if (source->kind == ADD_GIT && !is_commit(checksum))
        return arena_printf(arena, "invalid checksum \"%.*s\" of a git source: the hash of its commit is wanted",
                            SPAN(checksum));
    if (source->checksum.len && !span_equal(source->checksum, checksum))
        return arena_printf(arena, "checksum mismatch: \"%.*s\" vs \"%.*s\"", SPAN(checksum), SPAN(source->checksum));
    source->checksum = checksum;
    return NULL;
}

const char *add_set_keep_git_dir(struct add_source *source, bool keeps)
{
    if (source->kind == ADD_GIT && source->has_keep_git_dir && source->keeps_git_dir != keeps)
        return "inconsistent keep-git-dir configuration";
    source->has_keep_git_dir = true;
    source->keeps_git_dir = keeps;
    return NULL;
}
