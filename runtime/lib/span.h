/* A piece of text that somebody else owns: not terminated, may hold any byte. */
#ifndef DFGEN_SPAN_H
#define DFGEN_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *text;
    size_t len;
};

/* For "%.*s". */
#define SPAN(s) (int)(s).len, (s).text

static inline struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static inline bool span_is(struct span s, const char *text)
{
    return s.len == strlen(text) && !memcmp(s.text, text, s.len);
}

/* Equal but for the case of ASCII letters. */
static inline bool span_is_nocase(struct span s, const char *text)
{
    return s.len == strlen(text) && !strncasecmp(s.text, text, s.len);
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (!a.len || !memcmp(a.text, b.text, a.len));
}

static inline bool span_starts(struct span s, const char *prefix)
{
    size_t len = strlen(prefix);
    return s.len >= len && !memcmp(s.text, prefix, len);
}

/* What is left after the first n bytes. */
static inline struct span span_skip(struct span s, size_t n)
{
    return (struct span){s.text + n, s.len - n};
}

#endif
