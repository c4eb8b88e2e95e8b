/*
 * Owns the way from a repository's address to a folder of files: which ref is meant, how little can be fetched, what is
 * left of it. Called by dfgen-fetch. Must not know what the files are for.
 */
#include "runtime/registry/git.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/span.h"
#include "runtime/lib/url.h"
#include "runtime/registry/git_run.h"

/* GIT(run, out, "fetch", …): one call of git with these words. */
#define GIT(run, out, ...) git_run(run, (const char *const[]){__VA_ARGS__, NULL}, out)

enum { MAX_DEPTH = 256 }; /* of folders below which submodules are looked for */

static bool is_hex(const char *text)
{
    return *text && strspn(text, "0123456789abcdef") == strlen(text);
}

bool git_is_commit(const char *text)
{
    return is_hex(text) && (strlen(text) == 40 || strlen(text) == 64);
}

bool git_is_ref(const char *text)
{
    if (!*text || *text == '-' || *text == '/' || strstr(text, "..") || strstr(text, "@{") || strlen(text) > 1000)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7f || strchr("~^:?*[\\", *text))
            return false;
    return true;
}

/* --- which ref --- */

struct checkout {
    const struct git_request *request;
    struct git_run run;
    char *name;             /* what to fetch: a full ref, HEAD or a commit */
    char commit[65];        /* what came */
};

static const char *protocols_of(const char *url)
{
    static const struct {
        const char *prefix, *protocols;
    } rows[] = {{"https://", "https"}, {"http://", "http:https"}, {"git://", "git"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strncasecmp(url, rows[i].prefix, strlen(rows[i].prefix)))
            return rows[i].protocols;
    return "ssh";
}

/* The ref among the lines "HASH\tREF" of ls-remote. */
static bool is_listed(const struct buf *listing, const char *ref)
{
    char *field = xasprintf("\t%s\n", ref);
    bool is_there = strstr(buf_text(listing), field);
    free(field);
    return is_there;
}

/* A short name may be a branch or a tag; git's own choice where it is both is the branch. */
static char *find_ref(struct checkout *checkout, const char *ref)
{
    static const char *const prefixes[] = {"refs/heads/", "refs/tags/", "refs/"};
    char *names[3];
    struct buf listing = {0};
    for (size_t i = 0; i < 3; i++)
        names[i] = xasprintf("%s%s", prefixes[i], ref);
    char *error = GIT(&checkout->run, &listing, "ls-remote", "--quiet", "--", checkout->request->url, names[0],
                      names[1], names[2]);
    for (size_t i = 0; i < 3 && !error && !checkout->name; i++)
        if (is_listed(&listing, names[i]))
            checkout->name = xstrdup(names[i]);
    if (!error && !checkout->name)
        error = xasprintf("it has no branch and no tag \"%s\"", ref);
    for (size_t i = 0; i < 3; i++)
        free(names[i]);
    buf_free(&listing);
    return error;
}

static char *choose_name(struct checkout *checkout)
{
    const char *ref = checkout->request->ref;
    if (*ref && !git_is_ref(ref))
        return xstrdup("this cannot be the name of a ref");
    if (!*ref)
        ref = git_is_commit(checkout->request->commit) ? checkout->request->commit : "HEAD";
    if (strcmp(ref, "HEAD") && strncmp(ref, "refs/", 5) && !git_is_commit(ref))
        return find_ref(checkout, ref);
    checkout->name = xstrdup(ref);
    return NULL;
}

/* --- getting it --- */

/* Servers of plain files cannot give one commit alone, and some do not give a commit by its hash: then all comes. */
static char *fetch(struct checkout *checkout)
{
    const char *url = checkout->request->url, *name = checkout->name;
    char *spec = strncmp(name, "refs/", 5) ? xstrdup(name) : xasprintf("+%s:%s", name, name);
    char *error = GIT(&checkout->run, NULL, "fetch", "--quiet", "--no-tags", "-u", "--depth=1", "--", url, spec);
    if (error && git_is_commit(name)) {
        free(error);
        error = GIT(&checkout->run, NULL, "fetch", "--quiet", "--no-tags", "-u", "--", url,
                    "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*");
    } else if (error) {
        free(error);
        error = GIT(&checkout->run, NULL, "fetch", "--quiet", "--no-tags", "-u", "--", url, spec);
    }
    free(spec);
    return error;
}

static char *parse_hash(struct checkout *checkout, const char *what, char hash[65])
{
    struct buf out = {0};
    char *error = GIT(&checkout->run, &out, "rev-parse", "--verify", "--quiet", "--end-of-options", what);
    if (!error) {
        snprintf(hash, 65, "%.*s", (int)strcspn(buf_text(&out), "\n"), buf_text(&out));
        error = git_is_commit(hash) ? NULL : xstrdup("git does not name the commit");
    }
    buf_free(&out);
    return error;
}

/* The hash may be the commit's, or that of the tag that names it. */
static char *verify(struct checkout *checkout)
{
    const char *want = checkout->request->commit;
    const char *fetched = git_is_commit(checkout->name) ? checkout->name : "FETCH_HEAD";
    char *peeled = xasprintf("%s^{commit}", fetched), tag[65] = "";
    char *error = parse_hash(checkout, peeled, checkout->commit);
    free(peeled);
    if (error && git_is_commit(checkout->name)) {
        free(error);
        return xasprintf("it has no commit %s", checkout->name);
    }
    if (!error)
        error = parse_hash(checkout, fetched, tag);
    if (!error && strncmp(checkout->commit, want, strlen(want)) && strncmp(tag, want, strlen(want)))
        error = xasprintf("the checksum does not match: %s is commit %s, wanted is %s", checkout->name,
                          checkout->commit, want);
    return error;
}

static char *get_submodules(struct checkout *checkout)
{
    struct stat st;
    if (!checkout->request->has_submodules || fstatat(checkout->run.dir, ".gitmodules", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return NULL;
    /*
     * Their addresses may be relative to that of the repository. They are commits, so what comes is sure by whatever
     * way.
     */
    struct git_run run = checkout->run;
    run.protocols = "http:https:git:ssh";
    char *error = GIT(&run, NULL, "config", "remote.origin.url", checkout->request->url);
    if (!error)
        error = GIT(&run, NULL, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1");
    if (error) {
        free(error);
        error = GIT(&run, NULL, "submodule", "--quiet", "update", "--init", "--recursive");
    }
    return error;
}

static char *check_out(struct checkout *checkout)
{
    const char *format =
        strlen(checkout->request->commit) == 64 || strlen(checkout->request->ref) == 64 ? "sha256" : "sha1";
    char *object_format = xasprintf("--object-format=%s", format);
    char *error = GIT(&checkout->run, NULL, "init", "--quiet", "--template=", object_format, ".");
    free(object_format);
    if (!error)
        error = choose_name(checkout);
    if (!error)
        error = fetch(checkout);
    if (!error)
        error = verify(checkout);
    if (!error)
        error = GIT(&checkout->run, NULL, "checkout", "--quiet", "--detach", checkout->commit, "--");
    return error ? error : get_submodules(checkout);
}

/* --- what is left of it --- */

/* The ".git" of submodules: files that would name a folder that is gone. */
static int remove_git_entries(int dir, int depth)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);
    int result = tree_remove_at(dir, ".git");
    if (!stream || depth > MAX_DEPTH) {
        if (stream)
            closedir(stream);
        else if (copy >= 0)
            close(copy);
        return -1;
    }
    for (struct dirent *entry; result == 0 && (entry = readdir(stream));) {
        if (entry->d_type != DT_DIR || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        autoclose int below = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            result = remove_git_entries(below, depth + 1);
    }
    closedir(stream);
    return result;
}

/* A kept .git says nothing of the time, of this machine, or of a password. */
static char *settle_git_dir(struct checkout *checkout)
{
    struct buf url = {0};
    url_add_public(&url, span_of(checkout->request->url));
    char *error = GIT(&checkout->run, NULL, "config", "remote.origin.url", buf_text(&url));
    if (!error)
        error = GIT(&checkout->run, NULL, "read-tree", "HEAD");
    buf_free(&url);
    if (unlinkat(checkout->run.dir, ".git/FETCH_HEAD", 0) < 0 && errno != ENOENT && !error)
        error = xasprintf("cannot remove FETCH_HEAD: %s", strerror(errno));
    return error;
}

/* Rename the folder subdir of work to NAME in dir; each part of its path must be a real folder. */
static char *take_subdir(int work, const char *subdir, int dir, const char *name)
{
    char *path = xstrdup(subdir), *save = NULL;
    int at = fcntl(work, F_DUPFD_CLOEXEC, 3), below = -1;
    char *part = strtok_r(path, "/", &save), *next;
    for (; part && at >= 0; part = next) {
        next = strtok_r(NULL, "/", &save);
        below = strcmp(part, "..") ? openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (below < 0 || (!next && renameat(at, part, dir, name) < 0))
            break;
        close(at);
        at = below;
        below = -1;
    }
    char *error = part || at < 0 ? xasprintf("it has no folder \"%s\" (links are not followed)", subdir) : NULL;
    fd_close_scope(&below);
    fd_close_scope(&at);
    free(path);
    return error;
}

static char *settle(struct checkout *checkout, int dir, const char *name)
{
    const char *subdir = checkout->request->subdir;
    if (checkout->request->keeps_git_dir && !*subdir) {
        char *error = settle_git_dir(checkout);
        if (error)
            return error;
    } else if (remove_git_entries(checkout->run.dir, 0) < 0) {
        return xasprintf("cannot remove .git: %s", strerror(errno));
    }
    if (*subdir)
        return take_subdir(checkout->run.dir, subdir, dir, name);
    return renameat(dir, "git", dir, name) < 0 ? xasprintf("cannot rename a folder: %s", strerror(errno)) : NULL;
}

static char *name_it(const struct git_request *request, char *error)
{
    if (!error)
        return NULL;
    struct buf text = {0};
    buf_puts(&text, "cannot get ");
    url_add_public(&text, span_of(request->url));
    if (*request->ref)
        buf_printf(&text, "#%s", request->ref);
    buf_printf(&text, ": %s", error);
    free(error);
    return buf_take(&text);
}

char *git_get(const struct git_request *request, int dir, const char *name, char commit[65])
{
    if (mkdirat(dir, "git", 0755) < 0)
        return xasprintf("cannot make a folder: %s", strerror(errno));
    autoclose int work = openat(dir, "git", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (work < 0)
        return xasprintf("cannot open a folder: %s", strerror(errno));
    struct checkout checkout = {.request = request, .run = {work, protocols_of(request->url), request->agent}};
    char *error = check_out(&checkout);
    if (!error)
        error = settle(&checkout, dir, name);
    memcpy(commit, checkout.commit, sizeof checkout.commit);
    free(checkout.name);
    return name_it(request, error);
}
