/*
 * Regular expressions as Go writes them (RE2), run by POSIX ones. What POSIX cannot say is an error, and nothing else
 * is: no flags, no lazy repetition, no word boundaries, no names of groups. For policy.c alone.
 */
#ifndef DFGEN_POLICY_REGEX_H
#define DFGEN_POLICY_REGEX_H

#include <stdbool.h>

#include "runtime/lib/span.h"

struct arena;
struct buf;
struct policy_regex;

/* NULL: *error says what is wrong with the pattern. */
struct policy_regex *policy_regex_new(struct arena *arena, const char *pattern, const char **error);
/* "*" for any text, all else for itself; "**" is an error. It matches the whole. */
struct policy_regex *policy_regex_wildcard(struct arena *arena, const char *pattern, const char **error);
void policy_regex_free(struct policy_regex *regex);

bool policy_regex_matches(const struct policy_regex *regex, const char *text);

/* The text with each match replaced by the template, in which $1 and ${1} are groups and $$ is "$". */
void policy_regex_replace(const struct policy_regex *regex, const char *text, const char *template, struct buf *out);

#endif
