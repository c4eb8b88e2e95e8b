/*
 * Cache mounts of a build, and taking their content from the store to a folder and back. Include gen/diag.h, gen/ast.h,
 * gen/platform.h, gen/config.h and gen/stage.h before.
 */
#ifndef DFGEN_CACHEMOUNTS_H
#define DFGEN_CACHEMOUNTS_H

struct arena;
struct opts;
struct stages;

struct cachemounts {
    struct arena *arena;
    SEQ(const char *) ids;      /* each once */
};

/*
 * Those that needed stages mount. One that begins with the content of an image or stage (from=) is none: it comes from
 * there. data: struct cachemounts
 */
void cachemounts_collect(void *data, struct opts *opts, const struct stages *stages);

/* verb: "export" or "import"; folder: what dfgen vendor made. Ends the process when the helper fails. */
void cachemounts_move(const struct cachemounts *mounts, const struct opts *opts, const char *verb, const char *folder);

#endif
