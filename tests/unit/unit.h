/*
 * What a unit test needs: rows with names, claims about them, and an exit code. Included once, by each
 * tests/unit/NAME.c; it must not know what is tested. A failed claim is printed and the test goes on.
 *
 *     for (i = 0; i < N; i++) {
 *         unit_row("%s", rows[i].in);
 *         UNIT_INT(rows[i].want, parse(rows[i].in));
 *     }
 *     return unit_end();
 */
#ifndef DFGEN_UNIT_H
#define DFGEN_UNIT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_STATIC __attribute__((unused)) static

static struct {
    char name[200];
    int rows;
    int failed_rows;
    bool has_failed;   /* this row has */
} unit;

/* Begin a row: what follows is claimed of it. */
__attribute__((format(printf, 1, 2)))
UNIT_STATIC void unit_row(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(unit.name, sizeof unit.name, format, list);
    va_end(list);
    unit.rows++;
    unit.has_failed = false;
}

/* The row is wrong; says where and why. */
__attribute__((format(printf, 3, 4)))
UNIT_STATIC void unit_fail(const char *file, int line, const char *format, ...)
{
    va_list list;

    if (!unit.has_failed)
        unit.failed_rows++;
    unit.has_failed = true;
    printf("%s:%d: row \"%s\": ", file, line, unit.name);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    fflush(stdout);
}

/* Print bytes so that every difference shows. */
UNIT_STATIC void unit_print_bytes(const char *label, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    printf("    %s: ", label);
    if (!at) {
        printf("NULL\n");
        return;
    }
    putchar('"');
    for (size_t i = 0; i < size; i++) {
        if (at[i] == '"' || at[i] == '\\')
            printf("\\%c", at[i]);
        else if (at[i] >= ' ' && at[i] < 0x7f)
            putchar(at[i]);
        else
            printf("\\x%02x", at[i]);
    }
    printf("\" (%zu bytes)\n", size);
    fflush(stdout);
}

UNIT_STATIC bool unit_true(const char *file, int line, bool is_so, const char *claim)
{
    if (!is_so)
        unit_fail(file, line, "not so: %s", claim);
    return is_so;
}

UNIT_STATIC bool unit_int(const char *file, int line, int64_t want, int64_t got, const char *what)
{
    if (want != got)
        unit_fail(file, line, "%s: want %" PRId64 ", got %" PRId64, what, want, got);
    return want == got;
}

struct unit_bytes {
    const void *bytes;   /* NULL: nothing there, which is not the same as no bytes */
    size_t size;
};

UNIT_STATIC struct unit_bytes unit_bytes(const void *bytes, size_t size)
{
    return (struct unit_bytes){ bytes, size };
}

UNIT_STATIC struct unit_bytes unit_text(const char *text)
{
    return (struct unit_bytes){ text, text ? strlen(text) : 0 };
}

UNIT_STATIC bool unit_mem(const char *file, int line, struct unit_bytes want, struct unit_bytes got, const char *what)
{
    bool is_same = want.size == got.size && !want.bytes == !got.bytes &&
        (want.size == 0 || memcmp(want.bytes, got.bytes, want.size) == 0);

    if (!is_same) {
        unit_fail(file, line, "%s differs", what);
        unit_print_bytes("want", want.bytes, want.size);
        unit_print_bytes("got ", got.bytes, got.size);
    }
    return is_same;
}

/* The claims. Each gives true when it holds, so that a test can stop looking into what is not there. */
#define UNIT_TRUE(claim) unit_true(__FILE__, __LINE__, (claim), #claim)
#define UNIT_INT(want, got) unit_int(__FILE__, __LINE__, (int64_t)(want), (int64_t)(got), #got)
#define UNIT_STR(want, got) unit_mem(__FILE__, __LINE__, unit_text(want), unit_text(got), #got)
#define UNIT_MEM(want, want_size, got, got_size) \
    unit_mem(__FILE__, __LINE__, unit_bytes(want, want_size), unit_bytes(got, got_size), #got)

/* Ends the whole test as skipped; the reason is what the runner prints. */
UNIT_STATIC void unit_skip(const char *reason)
{
    printf("skip: %s\n", reason);
    exit(77);
}

/* The last line of main: return unit_end(). A test without rows has failed: it tests nothing. */
UNIT_STATIC int unit_end(void)
{
    printf("%d rows, %d failed\n", unit.rows, unit.failed_rows);
    return unit.rows > 0 && unit.failed_rows == 0 ? 0 : 1;
}

#endif
