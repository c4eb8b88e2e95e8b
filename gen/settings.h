/* The files of the build folder that no result depends on: .gitignore, settings.json, options.json. */
#ifndef DFGEN_SETTINGS_H
#define DFGEN_SETTINGS_H

#include <stdbool.h>

struct arena;
struct opts;
struct outbox;

/* Write .dfgen/.gitignore, .dfgen/settings.json and .dfgen/options.json, each only when it changed. -1 with errno; *failed is the path. */
int settings_write(const struct opts *opts, const char **failed);

/* The settings.json of each image of dfgen.ini, which has secrets of its own. */
void settings_add(const struct opts *opts, struct outbox *files);

/* Warn of secrets and sockets that are not there: docker build says so at the start, and a RUN may come late. */
void settings_warn(const struct opts *opts);

/* The options that build.ninja was made with. */
struct saved_options {
    int argc;
    char **argv;            /* argv[0] is "dfgen" */
    const char *start_dir;  /* relative to the build folder */
    const char *build_dir;  /* absolute: where the build folder is now */
    const char *nonce;      /* so that making build.ninja again asks for no other run of the same steps; NULL: none */
};

/* Read options.json and put what it took from the environment back there. Ends the process with exit 2 when it is damaged. */
struct saved_options settings_read_options(struct arena *arena, const char *path);

#endif
