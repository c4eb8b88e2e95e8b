/* The end of a process that cannot go on, and what it prints. The only mutable globals of the program. */
#ifndef DFGEN_DIE_H
#define DFGEN_DIE_H

#include <stddef.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_BUILD = 1, /* the build failed */
    EXIT_USAGE = 2, /* wrong usage or input */
};

/* Said before every message, "dfgen-run" say. Set once, by main. */
extern const char *program_name;

/*
 * Print "program: message" to stderr and exit with EXIT_BUILD. A format that ends in ':' gets errno's text appended.
 * Control characters are shown as "?".
 */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with EXIT_USAGE. */
_Noreturn void die_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print it and go on. Only for what does not touch the result. */
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* malloc, calloc, realloc, strdup that end the process when there is no memory; product of sizes checked. */
void *xmalloc(size_t size) __attribute__((malloc));
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t count, size_t size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t len);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
