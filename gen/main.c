/*
 * Owns the choice of a command. Must not know what commands do.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gen/cmd.h"
#include "gen/completion.h"
#include "runtime/lib/die.h"

/* run NULL: planned, and said to be so. */
static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"build", cmd_build}, {"load", cmd_load}, {"check", cmd_check}, {"lock", cmd_lock}, {"vendor", cmd_vendor}, {"explain", NULL},
    {"graph", cmd_graph}, {"report", NULL},   {"shell", cmd_shell}, {"run", cmd_run},  {"inspect", cmd_inspect}, {"size", NULL},
    {"diff", NULL},       {"images", cmd_images},   {"pull", cmd_pull},  {"push", cmd_push}, {"save", cmd_save},   {"gc", cmd_gc},
    {"probe", cmd_probe}, {"import", NULL},   {"export", NULL},
};

/* For make install. */
static int complete(const char *shell)
{
    const char *names[sizeof commands / sizeof *commands + 1];
    size_t count = 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].run)
            names[count++] = commands[i].name;
    names[count] = NULL;
    return completion_print(shell, names);
}

/*
 * Large texts go back to the system when they are freed. glibc otherwise puts them all into its heap from the first that was
 * freed on, in the holes of which the next larger one finds no room.
 */
static void return_large_pieces(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

int main(int argc, char **argv)
{
    return_large_pieces();
    if (argc == 3 && !strcmp(argv[1], "--regenerate"))
        return cmd_regenerate(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "--completion"))
        return complete(argv[2]);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name))
            continue;
        if (!commands[i].run)
            die_usage("the command %s is not supported yet (a context folder of that name is ./%s)", argv[1], argv[1]);
        return commands[i].run(argc - 1, argv + 1);
    }
    return cmd_generate(argc, argv);
}
