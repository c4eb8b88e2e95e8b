/*
 * Owns the grammars of option values: CSV records, NAME=VALUE, sizes. Called by the setters of opts.
 * Must not know which option a value came from.
 */
#include "gen/opts.h"

#include "gen/opts_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/ref.h"
#include "gen/elsewhere.h"
#include "gen/value.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/path.h"
#include "runtime/lib/span.h"

struct opt_pair opts_value_pair(struct arena *arena, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals)
        return (struct opt_pair){arena_strdup(arena, text), NULL};
    return (struct opt_pair){arena_strndup(arena, text, (size_t)(equals - text)), arena_strdup(arena, equals + 1)};
}

/* What was taken from the environment is noted: build.ninja's own edge must find the same later. */
static const char *take_environment(struct opts *opts, const char *name)
{
    const char *value = getenv(name);
    if (value)
        vec_push(&opts->environment, (struct opt_pair){arena_strdup(opts->arena, name), arena_strdup(opts->arena, value)});
    return value;
}

const char *opts_value_build_arg(struct opts *opts, const char *text)
{
    struct opt_pair pair = opts_value_pair(opts->arena, text);
    if (!*pair.name)
        return "a build argument needs a name: NAME=VALUE";
    if (!pair.value)
        pair.value = take_environment(opts, pair.name);
    if (pair.value)
        vec_push(&opts->build_args, pair);
    return NULL;
}

/* One record of comma-separated values: fields in double quotes may hold commas ("" is a quote). */
const char *opts_value_list(struct arena *arena, const char *text, opt_list *fields)
{
    while (true) {
        char *field = arena_alloc(arena, strlen(text) + 1), *end = field;
        bool is_quoted = *text == '"';
        text += is_quoted;
        for (;; text++) {
            if (!*text || (!is_quoted && *text == ','))
                break;
            if (is_quoted && *text == '"' && *++text != '"')
                break;
            *end++ = *text;
        }
        if (is_quoted && *text && *text != ',')
            return "text behind a closing quote";
        vec_push(fields, field);
        if (!*text++)
            return NULL;
    }
}

/* Schemes whose rest is a path of this machine; "oci-layout:PATH" and "oci-layout://PATH" are the same. */
static const char *const path_schemes[] = {"oci-layout",  "oci",     "dir",      "docker-archive",
                                           "oci-archive", "tarball", "squashfs", "bundle"};

/* PATH[:TAG][@DIGEST]: where the path ends. A colon or at-sign in the path is fine when the whole is there. */
static size_t path_length(const char *base, const char *text)
{
    char whole[PATH_MAX];
    for (size_t len = strlen(text);;) {
        snprintf(whole, sizeof whole, "%s%s%.*s", *text == '/' ? "" : base, *text == '/' ? "" : "/", (int)len, text);
        if (access(whole, F_OK) == 0)
            return len;
        size_t cut = len;
        while (cut && text[cut - 1] != ':' && text[cut - 1] != '@' && text[cut - 1] != '/')
            cut--;
        if (!cut || text[cut - 1] == '/')
            return strcspn(text, "@:");
        len = cut - 1;
    }
}

static const char *make_relative(struct opts *opts, const char *base, const char *scheme, const char *rest)
{
    size_t len = path_length(base, rest);
    const char *path = opts_path(opts, base, arena_strndup(opts->arena, rest, len));
    return arena_printf(opts->arena, "%s:%s%s", scheme, path, rest + len);
}

const char *opts_value_context(struct opts *opts, const char *base, const char *text)
{
    struct opt_pair pair = opts_value_pair(opts->arena, text);
    if (!*pair.name || !pair.value || !*pair.value)
        return "a context is NAME=VALUE";
    for (size_t i = 0; i < sizeof path_schemes / sizeof *path_schemes; i++) {
        const char *scheme = path_schemes[i];
        size_t len = strlen(scheme);
        if (strncmp(pair.value, scheme, len) || pair.value[len] != ':')
            continue;
        const char *rest = pair.value + len + 1;
        rest += !strncmp(rest, "//", 2) ? 2 : 0;
        pair.value = make_relative(opts, base, scheme, rest);
        vec_push(&opts->contexts, pair);
        return NULL;
    }
    if (!strstr(pair.value, "://") && strncmp(pair.value, "target:", 7) && !elsewhere_is_one(opts->arena, span_of(pair.value))) {
        const char *path = *pair.value == '/' ? pair.value : arena_printf(opts->arena, "%s/%s", base, pair.value);
        char real[PATH_MAX];
        struct stat st;
        if (!realpath(path, real) || stat(real, &st) < 0)
            return arena_printf(opts->arena, "%s: %s", pair.value, strerror(errno));
        if (!S_ISDIR(st.st_mode))
            return arena_printf(opts->arena, "%s is not a folder (an archive is docker-archive:FILE or oci-archive:FILE)",
                                pair.value);
        pair.value = arena_printf(opts->arena, "folder:%s", path_relative(opts->arena, opts->build_real, real));
    }
    vec_push(&opts->contexts, pair);
    return NULL;
}

/* Where a secret comes from when only its id is given: the variable of that name, else the file. */
static void default_secret_source(struct opts *opts, const char *base, struct opt_secret *secret)
{
    if (getenv(secret->id))
        secret->env = secret->id;
    else
        secret->file = opts_path(opts, base, secret->id);
}

const char *opts_value_secret(struct opts *opts, const char *base, const char *text)
{
    opt_list fields = {0};
    const char *error = opts_value_list(opts->arena, text, &fields), *type = NULL;
    struct opt_secret secret = {0};
    const char *source = NULL;
    for (size_t i = 0; i < fields.count && !error; i++) {
        struct opt_pair pair = opts_value_pair(opts->arena, fields.items[i]);
        if (!pair.value)
            error = arena_printf(opts->arena, "invalid field %s: it must be KEY=VALUE", pair.name);
        else if (!strcmp(pair.name, "id"))
            secret.id = pair.value;
        else if (!strcmp(pair.name, "src") || !strcmp(pair.name, "source"))
            source = pair.value;
        else if (!strcmp(pair.name, "env"))
            secret.env = pair.value;
        else if (!strcmp(pair.name, "type") && (!strcmp(pair.value, "file") || !strcmp(pair.value, "env")))
            type = pair.value;
        else
            error = arena_printf(opts->arena, "unexpected %s=%s", pair.name, pair.value);
    }
    vec_free(&fields);
    if (error)
        return error;
    if (!secret.id || !*secret.id)
        return "a secret needs an id: id=ID[,src=FILE|,env=NAME]";
    if (source && type && !strcmp(type, "env"))
        secret.env = source;
    else if (source)
        secret.file = opts_path(opts, base, source);
    else if (!secret.env)
        default_secret_source(opts, base, &secret);
    vec_push(&opts->secrets, secret);
    return NULL;
}

const char *opts_value_secret_key(struct opts *opts, const char *section, const char *key, const char *value)
{
    section += strspn(section, " \t");
    size_t len = strlen(section);
    bool is_quoted = len > 2 && *section == '"' && section[len - 1] == '"';
    /* inih cuts long names off, and the quote with them. */
    if (len && !is_quoted)
        return "a secret's section is [secret \"ID\"], with an ID of at most 40 characters; [secret] is for all";
    if (strcmp(key, "key"))
        return arena_printf(opts->arena, "unknown key %s in [secret]", key);
    if (strcmp(value, "content"))
        return arena_printf(opts->arena, "key = %s: it can be content, or be left out", value);
    vec_push(&opts->keyed_secrets, is_quoted ? arena_strndup(opts->arena, section + 1, len - 2) : "");
    return NULL;
}

const char *opts_value_ssh(struct opts *opts, const char *base, const char *text)
{
    struct opt_pair pair = opts_value_pair(opts->arena, text);
    if (!*pair.name)
        return "an agent needs an id: default, or ID=SOCKET";
    if (pair.value)
        pair.value = opts_path(opts, base, pair.value);
    vec_push(&opts->ssh, pair);
    return NULL;
}

const char *opts_value_tag(struct arena *arena, const char *text)
{
    struct ref ref;
    if (!ref_parse(arena, span_of(text), &ref))
        return arena_printf(arena, "\"%s\" is no image name: %s", text, ref_error(arena, span_of(text)));
    return ref.digest ? arena_printf(arena, "\"%s\" has a digest: a name for an image has none", text) : NULL;
}

const char *opts_value_host(struct arena *arena, const char *text)
{
    size_t len = strcspn(text, strchr(text, '=') ? "=" : ":");
    unsigned char address[sizeof(struct in6_addr)];
    if (!len || !text[len])
        return arena_printf(arena, "\"%s\": HOST:IP is wanted", text);
    char *ip = arena_strdup(arena, text + len + 1);
    size_t size = strlen(ip);
    if (*ip == '[' && ip[size - 1] == ']') {
        ip[size - 1] = 0;
        ip++;
    }
    bool is_address = inet_pton(AF_INET, ip, address) == 1 || inet_pton(AF_INET6, ip, address) == 1;
    return is_address ? NULL : arena_printf(arena, "\"%s\" is no IP address", ip);
}

static bool is_limit(const char *text, size_t len)
{
    if ((len == 2 && !strncmp(text, "-1", 2)) || (len == 9 && !strncmp(text, "unlimited", 9)))
        return true;
    return len && len < 20 && strspn(text, "0123456789") >= len;
}

/* No limit is the highest. */
static unsigned long long limit_number(const char *text)
{
    return *text == '-' || *text == 'u' ? ULLONG_MAX : strtoull(text, NULL, 10);
}

const char *opts_value_ulimit(struct arena *arena, const char *text)
{
    static const char *const names[] = {"core",   "cpu",   "data",       "fsize",  "locks", "memlock", "msgqueue", "nice",
                                        "nofile", "nproc", "rss",        "rtprio", "rttime", "sigpending", "stack"};
    size_t len = strcspn(text, "=");
    bool is_known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        is_known |= strlen(names[i]) == len && !strncmp(names[i], text, len);
    if (!is_known || !text[len])
        return arena_printf(arena, "\"%s\": NAME=SOFT[:HARD] is wanted, NAME one of nofile, nproc, core, ...", text);
    const char *soft = text + len + 1, *colon = strchr(soft, ':');
    size_t soft_len = colon ? (size_t)(colon - soft) : strlen(soft);
    if (!is_limit(soft, soft_len) || (colon && !is_limit(colon + 1, strlen(colon + 1))))
        return arena_printf(arena, "\"%s\": a limit is a number, or -1 for none", text);
    unsigned long long first = limit_number(soft), second = colon ? limit_number(colon + 1) : first;
    if (first > second)
        return arena_printf(arena, "\"%s\": the soft limit is higher than the hard one", text);
    return NULL;
}

const char *opts_value_size(const char *text, long long *bytes)
{
    struct arena arena = {0};
    int64_t size = 0;
    bool is_size = !value_size(&arena, span_of(text), &size);
    arena_free(&arena);
    *bytes = size;
    return is_size ? NULL : "a size is a number of bytes, with k, m or g behind it";
}

void opts_value_epoch(struct opts *opts)
{
    for (size_t i = opts->build_args.count; i-- > 0;) {
        if (!strcmp(opts->build_args.items[i].name, "SOURCE_DATE_EPOCH")) {
            opts->source_date_epoch = opts->build_args.items[i].value;
            return;
        }
    }
    const char *value = take_environment(opts, "SOURCE_DATE_EPOCH");
    if (value && *value) {
        opts->source_date_epoch = arena_strdup(opts->arena, value);
        vec_push(&opts->build_args, (struct opt_pair){"SOURCE_DATE_EPOCH", opts->source_date_epoch});
    }
}

void opts_value_policy(struct opts *opts)
{
    const char *value = opts->policy_file ? NULL : take_environment(opts, "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY");
    if (!value || !*value)
        return;
    opts->policy_file = opts_path(opts, opts->start_dir, value);
    opts->policy_name = arena_strdup(opts->arena, value);
}
