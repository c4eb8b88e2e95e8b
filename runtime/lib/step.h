/*
 * The contract between gen and the helpers: the files of an edge, and what they hold. docs/architecture.md has every member.
 *
 * A step of a stage is a few files in .dfgen/STAGE/ with one beginning:
 *     N.json    the step file, canonical JSON: all that determines the result but the content of inputs. It is part of the key, less its member "in":
 *               where the inputs lie, an array of lines "ROLE PATH [MORE]", never what they are.
 *     N.list    context files that the step may read (context.h)
 *     N.stamp   the result: layer ids of the root file system, lowest first, one a line
 *     N.log     output of a RUN, whole
 * and files that its edge has as order-only inputs, since they do not change a result:
 *     .dfgen/places.json          where each step stands in its Dockerfile, for messages (step_places.c)
 *     .dfgen/settings.json        store, secrets, sockets, proxies
 * exports.json holds several steps, each a member of its object: exports.json/docker is the argument for one.
 * A layer edge has no step file: its argument is its output N.layer, its stamp is N.stamp, and .dfgen/layer.json says how all layers are packed.
 * Paths in "in" are relative to the folder that ninja runs in, bytes escaped as in list.h with space as \040 too.
 */
#ifndef DFGEN_STEP_H
#define DFGEN_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/lib/store.h"

struct json_t;
struct arena;
struct digest;

/* Raised by every change that alters keys or digests. Part of every key. */
enum { STEP_FORMAT = 2 };

enum input_role {
    INPUT_ROOT,     /* STAMP: layers that the step starts from; several such lines are put on top of each other in order */
    INPUT_STAGE,    /* STAMP [STAMP...]: another root (COPY --from, RUN --mount=from) */
    /*
     * FOLDER LIST [FILE]: a folder of files and the list of those that count. FILE gets a new time when a '?' of the list comes to more than
     * a file: then the graph has to be made again, since it does not know what else there is.
     */
    INPUT_CONTEXT,
    INPUT_FETCH,    /* STAMP: what an ADD of a URL or git ref brought, as a layer of its own */
    INPUT_BLOB,     /* FILE [OFFSET SIZE]: a blob's bytes; none such line: the blob is in the store */
    INPUT_REGISTRY, /* REPOSITORY: where the blob can be had when the store has it not (base) */
    INPUT_LAYER,    /* DESCRIPTOR: JSON of a packed layer (image) */
    INPUT_CONFIG,   /* FILE: image config (image) */
    INPUT_IMAGE,    /* INDEXJSON: the index.json of an image layout (export) */
    INPUT_OUT,      /* FILE: the output of the edge (stamp, descriptor, index.json); just one */
};

struct step_input {
    enum input_role role;
    const char **paths; /* the words after the role */
    size_t count;
};

struct step {
    const char *file;       /* path of the step file; of one that holds several, with "/MEMBER" behind it */
    const char *base;       /* the same without ".json" and what follows */
    const char *member;     /* MEMBER; NULL: it holds one step */
    struct json_t *json;    /* of N.json, less "in" */
    const char *kind;       /* its "kind" */
    struct step_input *inputs;
    size_t input_count;
    const char *out;        /* the path of INPUT_OUT */
    struct json_t *settings;
    struct store store;     /* opened as the settings say */
    struct arena *arena;    /* all of the above */
    /* For messages, from places.json; never NULL. */
    const char *label;      /* "production 3/7" */
    const char *where;      /* "Dockerfile:12" */
    const char *text;       /* "RUN npm ci", control bytes visible */
};

/*
 * Load a step and all that belongs to it, raise the limit of open files (a tree has one a layer), and open the store. Ends the process with a message when something is wrong:
 * exit 2 for a bad step file. mode: how this process maps ids.
 */
void step_load(struct step *step, const char *file, enum id_mode mode);
void step_close(struct step *step);

/* End the process: "Dockerfile:12: RUN npm ci: MESSAGE". A trailing colon appends errno's text. */
_Noreturn void step_die(const struct step *step, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append text with control bytes and what is no UTF-8 as \xHH. newline: what a newline becomes. */
struct buf;
struct span;
void step_add_visible(struct buf *out, struct span text, const char *newline);

/* The n-th input with that role, NULL when there are fewer. */
const struct step_input *step_input(const struct step *step, enum input_role role, size_t n);

/* --- stamps --- */

struct stamp {
    const char **ids;   /* lowest first */
    size_t count;
};

/*
 * A stamp without ids is a single newline: an empty file is what a power failure leaves. A stamp that is malformed is removed, so that the next
 * ninja makes it again.
 */

/* Read the stamps of one input, one after the other. Ends the process when one is missing or malformed. */
struct stamp step_stamp(const struct step *step, const struct step_input *input);
/* All INPUT_ROOT lines. */
struct stamp step_root(const struct step *step);

/*
 * The tree of a stamp. When a layer is gone from the store: the stamps that name it are removed, so that the next ninja makes it again,
 * and the process ends with a message that says so.
 */
struct tree *step_tree(const struct step *step, const struct stamp *stamp);

/* Write the stamp: root's ids and, unless NULL, one more. Only when it differs from what is there (restat). The last act of a helper. */
void step_write_stamp(const struct step *step, const struct stamp *root, const char *id);
/* The same for any output. */
void step_write_out(const struct step *step, const void *data, size_t len);

/* --- keys --- */

/*
 * Begin a key: format, step file, platform, layer ids of root. The helper adds the digests of other inputs with digest_add_field, then ends
 * it: 64 hex digits for store_action_get.
 */
struct digest_state;
void step_key_begin(const struct step *step, const struct stamp *root, struct digest_state *key);
void step_key_end(struct digest_state *key, char hex[65]);

/* --- common main --- */

/*
 * Check "PROGRAM STEPFILE" (or --help, --version; help says what it does), set program_name, umask 022, SIGPIPE to its default; returns
 * the step file's path.
 */
const char *step_main(int argc, char **argv, const char *program, const char *help);

#endif
