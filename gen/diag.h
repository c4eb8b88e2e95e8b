/*
 * Diagnostics: what is wrong with a Dockerfile (or another input that has lines), collected and printed in source order.
 * Errors make the translation fail with exit code 2; the parser and the stages go on so that all are found in one run.
 */
#ifndef DFGEN_DIAG_H
#define DFGEN_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "runtime/lib/span.h"

struct source;
struct diag;

/* A place in a source. line and column are 1-based; column 0: the line as a whole; line 0: the file as a whole. */
struct place {
    const struct source *source;
    int line;
    int column;
    int first_line;     /* of the instruction that it is in; 0: of none */
};

struct diag *diag_new(void);
void diag_free(struct diag *diag);

/* Like printf; no newline at the end. Control bytes are shown visibly when printed. */
void diag_error(struct diag *diag, struct place place, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A warning that is no build check: what the user should know but what does not stop the build. */
void diag_warn(struct diag *diag, struct place place, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A build check (reference/dockerfile.md §14) fired: rule is a name of its table. Printed as a warning, counted apart. */
void diag_check(struct diag *diag, struct place place, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

size_t diag_error_count(const struct diag *diag);
size_t diag_check_count(const struct diag *diag);

/*
 * Print all, sorted by source, line and column, each once:
 *     Dockerfile:3:5: error: unknown flag --chwon (did you mean --chown?)
 *         3 | COPY --chwon=1 a b
 *           |      ^
 * and, for a place that is not in the first line of its instruction, which is where other builders say it is:
 *     Dockerfile:2: the instruction begins here
 * with_checks false leaves the build checks out.
 */
void diag_print(const struct diag *diag, FILE *out, bool with_checks);

/* The nearest to word of all that are tried, by edit distance, at most a third of its length; NULL at first. */
struct nearest {
    struct span word, best;
    size_t limit;
};

struct nearest diag_nearest_to(struct span word);
void diag_nearest_try(struct nearest *nearest, struct span candidate);
/* The candidate nearest to word (edit distance, at most a third of its length), or NULL. candidates end with NULL. */
const char *diag_nearest(struct span word, const char *const *candidates);

#endif
