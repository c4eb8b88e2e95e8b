/*
 * The jobserver of a make around the build (GNU make manual, "POSIX Jobserver"): its tokens are the payload's too, so
 * that a make in a RUN does not start as many jobs again. No part of a key: it says how fast, not what.
 */
#ifndef DFGEN_SANDBOX_JOBSERVER_H
#define DFGEN_SANDBOX_JOBSERVER_H

#include <stdbool.h>

enum { JOBSERVER_READ = 3, JOBSERVER_WRITE = 4 /* descriptors in the payload */ };

struct jobserver {
    int read, write;        /* -1: there is none */
    char *flags;            /* "MAKEFLAGS=…" for the payload, malloc'd */
};

/*
 * What $MAKEFLAGS offers, if its descriptors are open pipes. The first descriptors of a program are make's: call it
 * before others are opened.
 */
void jobserver_find(struct jobserver *jobserver);

/* make -n, -q and -t start what is marked with "+" all the same, and leave it to that to do nothing. */
bool jobserver_is_dry(void);

/* In the payload's process, before the rest is closed: the descriptors get their numbers. -1 with errno. */
int jobserver_connect(const struct jobserver *jobserver);

#endif
