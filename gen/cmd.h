/* Commands of dfgen: each takes its own command line (argv[0] is the command) and returns the exit code. */
#ifndef DFGEN_CMD_H
#define DFGEN_CMD_H

#include <stdbool.h>

struct arena;
struct opts;

/* dfgen [OPTIONS] [CONTEXT] */
int cmd_generate(int argc, char **argv);

/* dfgen --regenerate OPTIONSFILE: build.ninja's own edge; runs in the build folder. */
int cmd_regenerate(const char *options_file);

/* What a build file was made for; strings are malloc'd. */
struct generated {
    const char **targets;       /* NULL at the end */
    char *build_file, *generator;
    char *stamp;                /* relative to the build folder, which is then the working directory; NULL: none */
    char *output;               /* the same: what --output says goes to standard output; NULL: nothing */
};

/* The same as cmd_generate for dfgen build, whose words are targets. */
int cmd_generate_for(int argc, char **argv, struct generated *made);

/* dfgen build [OPTIONS] [TARGET...] */
int cmd_build(int argc, char **argv);

/* dfgen check [OPTIONS] [CONTEXT]: 1 when a check fired, 2 when the Dockerfile is wrong. */
int cmd_check(int argc, char **argv);
/* dfgen check --reproducible [OPTIONS] [CONTEXT]: 1 when two builds differ. */
int cmd_reproduce(struct opts *opts);
/* The same for options that were read already (--check). */
int cmd_check_file(struct opts *opts);


/* Run a helper on a step file; ends the process when it fails. */
void cmd_run_helper(const char *helpers, const char *name, const char *step);
/*
 * Bring a main context that is no folder into the store. True: the Dockerfile came from there, into kept_file, which
 * opts->file is then.
 */
bool cmd_get_context(const struct opts *root, struct opts *opts, bool is_regenerated, const char *kept_file);

/* dfgen.lock of the folder that the command line was given in; and, read with it, the source policy. For all images of dfgen.ini. */
const char *cmd_lock_path(const struct opts *opts);
void cmd_read_lock(struct opts *opts);

/* dfgen lock [OPTIONS] [CONTEXT] [--update [NAME...]] */
int cmd_lock(int argc, char **argv);

/* dfgen shell [OPTIONS] [STEP [COMMAND...]]: the helper's exit code is the command's own. */
int cmd_shell(int argc, char **argv);
/* dfgen run [OPTIONS] IMAGE [WORD...]: the same. */
int cmd_run(int argc, char **argv);

/* dfgen graph [--format=text|dot|json] [OPTIONS] [CONTEXT]: the graph that build.ninja would have, on standard output */
int cmd_graph(int argc, char **argv);

/* dfgen vendor FOLDER [OPTIONS] [CONTEXT] */
int cmd_vendor(int argc, char **argv);

/* The helper that fetches, for what has a whole checksum or gets one: the checksum (the arena's). */
struct add_source;
const char *cmd_fetch(struct arena *arena, const char *helpers, const struct add_source *remote, const char *name);

/* dfgen gc [--keep-days N] [--keep-size SIZE] [-n] [--store FOLDER] */
int cmd_gc(int argc, char **argv);

/* dfgen probe */
int cmd_probe(int argc, char **argv);

/* dfgen inspect [OPTIONS] IMAGE..., dfgen images [OPTIONS] */
int cmd_inspect(int argc, char **argv);
int cmd_images(int argc, char **argv);

/* dfgen load [--store FOLDER] [--tag NAME] FILE... */
int cmd_load(int argc, char **argv);

/* dfgen pull [OPTIONS] REF..., dfgen push [OPTIONS] IMAGE [REF] */
int cmd_pull(int argc, char **argv);
int cmd_push(int argc, char **argv);

/* dfgen save [OPTIONS] IMAGE... [-o FILE] */
int cmd_save(int argc, char **argv);

#endif
