/* What every RUN finds mounted: /dev, the files in /etc that are the builder's, scripts. */
#ifndef DFGEN_SANDBOX_FURNITURE_H
#define DFGEN_SANDBOX_FURNITURE_H

struct room;

/*
 * Mount it all, but what needs the payload's namespaces: for those (/proc, /sys, /dev/mqueue) only the folders are
 * made.
 */
void furniture_mount(struct room *room);

#endif
