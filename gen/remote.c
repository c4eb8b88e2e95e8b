/* Owns telling a URL or git reference from a path. Called by stage for COPY and ADD. Must not know how it is fetched. */
#include "gen/remote.h"

#include <ctype.h>

static bool starts_nocase(struct span text, const char *prefix)
{
    size_t len = strlen(prefix);
    return text.len >= len && !strncasecmp(text.text, prefix, len);
}

static bool is_made_of(struct span text, const char *extra)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isalnum((unsigned char)text.text[i]) && !(text.text[i] && strchr(extra, text.text[i])))
            return false;
    return text.len > 0;
}

/* user@host:path */
static bool is_scp_like(struct span text)
{
    const char *at = text.len ? memchr(text.text, '@', text.len) : NULL;
    const char *colon = at ? memchr(at, ':', (size_t)(text.text + text.len - at)) : NULL;
    return colon && is_made_of((struct span){text.text, (size_t)(at - text.text)}, "-_") &&
           is_made_of((struct span){at + 1, (size_t)(colon - at) - 1}, "-.");
}

/* Its path, query and fragment aside, ends in ".git". */
static bool is_git_path(struct span url)
{
    size_t len = 0;
    while (len < url.len && url.text[len] != '?' && url.text[len] != '#')
        len++;
    return len > 4 && !memcmp(url.text + len - 4, ".git", 4);
}

enum remote_kind remote_kind_of(struct span source)
{
    if (starts_nocase(source, "http://") || starts_nocase(source, "https://"))
        return is_git_path(source) ? REMOTE_GIT : REMOTE_HTTP;
    bool is_git = starts_nocase(source, "git://") || starts_nocase(source, "ssh://") || is_scp_like(source);
    return is_git ? REMOTE_GIT : REMOTE_NONE;
}
