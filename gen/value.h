/*
 * The small grammars that values are written in: durations, signals, ports, sizes, modes, booleans. Pure: text in,
 * value or error text out. Every function returns NULL, or what is wrong (the arena's or constant).
 */
#ifndef DFGEN_VALUE_H
#define DFGEN_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/lib/span.h"

struct arena;
struct buf;

/* "1m30s": Go's duration, in nanoseconds. */
const char *value_duration(struct arena *arena, struct span text, int64_t *nanoseconds);

/* An interval of HEALTHCHECK: a duration that is empty, 0 or at least 1ms; name is the flag's, for the message. */
const char *value_interval(struct arena *arena, const char *name, struct span text, int64_t *nanoseconds);

/* --retries of HEALTHCHECK; empty is 0. */
const char *value_retries(struct arena *arena, struct span text, int *retries);

/* STOPSIGNAL: a number that is not 0, or a Linux signal's name. */
const char *value_signal(struct arena *arena, struct span text);

/* One expanded word of EXPOSE. */
struct value_ports {
    unsigned first, last;    /* the container's ports */
    const char *protocol;    /* "tcp", "udp", "sctp" */
    bool has_mapping;        /* an address or a host port was given: check ExposeInvalidFormat */
    bool has_upper_protocol; /* check ExposeProtoCasing */
};

const char *value_ports(struct arena *arena, struct span text, struct value_ports *ports);

/* "100", "10k", "1.5GiB": bytes. */
const char *value_size(struct arena *arena, struct span text, int64_t *bytes);

/*
 * --chmod: an octal mode up to 07777, or BSD symbolic clauses (*is_symbolic; then *mode is 0 and the text is to be
 * applied to each file's mode).
 */
const char *value_chmod(struct arena *arena, struct span text, bool *is_symbolic, uint32_t *mode);

/* 1 t T TRUE true True and their opposites; false: it is neither. */
bool value_bool(struct span text, bool *value);

/* Append text as Go's %q does, and a list as %q does: ["a" "b"]. */
void value_quote(struct buf *out, struct span text);
void value_quote_list(struct buf *out, const struct span *items, size_t count);

#endif
