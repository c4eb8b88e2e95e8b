/*
 * Files that a plan comes to: they wait in memory until all of it is known to be right, and are then written
 * (plan_files.c).
 */
#ifndef DFGEN_OUTBOX_H
#define DFGEN_OUTBOX_H

struct arena;
struct buf;
struct json_t;
struct outbox;

struct outbox *outbox_new(struct arena *arena);
void outbox_free(struct outbox *outbox);
/* A file to be written with that text, which the outbox takes over (malloc'd). */
void outbox_add(struct outbox *outbox, const char *path, struct buf *text);
void outbox_add_json(struct outbox *outbox, const char *path, const struct json_t *value);
/* Forget the files of a folder. */
void outbox_drop(struct outbox *outbox, const char *folder);

/*
 * Write all, each only when it changed, and remove step files of steps that are no more from the state folder. Ends the
 * process on failure.
 */
void outbox_flush(struct outbox *outbox, const char *state);

#endif
