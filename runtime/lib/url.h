/* What dfgen must know of a URL's text: where the secrets are, and what a file of that address is called. */
#ifndef DFGEN_URL_H
#define DFGEN_URL_H

#include <stddef.h>

#include "runtime/lib/span.h"

struct arena;
struct buf;

/*
 * Append text without the user and password of any URL in it: "https://u:p@host/x" becomes "https://host/x". For all
 * that is shown.
 */
void url_add_public(struct buf *out, struct span text);

/* "%41" is "A"; plus: "+" is a space. NULL text: a stray "%", or a NUL byte. */
struct span url_decode(struct arena *arena, struct span text, bool plus);

/*
 * The pieces of "SCHEME://USERINFO@HOST/PATH?QUERY#FRAGMENT", none decoded; those that are absent are empty. False: no
 * scheme of letters and digits, or no host.
 */
struct url {
    struct span scheme, userinfo, host, path, query, fragment;
    struct span remote;     /* all before "?" and "#" */
};
bool url_split(struct span text, struct url *url);

/*
 * The name of what an http URL brings: the last component of its path, decoded; "__unnamed__" when there is none or it
 * cannot be the name of a file.
 */
const char *url_file_name(struct arena *arena, const struct url *url);

/* No component's separator, not "." or "..", short enough for every file system. */
bool url_is_file_name(struct span name);

#endif
