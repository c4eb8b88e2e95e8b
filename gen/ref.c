/*
 * Owns the grammar of image references and their full form. Called by stage (FROM, COPY --from) and images. Must not
 * know where images are.
 */
#include "gen/ref.h"

#include <string.h>

#include "runtime/lib/arena.h"

enum { NAME_LIMIT = 255, TAG_LIMIT = 128 };

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/* [a-z0-9]+ with separators ".", "_", "__" or any run of "-" between. */
static bool is_path_component(struct span text)
{
    size_t at = 0;
    for (;;) {
        size_t start = at;
        while (at < text.len && is_lower_or_digit(text.text[at]))
            at++;
        if (at == start)
            return false;
        if (at == text.len)
            return true;
        start = at;
        char separator = text.text[at];
        while (at < text.len && text.text[at] == separator)
            at++;
        size_t run = at - start;
        if (!(separator == '-' || (separator == '_' && run <= 2) || (separator == '.' && run == 1)))
            return false;
    }
}

static bool is_path(struct span text)
{
    for (;;) {
        const char *slash = text.len ? memchr(text.text, '/', text.len) : NULL;
        struct span part = {text.text, slash ? (size_t)(slash - text.text) : text.len};
        if (!is_path_component(part))
            return false;
        if (!slash)
            return true;
        text = span_skip(text, part.len + 1);
    }
}

static bool is_port(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.text[i] < '0' || text.text[i] > '9')
            return false;
    return text.len > 0;
}

/* Labels of letters, digits and inner dashes, joined by dots; or an IPv6 address in brackets. */
static bool is_host_name(struct span text)
{
    if (text.len > 2 && text.text[0] == '[' && text.text[text.len - 1] == ']') {
        for (size_t i = 1; i + 1 < text.len; i++)
            if (!memchr("0123456789abcdefABCDEF:", text.text[i], 23))
                return false;
        return true;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.text[i];
        bool is_edge = !i || i + 1 == text.len || text.text[i - 1] == '.' || text.text[i + 1] == '.';
        if (!is_word(c) && ((c != '-' && c != '.') || is_edge))
            return false;
    }
    return text.len > 0;
}

static bool is_host(struct span text)
{
    const char *bracket = text.len ? memrchr(text.text, ']', text.len) : NULL;
    const char *colon = text.len ? memrchr(text.text, ':', text.len) : NULL;
    if (!colon || (bracket && colon < bracket))
        return is_host_name(text);
    size_t len = (size_t)(colon - text.text);
    return is_host_name((struct span){text.text, len}) && is_port(span_skip(text, len + 1));
}

static bool is_tag(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.text[i];
        if (!is_word(c) && c != '_' && (!i || (c != '.' && c != '-')))
            return false;
    }
    return text.len > 0 && text.len <= TAG_LIMIT;
}

static bool is_hex(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr("0123456789abcdef", text.text[i], 16))
            return false;
    return text.len > 0;
}

static bool is_digest(struct span text)
{
    static const struct {
        const char *prefix;
        size_t digits;
    } algorithms[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (span_starts(text, algorithms[i].prefix)) {
            struct span hex = span_skip(text, strlen(algorithms[i].prefix));
            return hex.len == algorithms[i].digits && is_hex(hex);
        }
    return false;
}

struct split {
    struct span host, path, tag, digest;
    bool has_tag, has_digest;
};

/* The first component is a host when it looks like one: a dot, a colon, upper case, or "localhost". */
static bool looks_like_host(struct span first)
{
    for (size_t i = 0; i < first.len; i++)
        if (first.text[i] == '.' || first.text[i] == ':' || (first.text[i] >= 'A' && first.text[i] <= 'Z'))
            return true;
    return span_is(first, "localhost");
}

static struct split split_text(struct span text)
{
    struct split split = {.host = {"docker.io", 9}, .path = text};
    const char *at = text.len ? memchr(text.text, '@', text.len) : NULL;
    if (at) {
        split.has_digest = true;
        split.path.len = (size_t)(at - text.text);
        split.digest = span_skip(text, split.path.len + 1);
    }
    const char *slash = split.path.len ? memchr(split.path.text, '/', split.path.len) : NULL;
    if (slash) {
        struct span first = {split.path.text, (size_t)(slash - split.path.text)};
        if (looks_like_host(first)) {
            split.host = first;
            split.path = span_skip(split.path, first.len + 1);
        }
    }
    const char *colon = split.path.len ? memchr(split.path.text, ':', split.path.len) : NULL;
    if (colon) {
        split.has_tag = true;
        size_t len = (size_t)(colon - split.path.text);
        split.tag = span_skip(split.path, len + 1);
        split.path.len = len;
    }
    return split;
}

static bool has_upper(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.text[i] >= 'A' && text.text[i] <= 'Z')
            return true;
    return false;
}

/* NULL, or why the pieces are no reference. */
static const char *wrong(struct span text, const struct split *split)
{
    if (text.len == 64 && is_hex(text))
        return "invalid repository name, cannot be 64 hexadecimal digits";
    if (has_upper(split->path))
        return "invalid reference format: repository name must be lowercase";
    if (!is_host(split->host) || !is_path(split->path) || (split->has_tag && !is_tag(split->tag)) ||
        (split->has_digest && !is_digest(split->digest)))
        return "invalid reference format";
    if (split->path.len + split->host.len + 1 > NAME_LIMIT)
        return "repository name must not be more than 255 characters";
    return NULL;
}

bool ref_parse(struct arena *arena, struct span text, struct ref *ref)
{
    struct split split = split_text(text);
    if (wrong(text, &split))
        return false;
    bool is_docker = span_is(split.host, "docker.io") || span_is(split.host, "index.docker.io");
    bool is_library = is_docker && !memchr(split.path.text, '/', split.path.len);
    *ref = (struct ref){
        .host = is_docker ? "docker.io" : arena_strndup(arena, split.host.text, split.host.len),
        .path = arena_printf(arena, "%s%.*s", is_library ? "library/" : "", SPAN(split.path)),
        .tag = split.has_tag      ? arena_strndup(arena, split.tag.text, split.tag.len)
               : split.has_digest ? NULL
                                  : "latest",
        .digest = split.has_digest ? arena_strndup(arena, split.digest.text, split.digest.len) : NULL,
    };
    return true;
}

const char *ref_error(struct arena *arena, struct span text)
{
    struct split split = split_text(text);
    const char *why = wrong(text, &split);
    return why ? arena_strdup(arena, why) : NULL;
}

static const char *with_tag(struct arena *arena, const char *name, const char *tag, const char *digest)
{
    return arena_printf(arena, "%s%s%s%s%s", name, tag ? ":" : "", tag ? tag : "", digest ? "@" : "",
                        digest ? digest : "");
}

const char *ref_text(struct arena *arena, const struct ref *ref)
{
    return with_tag(arena, arena_printf(arena, "%s/%s", ref->host, ref->path), ref->tag, ref->digest);
}

const char *ref_familiar(struct arena *arena, const struct ref *ref)
{
    const char *name = arena_printf(arena, "%s/%s", ref->host, ref->path);
    const char *prefixes[] = {"docker.io/library/", "docker.io/"};
    for (size_t i = 0; i < 2; i++)
        if (!strncmp(name, prefixes[i], strlen(prefixes[i]))) {
            name += strlen(prefixes[i]);
            break;
        }
    bool is_latest = ref->tag && !strcmp(ref->tag, "latest") && !ref->digest;
    return with_tag(arena, name, is_latest ? NULL : ref->tag, ref->digest);
}
