/*
 * An image's configuration as instructions change it, and its history (reference/dockerfile.md §10, §12). Read from a
 * base image's JSON, written as the JSON of the new one. Spans are the arena's or the source's. Include gen/platform.h
 * first.
 */
#ifndef DFGEN_CONFIG_H
#define DFGEN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gen/names.h"
#include "gen/seq.h"

struct arena;
struct buf;
struct json_t;

struct label {
    struct span name, value;
};

struct health {
    span_seq test;
    int64_t interval, timeout, start_period, start_interval; /* nanoseconds, 0: default */
    int retries;
};

struct history_entry {
    struct span created_by;
    const char *comment;
    bool is_layer;
};

struct config {
    struct config *parent;              /* of the base stage: its history comes first; NULL: none */
    const struct json_t *image;         /* of the base image; NULL: none */
    struct platform platform;
    struct span author;
    span_seq env;                       /* "K=V" */
    struct span user, workdir, stop_signal;
    span_seq cmd, entrypoint, shell, on_build;
    SEQ(struct label) labels;
    span_seq ports, volumes;            /* sets */
    const struct health *health;        /* NULL: none */
    SEQ(struct history_entry) history;  /* of this stage */
    struct span history_text;           /* the same as config_write has it, once it was called */
    bool has_heirs;                     /* stages that are built on this one */
    struct name_index env_names, label_names, port_names, volume_names;
    bool args_escaped;
};

/* Of FROM scratch. */
void config_init(struct config *config, struct arena *arena, const struct platform *platform);
/* Of FROM an image: its config JSON. What is missing or of another type counts as empty. */
void config_from_image(struct config *config, struct arena *arena, const struct json_t *image);
/* Of FROM a stage: everything but the triggers. */
void config_inherit(struct config *config, struct arena *arena, struct config *parent);

void config_set_env(struct config *config, struct arena *arena, struct span name, struct span value);
void config_set_label(struct config *config, struct arena *arena, struct span name, struct span value);
void config_add_port(struct config *config, struct arena *arena, struct span port);
void config_add_volume(struct config *config, struct arena *arena, struct span path);
/* The text stays the caller's: the arena's, or the source's. */
void config_add_history(struct config *config, struct arena *arena, struct span created_by, bool is_layer);

/* A working directory on top of another (§10.3): absolute as written, relative joined and cleaned, empty unchanged. */
struct span config_join_workdir(struct arena *arena, struct span current, struct span path);

/* When the image was made, for config_write. */
struct config_times {
    int64_t epoch;          /* seconds: of new history entries */
    bool is_given;          /* by the user: then "created" too, even when nothing is new */
};

/* How many layers the history knows. */
size_t config_layer_count(const struct config *config);

/* An image's layers. fill: descriptions, lowest first, of which those are looked at that the history does not know. */
struct config_layers {
    const struct span *fill;
    size_t count;
};

/* The config file, less rootfs.diff_ids. Layers that the history does not know get entries of theirs, at its end. */
void config_write(struct config *config, struct arena *arena, const struct config_times *times,
                  const struct config_layers *layers, struct buf *out);

#endif
