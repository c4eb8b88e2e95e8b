/*
 * Owns dfgen shell and dfgen run: from what a person calls a step or an image to the helper that runs a command on it. Must not know
 * how that is done.
 */
#include "gen/cmd.h"

#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/programs.h"
#include "gen/steps.h"
#include "runtime/lib/arena.h"
#include "runtime/lib/child.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/vec.h"

typedef VEC(const char *) words;

static const char shell_help[] =
    "usage: dfgen shell [OPTION...] [STEP [COMMAND [WORD...]]]\n\n"
    "A shell, or COMMAND, in the sandbox of a step: on the files that it began with or, of a RUN that failed, on those\n"
    "that it left. STEP is STAGE/N, \"STAGE N/M\" or FILE:LINE, as messages have it; without it, the RUN that failed\n"
    "last. What is changed is thrown away.\n\n"
    "  -C, --directory DIR   the build folder [.]\n"
    "  -e, --env NAME=VALUE  a variable\n"
    "  -u, --user USER       another user\n"
    "  -w, --workdir DIR     another working directory\n"
    "      --network MODE    none, host or default";

static const char run_help[] =
    "usage: dfgen run [OPTION...] IMAGE [WORD...]\n\n"
    "Run a built image in the sandbox: its entrypoint and command, or its entrypoint and WORDs. IMAGE is a stage that was\n"
    "built, a layout or archive, or the name of an image. What is changed is thrown away.\n\n"
    "  -C, --directory DIR   the build folder [.]\n"
    "  -e, --env NAME=VALUE  a variable\n"
    "  -u, --user USER       another user\n"
    "  -w, --workdir DIR     another working directory\n"
    "      --entrypoint FILE another entrypoint\n"
    "      --network MODE    none, host or default";

/* Options go on to the helper, but for the build folder. */
static char **parse(int argc, char **argv, const char *help, struct arena *arena, words *helper, const char **folder)
{
    static const struct option options[] = {
        {"directory", required_argument, NULL, 'C'}, {"env", required_argument, NULL, 'e'},
        {"user", required_argument, NULL, 'u'},      {"workdir", required_argument, NULL, 'w'},
        {"network", required_argument, NULL, 'n'},   {"entrypoint", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},            {0},
    };
    int option, which;
    optind = 0;
    while (which = -1, (option = getopt_long(argc, argv, "+C:e:u:w:h", options, &which)) != -1) {
        for (int i = 0; options[i].name && which < 0; i++)
            if (options[i].val == option)
                which = i;
        if (option == 'h') {
            puts(help);
            exit(EXIT_DONE);
        }
        if (which < 0 || (option == 'p' && help == shell_help))
            exit(EXIT_USAGE);
        if (option == 'C')
            *folder = optarg;
        else
            vec_push(helper, arena_printf(arena, "--%s=%s", options[which].name, optarg));
    }
    return argv + optind;
}

static void enter(const char *folder)
{
    if (folder && chdir(folder) < 0)
        die_usage("cannot enter the build folder %s:", folder);
}

/* Does not return: the helper takes this process over. */
_Noreturn static void start(const words *helper)
{
    execv(helper->items[0], (char **)(uintptr_t)helper->items);
    die("cannot start %s:", helper->items[0]);
}

static void add_all(words *helper, char **more)
{
    for (; *more; more++)
        vec_push(helper, *more);
    vec_push(helper, NULL);
}

static void begin(words *helper, struct arena *arena)
{
    struct programs programs = programs_find(arena);
    vec_push(helper, arena_printf(arena, "%s/dfgen-shell", programs.helpers));
}

int cmd_shell(int argc, char **argv)
{
    struct arena arena = {0};
    words helper = {0};
    const char *folder = NULL;
    begin(&helper, &arena);
    char **rest = parse(argc, argv, shell_help, &arena, &helper, &folder);
    enter(folder);
    vec_push(&helper, steps_find(&arena, *rest));
    add_all(&helper, *rest ? rest + 1 : rest);
    start(&helper);
}

/* --- images from elsewhere: the edges of a small build bring their layers --- */

/* What it says of its progress is not what the image says. */
static int start_aside(const void *data)
{
    const char *const *command = data;
    dup2(STDERR_FILENO, STDOUT_FILENO);
    child_exec(command);
    die("cannot run %s:", command[0]);
}

static int run_program(const char *const *command)
{
    int code = child_run(start_aside, command);
    if (code < 0)
        die("cannot start %s:", command[0]);
    return code;
}

/* As --build-context has it. */
static const char *source_of(struct arena *arena, const char *image)
{
    static const char *const forms[] = {"oci-layout:", "oci-archive:", "docker-archive:", "docker-image:"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strncmp(image, forms[i], strlen(forms[i])))
            return image;
    struct stat st;
    if (stat(image, &st) < 0)
        return arena_printf(arena, "docker-image://%s", image);
    return arena_printf(arena, "%s%s", S_ISDIR(st.st_mode) ? "oci-layout:" : "oci-archive:", image);
}

/* The layers of the image, in the store; the folder then holds the step file of its root. Returns 0 or the exit code of what failed. */
static int fetch_image(struct arena *arena, const char *folder, const char *image)
{
    static const char text[] = "FROM image-to-run AS image\n";
    const char *file = arena_printf(arena, "%s/Dockerfile", folder);
    const char *context = arena_printf(arena, "image-to-run=%s", source_of(arena, image));
    const char *generate[] = {programs_find(arena).dfgen, "-q", "-C", folder, "--build-context", context, folder, NULL};
    words ninja = {0};
    glob_t stamps;
    if (file_write_at(AT_FDCWD, file, text, sizeof text - 1, 0644) < 0)
        die("cannot write %s:", file);
    int status = run_program(generate);
    if (status)
        return status;
    vec_push(&ninja, "ninja");
    vec_push(&ninja, "--quiet");
    vec_push(&ninja, "-C");
    vec_push(&ninja, folder);
    bool any = glob(arena_printf(arena, "%s/.dfgen/bases/*[0-9a-f].json", folder), 0, NULL, &stamps) == 0;
    for (size_t i = 0; any && i < stamps.gl_pathc; i++) {
        const char *name = strrchr(stamps.gl_pathv[i], '/') + 1;
        vec_push(&ninja, arena_printf(arena, ".dfgen/bases/%.*s.stamp", (int)strcspn(name, "."), name));
    }
    vec_push(&ninja, NULL);
    if (any)
        globfree(&stamps);
    status = ninja.count > 5 ? run_program(ninja.items) : 0;
    vec_free(&ninja);
    return status;
}

struct visit {
    const char *folder;
    const words *helper;
};

static int start_there(const void *data)
{
    const struct visit *visit = data;
    enter(visit->folder);
    start(visit->helper);
}

static int run_elsewhere(struct arena *arena, words *helper, const char *image, char **more)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/dfgen-run.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        die("cannot make a folder in %s:", tmp && *tmp ? tmp : "/tmp");
    int status = fetch_image(arena, folder, image);
    if (!status) {
        vec_push(helper, ".dfgen/image/exports.json/local");
        add_all(helper, more);
        status = child_run(start_there, &(struct visit){folder, helper});
        if (status < 0)
            status = EXIT_BUILD;
    }
    tree_remove_at(AT_FDCWD, folder);
    return status;
}

int cmd_run(int argc, char **argv)
{
    struct arena arena = {0};
    words helper = {0};
    const char *folder = NULL;
    begin(&helper, &arena);
    vec_push(&helper, "--image");
    char **rest = parse(argc, argv, run_help, &arena, &helper, &folder);
    if (!*rest)
        die_usage("run: which image? dfgen run IMAGE");
    enter(folder);
    const char *step = steps_find_image(&arena, *rest);
    if (!step) {
        int status = run_elsewhere(&arena, &helper, *rest, rest + 1);
        vec_free(&helper);
        arena_free(&arena);
        return status;
    }
    vec_push(&helper, step);
    add_all(&helper, rest + 1);
    start(&helper);
}
