/*
 * What an extended header says about the entry that follows it: pax records ("LENGTH KEY=VALUE\n"), and the holes of sparse files in
 * all of GNU tar's forms. For the reader.
 */
#ifndef DFGEN_TAR_PAX_H
#define DFGEN_TAR_PAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "runtime/lib/span.h"
#include "runtime/lib/vec.h"

struct tar_header;
struct tar_xattr;

struct sparse_piece {
    int64_t offset, length;
};

struct pax {
    struct span path, link, sparse_name;    /* text NULL: not said */
    bool has_size, has_uid, has_gid, has_mtime, is_sparse;
    int64_t size, uid, gid;
    struct timespec mtime;
    VEC(struct tar_xattr) xattrs;           /* names and values point into the record's text */
    int64_t sparse_major, sparse_minor, sparse_size;    /* GNU.sparse.*; size -1 when not said */
    VEC(struct sparse_piece) pieces;
};

void pax_reset(struct pax *pax);
void pax_free(struct pax *pax);

/* Read records; text is changed in place and must live as long as pax is used. NULL, or why not, a static text. */
const char *pax_parse(struct pax *pax, char *text, size_t len);

/* Add the pieces of an old GNU header, or of one of its extension blocks (24 bytes each, count of them). */
const char *pax_add_gnu_pieces(struct pax *pax, const char *fields, size_t count);

/* One number and a newline of the map that begins a sparse file's data (format 1.0). Takes the text's beginning away. */
const char *pax_map_number(struct span *text, int64_t *number);

/* All pieces must be in order, not overlap and lie within size. Their sum goes to *stored. */
const char *pax_check_pieces(const struct pax *pax, int64_t size, int64_t *stored);

#endif
