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
    SEQ(const char *) names;        /* its own, in full; none: it has none */
    bool is_of_store;
};

/* Ends the process with exit 2 when there is none. */
struct sent sent_find(const struct opts *opts, const char *word);

#endif
