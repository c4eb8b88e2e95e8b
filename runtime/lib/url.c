/*
 * Owns the arithmetic of URL text. Called by gen, which classifies sources, and by dfgen-fetch, which gets them. Must
 * not know protocols.
 */
#include "runtime/lib/url.h"

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"

enum { NAME_LIMIT = 255 };

static size_t find(struct span text, size_t from, const char *stops)
{
    while (from < text.len && !(text.text[from] && strchr(stops, text.text[from])))
        from++;
    return from;
}

/* Cut text at the first of stops: what is before it is returned, *rest begins with it. */
static struct span cut(struct span text, const char *stops, struct span *rest)
{
    size_t at = find(text, 0, stops);
    *rest = span_skip(text, at);
    return (struct span){text.text, at};
}

/* What is before the last '@' of an authority; its length with the '@', 0 when there is none. */
static size_t userinfo_len(struct span authority)
{
    for (size_t i = authority.len; i > 0; i--)
        if (authority.text[i - 1] == '@')
            return i;
    return 0;
}

void url_add_public(struct buf *out, struct span text)
{
    size_t done = 0;
    for (size_t i = 0; i + 3 <= text.len; i++) {
        if (memcmp(text.text + i, "://", 3))
            continue;
        size_t start = i + 3, end = find(text, start, "/?#\\\"'<> \t\r\n");
        buf_add(out, text.text + done, start - done);
        done = start + userinfo_len((struct span){text.text + start, end - start});
        i = done - 1;
    }
    if (done < text.len)
        buf_add(out, text.text + done, text.len - done);
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

struct span url_decode(struct arena *arena, struct span text, bool plus)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.text[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < text.len ? digit(text.text[i + 1]) : -1, low = high < 0 ? -1 : digit(text.text[i + 2]);
            if (low < 0)
                return (struct span){0};
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (!c)
            return (struct span){0};
        out[len++] = c;
    }
    return (struct span){out, len};
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool url_split(struct span text, struct url *url)
{
    *url = (struct url){0};
    size_t at = 0;
    while (at < text.len && is_letter_or_digit(text.text[at]))
        at++;
    if (!at || text.len < at + 3 || memcmp(text.text + at, "://", 3))
        return false;
    url->scheme = (struct span){text.text, at};
    struct span rest, authority = cut(span_skip(text, at + 3), "/?#", &rest);
    size_t user = userinfo_len(authority);
    if (user)
        url->userinfo = (struct span){authority.text, user - 1};
    url->host = span_skip(authority, user);
    url->path = cut(rest, "?#", &rest);
    url->remote = (struct span){text.text, text.len - rest.len};
    if (rest.len && *rest.text == '?')
        url->query = cut(span_skip(rest, 1), "#", &rest);
    if (rest.len)
        url->fragment = span_skip(rest, 1);
    return url->host.len > 0;
}

bool url_is_file_name(struct span name)
{
    return name.len && name.len <= NAME_LIMIT && !span_is(name, ".") && !span_is(name, "..") &&
           !memchr(name.text, '/', name.len) && !memchr(name.text, 0, name.len);
}

const char *url_file_name(struct arena *arena, const struct url *url)
{
    struct span path = url_decode(arena, url->path, false);
    while (path.len && path.text[path.len - 1] == '/')
        path.len--;
    for (size_t i = path.len; i > 0; i--)
        if (path.text[i - 1] == '/') {
            path = span_skip(path, i);
            break;
        }
    return url_is_file_name(path) ? arena_strndup(arena, path.text, path.len) : "__unnamed__";
}
