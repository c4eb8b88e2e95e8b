/* Values of options that have a grammar of their own. Each returns NULL, or what is wrong. Include gen/opts.h first. */
#ifndef DFGEN_OPTS_VALUE_H
#define DFGEN_OPTS_VALUE_H

struct arena;

/* NAME=VALUE; without "=": value NULL. */
struct opt_pair opts_value_pair(struct arena *arena, const char *text);

/* NAME=VALUE, or NAME: from the environment, dropped when it is not set there. */
const char *opts_value_build_arg(struct opts *opts, const char *text);

/* NAME=VALUE of a named context: paths in it are made relative to the build folder. */
const char *opts_value_context(struct opts *opts, const char *base, const char *text);

/* id=ID[,src=FILE|,env=NAME][,type=file|env] */
/* A key of [secret] or [secret "ID"]; section: what stands behind "secret". */
const char *opts_value_secret_key(struct opts *opts, const char *section, const char *key, const char *value);
const char *opts_value_secret(struct opts *opts, const char *base, const char *text);

/* ID[=SOCKET] */
const char *opts_value_ssh(struct opts *opts, const char *base, const char *text);

/* Words between commas (a CSV record), appended. */
const char *opts_value_list(struct arena *arena, const char *text, opt_list *words);

/* A name for the image: an image reference without a digest. */
const char *opts_value_tag(struct arena *arena, const char *text);

/* HOST:IP or HOST=IP; an IPv6 address may be in brackets; host-gateway is no address here. */
const char *opts_value_host(struct arena *arena, const char *text);

/* NAME=SOFT[:HARD], NAME as in docker ("nofile"), -1 or unlimited for no limit. */
const char *opts_value_ulimit(struct arena *arena, const char *text);

/* Bytes, with k, m, g. */
const char *opts_value_size(const char *text, long long *bytes);

/* SOURCE_DATE_EPOCH: the build argument, else the environment, which then is a build argument too. */
void opts_value_epoch(struct opts *opts);
/* $EXPERIMENTAL_BUILDKIT_SOURCE_POLICY, when no option names a source policy. */
void opts_value_policy(struct opts *opts);

#endif
