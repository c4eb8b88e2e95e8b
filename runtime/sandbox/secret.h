/* The secrets of the settings: their bytes, and what stands for them in a key. */
#ifndef DFGEN_SANDBOX_SECRET_H
#define DFGEN_SANDBOX_SECRET_H

#include <stdbool.h>

struct buf;
struct digest;
struct plan;
struct step;

/* The secret's bytes; false when the user gave none of that id. Ends the process when it cannot be read. */
bool secret_read(const struct step *step, const char *id, struct buf *content);
/* Overwrite and free them. */
void secret_forget(struct buf *content);

/*
 * One digest for the contents of all secrets that the plan wants in the key, salted with what this store alone knows:
 * without that nobody can test a guess on it, nor on a key that was made of it. False: there is no such secret.
 */
bool secret_mark(const struct step *step, const struct plan *plan, struct digest *mark);

#endif
