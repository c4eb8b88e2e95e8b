/* What a RUN may use of the machine: limits that docker build names, as control groups want them. */
#ifndef DFGEN_LIMITS_H
#define DFGEN_LIMITS_H

struct opts;

/* Note the limit of that option. NULL, or what is wrong with the value. */
const char *limits_set(struct opts *opts, const char *option, const char *value);

/* "90", "90s", "5m", "1h": seconds. NULL, or what is wrong. */
const char *limits_duration(const char *text, long long *seconds);

#endif
