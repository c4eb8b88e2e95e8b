/*
 * dfgen.lock: what a build takes from elsewhere, and what it was when it was locked. Lines of text in a fixed order,
 * one thing a line (docs/architecture.md). Strings are the arena's.
 */
#ifndef DFGEN_LOCK_H
#define DFGEN_LOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/lib/vec.h"

struct arena;

#define LOCK_FILE "dfgen.lock"

enum lock_kind { LOCK_GIT, LOCK_IMAGE, LOCK_URL };

struct lock_entry {
    enum lock_kind kind;
    const char *name;       /* image: normalised; url: without user and password; git: the same, with #REF */
    const char *platform;   /* image: "linux/amd64"; else "" */
    const char *digest;     /* "sha256:HEX"; git: a whole commit */
};

struct lock {
    struct arena *arena;
    const char *path;       /* as openable now */
    bool is_there;
    bool is_recording;      /* dfgen lock: what is found goes into found, and is not held against entries */
    VEC(struct lock_entry) entries;
    VEC(struct lock_entry) found;
};

/*
 * Read it; a missing file is an empty lock. Ends the process with exit 2, FILE:LINE and what to do when it is
 * malformed.
 */
struct lock *lock_read(struct arena *arena, const char *path);
void lock_free(struct lock *lock);

/* The digest, NULL when it is not locked. platform "" for what has none. */
const char *lock_find(const struct lock *lock, enum lock_kind kind, const char *name, const char *platform);

/* What was found, when recording. */
void lock_note(struct lock *lock, enum lock_kind kind, const char *name, const char *platform, const char *digest);

/* Take an entry in, over one of that name. */
void lock_set(struct lock *lock, const struct lock_entry *entry);
void lock_drop(struct lock *lock, size_t i);

/* Write it when it says something else. -1 with errno. */
int lock_write(struct lock *lock, bool *changed);

#endif
