/*
 * An image that is handed on whole (dfgen push, dfgen save): a stage that was built here, an image layout's, or one of
 * the store.
 */
#ifndef DFGEN_SENT_H
#define DFGEN_SENT_H

#include "gen/seq.h"

struct json_t;
struct opts;

struct sent {
    const char *folder;             /* the layout that it stands in */
    struct json_t *descriptor;      /* a manifest's or an index's; the caller's */
    struct json_t *referrers;       /* an array: the documents about it that its layout has; NULL: none. The caller's */
    const char *source;             /* the repository that it was pulled from, perhaps not whole; NULL: none */
    SEQ(const char *) names;        /* its own, in full; none: it has none */
    bool is_of_store;
};

/* word: as the user says it; FOLDER:TAG is one of several in a layout. Ends the process with 2 when there is none. */
struct sent sent_find(const struct opts *opts, const char *word);

#endif
