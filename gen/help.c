/*
 * Owns the text of --help: commands, and options as their table has them. Called by opts_table. Must not know what any of them does.
 */
#include "gen/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "gen/opts_table.h"
#include "runtime/lib/die.h"

enum { COMMAND_WIDTH = 40, OPTION_WIDTH = 30 };

static const struct {
    const char *words, *help;
} commands[] = {
    {"dfgen [OPTIONS] [CONTEXT]", "write build.ninja for CONTEXT (default: .)"},
    {"dfgen build [OPTIONS] [TARGET...]", "write it, then run ninja"},
    {"dfgen check [OPTIONS] [CONTEXT]", "only say which build checks fire"},
    {"dfgen check --reproducible [OPTIONS] [CONTEXT]", "build twice and say what differs"},
    {"dfgen lock [OPTIONS] [--source-policy-out FILE] [CONTEXT] [--update [NAME...]]",
     "pin in dfgen.lock what comes from elsewhere"},
    {"dfgen shell [OPTIONS] [STEP [COMMAND]]", "a shell on a step's files, or on what a failed RUN left"},
    {"dfgen run [OPTIONS] IMAGE [WORD...]", "run a built image in the sandbox"},
    {"dfgen graph [--format=FORM] [OPTIONS]", "print the graph: text, dot, json, svg or html"},
    {"dfgen vendor FOLDER [--cache-mounts] [OPTIONS] [CONTEXT]",
     "put all that a locked build takes from elsewhere into a folder"},
    {"dfgen gc [--keep-days N] [--keep-size SIZE]", "remove from the store what is not needed"},
    {"dfgen probe", "say what this machine offers to RUN, and how ids are mapped"},
    {"dfgen load [--store FOLDER] FILE...", "put the images of an archive or layout into the store"},
    {"dfgen images [OPTIONS]", "list the images in the store"},
    {"dfgen inspect [OPTIONS] IMAGE...", "config and layers: of a stage, a file, a layout, an image by name"},
    {"dfgen pull [OPTIONS] REF...", "put images of registries into the store, layers and all"},
    {"dfgen push [OPTIONS] IMAGE [REF]", "send a built image, a layout or an image of the store to a registry"},
    {"dfgen save [OPTIONS] IMAGE... [-o FILE]", "write such images into one archive, for docker load and podman load"},
};

static void print_commands(void)
{
    const char *before = "usage:";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strlen(commands[i].words) <= COMMAND_WIDTH)
            printf("%-6s %-*s %s\n", before, COMMAND_WIDTH, commands[i].words, commands[i].help);
        else
            printf("%-6s %s\n%*s%s\n", before, commands[i].words, COMMAND_WIDTH + 8, "", commands[i].help);
        before = "";
    }
    puts("\nThen `ninja STAGE` builds a stage; docker/STAGE, tar/STAGE, rootfs/STAGE, bundle/STAGE, squashfs/STAGE\n"
         "write it out, push/STAGE sends it to the registries of its names, load/STAGE to docker or podman.\n");
}

static void print_option(const struct option *option)
{
    bool is_optional = option->takes == TAKES_OPTIONAL;
    char letter[] = {option->letter ? '-' : ' ', option->letter ? option->letter : ' ', 0};
    const char *comma = option->letter && option->name ? ", " : "  ";
    const char *before = !option->metavar ? "" : is_optional ? "[=" : option->name ? "=" : " ";
    char *left = xasprintf("%s%s%s%s%s%s%s", letter, comma, option->name ? "--" : "", option->name ? option->name : "", before,
                           option->metavar ? option->metavar : "", is_optional ? "]" : "");
    if (strlen(left) > OPTION_WIDTH)
        printf("  %s\n%*s%s\n", left, OPTION_WIDTH + 4, "", option->help);
    else
        printf("  %-*s  %s\n", OPTION_WIDTH, left, option->help);
    free(left);
}

void help_print(void)
{
    print_commands();
    const struct option *option;
    for (size_t i = 0; (option = option_at(i)); i = option_number(option) + 1)
        print_option(option);
    puts("\nExit codes: 0 done, 1 the build failed, 2 wrong usage or input. Manual: dfgen(1).");
}
