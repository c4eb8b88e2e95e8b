/* The members of an uncompressed tar: where each lies in the file, so that a layer inside can be read without unpacking the rest. */
#ifndef DFGEN_ARCHIVE_H
#define DFGEN_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct archive_member {
    const char *name;   /* clean: no leading "./" or "/" */
    const char *link;   /* symlinks and hard links: where to; else NULL */
    int64_t offset, size;
};

struct archive {
    struct archive_member *members;
    size_t count;
};

/* Read all headers. -1: *error says what is wrong (a text of the arena; "is compressed" for a .tar.gz). */
int archive_read(struct archive *archive, struct arena *arena, int fd, const char **error);

/* The member of that name, links followed (at most 16); NULL when there is none. The last one of a name counts. */
const struct archive_member *archive_find(const struct archive *archive, struct arena *arena, const char *name);

#endif
