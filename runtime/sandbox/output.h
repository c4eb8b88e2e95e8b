/* What a RUN prints: whole into its log, the end of it for people. */
#ifndef DFGEN_SANDBOX_OUTPUT_H
#define DFGEN_SANDBOX_OUTPUT_H

#include <stddef.h>

struct buf;

struct output {
    int log;            /* the log file */
    char *last;         /* ring of the last bytes */
    size_t end;         /* bytes seen so far */
};

void output_begin(struct output *output, int log);
/* Take what the payload wrote. -1 with errno when the log cannot be written. */
int output_add(struct output *output, const char *data, size_t len);
/* The last lines, each after prefix, without what would steer a terminal. */
void output_tail(const struct output *output, const char *prefix, struct buf *out);
void output_end(struct output *output);

#endif
