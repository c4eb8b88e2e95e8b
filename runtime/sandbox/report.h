/* What the sandbox's processes tell the helper, through a pipe that closes when the payload's command runs. */
#ifndef DFGEN_SANDBOX_REPORT_H
#define DFGEN_SANDBOX_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

enum report_kind {
    REPORT_FAILED,  /* the command was not started; code is 125, 126 or 127, the text says why */
    REPORT_ENDED,   /* the command's wait status is the code */
};

struct report {
    enum report_kind kind;
    int code;
    char text[1024];
};

/* Tell the helper why, and end this process. A trailing colon appends errno's text. */
_Noreturn void report_fail(int fd, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_end(int fd, int status);

/* Take the next report out of what has been read; false when it is not whole yet. */
bool report_take(struct buf *read, struct report *report);

#endif
