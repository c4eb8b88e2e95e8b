/* Commands of dfgen: each takes its own command line (argv[0] is the command) and returns the exit code. */
#ifndef DFGEN_CMD_H
#define DFGEN_CMD_H

/* dfgen [OPTIONS] [CONTEXT] */
int cmd_generate(int argc, char **argv);

/* dfgen --regenerate OPTIONSFILE: build.ninja's own edge; runs in the build folder. */
int cmd_regenerate(const char *options_file);

/* dfgen build [OPTIONS] [TARGET...] */
int cmd_build(int argc, char **argv);

/* dfgen load [--store FOLDER] [--tag NAME] FILE... */
int cmd_load(int argc, char **argv);

#endif
