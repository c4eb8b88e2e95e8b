/*
 * Owns dfgen build: the build file made or found, then ninja or make. Must not know what is in a build file.
 */
#include "gen/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/vec.h"

/* By the generator's name; the first is what is looked for when nothing says more. */
static const struct tool {
    const char *generator, *program, *other, *variable, *build_file, *package;
} tools[] = {
    {"ninja", "ninja", "samu", "NINJA", "build.ninja", "ninja-build"},
    {"make", "make", "gmake", NULL, "Makefile", "make"},
};
enum { TOOLS = sizeof tools / sizeof *tools };

/* "-C FOLDER" alone says where, not what: the build file that is there will do. Returns the number of words up to its end. */
static int folder_words(int argc, char **argv, const char **folder)
{
    *folder = ".";
    if (argc < 2 || strncmp(argv[1], "-C", 2))
        return 1;
    const char *value = argv[1][2] ? argv[1] + 2 : argv[2];
    if (!value)
        return 1;
    *folder = value;
    return argv[1][2] ? 2 : 3;
}

static bool has_options(char **words)
{
    for (; *words; words++)
        if ((*words)[0] == '-' && (*words)[1])
            return true;
    return false;
}

/* The build file that dfgen left in a folder; NULL: none. */
static const struct tool *find_tool(const char *folder)
{
    autoclose int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || faccessat(dir, ".dfgen/options.json", F_OK, 0) < 0)
        return NULL;
    for (size_t i = 0; i < TOOLS; i++)
        if (faccessat(dir, tools[i].build_file, F_OK, 0) == 0)
            return &tools[i];
    return NULL;
}

static const struct tool *tool_of(const char *generator)
{
    size_t i = 0;
    while (strcmp(tools[i].generator, generator))
        i++;
    return &tools[i];
}

_Noreturn static void start(const struct tool *tool, const char *build_file, const char *const *targets)
{
    VEC(const char *) words = {0};
    const char *chosen = tool->variable ? getenv(tool->variable) : NULL,
               *program = chosen && *chosen ? chosen : tool->program;
    vec_push(&words, program);
    vec_push(&words, "-f");
    vec_push(&words, build_file);
    for (; *targets; targets++)
        vec_push(&words, *targets);
    vec_push(&words, NULL);
    execvp(program, (char **)(uintptr_t)words.items);
    if (program == tool->program && errno == ENOENT)
        execvp(tool->other, (char **)(uintptr_t)words.items);
    die("cannot run %s: is it installed (Debian: %s)?", program, tool->package);
}

/* The time of the file is what counts. */
static void write_stamp(const char *path)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || futimens(fd, NULL) < 0)
        die("cannot write the stamp %s:", path);
}

/* What the edges made goes where the caller's output goes. */
static void print_output(const char *path)
{
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fd_copy(fd, STDOUT_FILENO, -1) < 0)
        die("cannot write %s to standard output:", path);
}

static int start_made(const void *data)
{
    const struct generated *made = data;
    /* What is said of the build is not the output. */
    if (made->output)
        dup2(STDERR_FILENO, STDOUT_FILENO);
    start(tool_of(made->generator), made->build_file, made->targets);
}

static int run(const struct generated *made)
{
    int code = child_run(start_made, made);
    if (code < 0)
        die("cannot start %s:", made->generator);
    if (code)
        return EXIT_BUILD;
    if (made->output)
        print_output(made->output);
    if (made->stamp)
        write_stamp(made->stamp);
    return EXIT_DONE;
}

/* With options it makes the build file anew; without, what is there is used, and makes itself again when it must. */
int cmd_build(int argc, char **argv)
{
    const char *folder;
    int from = folder_words(argc, argv, &folder);
    const struct tool *tool = has_options(argv + from) ? NULL : find_tool(folder);
    if (tool) {
        if (chdir(folder) < 0)
            die_usage("cannot enter the build folder %s:", folder);
        start(tool, tool->build_file, (const char *const *)(argv + from));
    }
    struct generated made = {0};
    int result = cmd_generate_for(argc, argv, &made);
    if (result != EXIT_DONE)
        return result;
    if (made.output && isatty(STDOUT_FILENO))
        die_usage("--output: dest=- is standard output, and an archive is nothing for a terminal: redirect it, or name "
                  "a file");
    if (made.stamp || made.output)
        return run(&made);
    start(tool_of(made.generator), made.build_file, made.targets);
}
