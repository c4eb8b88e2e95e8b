/*
 * Owns the way a process ends when the machine is wrong: the message, the exit code, and running out of memory.
 * Called by every main and by the few places of lib that cannot return. Knows nothing of what the process was doing.
 */
#include "runtime/lib/die.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lib/vec.h"

const char *program_name = "dfgen";

/* Names of others stand in messages: what a terminal would act on (C0 but for line ends and TAB, DEL, C1) becomes "?". */
static void put_shown(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        bool is_control = (*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f;
        bool is_high_control = *at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
        fputc(is_control || is_high_control ? '?' : *at, stderr);
        at += is_high_control;
    }
}

static void say(const char *kind, const char *format, va_list args)
{
    int saved = errno, made;
    size_t len = strlen(format);
    char *text = NULL;
    flockfile(stderr);
    fprintf(stderr, "%s: %s", program_name, kind);
    made = vasprintf(&text, format, args);
    put_shown(made < 0 ? "(out of memory)" : text);
    if (made >= 0)
        free(text);
    if (len && format[len - 1] == ':')
        fprintf(stderr, " %s", strerror(saved));
    fputc('\n', stderr);
    funlockfile(stderr);
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
    exit(EXIT_BUILD);
}

void die_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("", format, args);
    va_end(args);
    exit(EXIT_USAGE);
}

void warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say("warning: ", format, args);
    va_end(args);
}

static void *must(void *memory)
{
    if (!memory)
        die("out of memory");
    return memory;
}

void *xmalloc(size_t size)
{
    return must(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        die("out of memory");
    return must(realloc(old, bytes ? bytes : 1));
}

char *xstrdup(const char *text)
{
    return must(strdup(text));
}

char *xstrndup(const char *text, size_t len)
{
    char *copy = xmalloc(len + 1);
    if (len)
        memcpy(copy, text, len);
    copy[len] = 0;
    return copy;
}

char *xasprintf(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        die("out of memory");
    va_end(args);
    return text;
}

void *vec_grow(void *items, size_t count, size_t *room, size_t size)
{
    if (count > SIZE_MAX / 2)
        die("out of memory");
    *room = count ? count * 2 : 8;
    return xrealloc(items, *room, size);
}
