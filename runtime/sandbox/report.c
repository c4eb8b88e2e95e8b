/*
 * Owns the form of reports. Called by keeper and payload on one side, by the helper on the other; both are this program. A report is
 * a fixed-size struct: less than PIPE_BUF, so writes do not mix.
 */
#include "runtime/sandbox/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"

void report_fail(int fd, int code, const char *format, ...)
{
    int saved = errno;
    struct report report = {.kind = REPORT_FAILED, .code = code};
    size_t len = strlen(format);
    va_list args;
    va_start(args, format);
    vsnprintf(report.text, sizeof report.text, format, args);
    va_end(args);
    size_t used = strlen(report.text);
    if (len && format[len - 1] == ':')
        snprintf(report.text + used, sizeof report.text - used, " %s", strerror(saved));
    fd_write_all(fd, &report, sizeof report);
    _exit(code);
}

void report_end(int fd, int status)
{
    struct report report = {.kind = REPORT_ENDED, .code = status};
    fd_write_all(fd, &report, sizeof report);
}

bool report_take(struct buf *read, struct report *report)
{
    if (read->len < sizeof *report)
        return false;
    memcpy(report, read->data, sizeof *report);
    report->text[sizeof report->text - 1] = 0;
    memmove(read->data, read->data + sizeof *report, read->len - sizeof *report);
    read->len -= sizeof *report;
    return true;
}
