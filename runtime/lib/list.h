/*
 * The listing of a layer: one line an entry, in byte order of the path. It is the layer's identity (a made layer's id is
 * "tree:" and the sha256 of its listing) and what everything reads that must know a layer's content without walking it.
 *
 *     dfgen-list 1
 *     PATH \t TYPE \t MODE \t UID \t GID [\t FIELDS] [\t xattr NAME=HEX]...
 *
 *     PATH   relative, clean, no leading slash; "" is the layer's root (listed only when a RUN changed it or a tar named it).
 *            The bytes TAB, newline and backslash are written \011 \012 \134; all others as they are.
 *     TYPE   d folder, D opaque folder, f file, l symlink, c b devices, p fifo, h another name of an earlier file, w whiteout
 *     MODE   four octal digits, permission and set-id bits (0777 for symlinks)
 *     FIELDS f: SIZE \t SHA256HEX    l: TARGET    c b: MAJOR:MINOR    h: path of the first name (in byte order) of that file
 *     w and h have PATH and TYPE (and h its field) alone.
 *     An extended attribute is one field, "xattr NAME=HEX", its NAME escaped like PATH.
 *
 * No times: they are no part of what a layer is.
 */
#ifndef DFGEN_LIST_H
#define DFGEN_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/lib/digest.h"

struct arena;
struct buf;

enum entry_type {
    ENTRY_DIR = 'd', ENTRY_OPAQUE = 'D', ENTRY_FILE = 'f', ENTRY_SYMLINK = 'l', ENTRY_CHAR = 'c', ENTRY_BLOCK = 'b',
    ENTRY_FIFO = 'p', ENTRY_HARDLINK = 'h', ENTRY_WHITEOUT = 'w',
};

/* In the listing of an archive that ADD unpacks, an attribute of folders that the archive has files in, but does not name itself. */
#define LIST_UNNAMED "dfgen.unnamed"

struct entry_xattr {
    const char *name;   /* "security.capability"; never an overlay one */
    const char *hex;    /* the value */
};

struct entry {
    const char *path;
    enum entry_type type;
    mode_t mode;            /* 07777 at most, without the type's bits */
    uint32_t uid, gid;
    int64_t size;           /* files */
    struct digest digest;   /* files */
    const char *target;     /* symlinks: as stored; hard links: the first name */
    uint32_t major, minor;  /* devices */
    const struct entry_xattr *xattrs; /* sorted by name */
    size_t xattr_count;
};

/* --- making one: add in any order, then finish --- */

struct list_builder;
struct list_builder *list_builder_new(void);
/* Copies all it needs. A later entry of the same path replaces an earlier one. A hard link's target may be any other name of its file. */
void list_builder_add(struct list_builder *builder, const struct entry *entry);
/*
 * Sort and write the text; *digest is its sha256. Frees the builder. The first name in byte order of hard-linked ones gets the file's
 * data, the others become links to it, whichever was added as the file. Ends the process when a link's target was not added.
 */
void list_builder_finish(struct list_builder *builder, struct buf *text, struct digest *digest);
void list_builder_free(struct list_builder *builder);

/* --- or the text itself, when entries come in byte order of their paths: each once, links behind their first names --- */

void list_text_begin(struct buf *text);
void list_text_add(struct buf *text, const struct entry *entry);

/* --- reading one --- */

/* A listing in memory (mapped file or text). Entries are decoded on demand. */
struct list;
/* Map DIR/NAME. NULL with errno; EINVAL when it is no listing (then *why, if not NULL, a static text). */
struct list *list_open_at(int dir, const char *name, const char **why);
/* From text that the list then owns (malloc'd). */
struct list *list_from_text(char *text, size_t len, const char **why);
void list_close(struct list *list);

size_t list_count(const struct list *list);
/* Decode entry number i into *entry; its strings are the arena's or point into the mapping. */
void list_entry(const struct list *list, size_t i, struct arena *arena, struct entry *entry);
/* The number of the entry with that path, -1 when there is none. Binary search. */
int64_t list_find(const struct list *list, const char *path);
/* The number of the first entry whose path is >= path in byte order. */
size_t list_lower_bound(const struct list *list, const char *path);
/* The same among the entries from (included) to (not included) alone. */
size_t list_lower_bound_in(const struct list *list, const char *path, size_t from, size_t to);
/* Compare entry i's path with path, like strcmp. */
int list_compare(const struct list *list, size_t i, const char *path);
enum entry_type list_type(const struct list *list, size_t i);
/* Without decoding: whether entry i is a device or not of 0:0, so that a user without other ids cannot have it on disk. */
bool list_is_foreign(const struct list *list, size_t i);
/* Path of entry i, without decoding the rest. */
const char *list_path(const struct list *list, size_t i, struct arena *arena);
/* sha256 of the whole text: what a made layer is called by. */
struct digest list_digest(const struct list *list);

#endif
