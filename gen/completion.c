/*
 * Owns completions for shells: words of the tables in three syntaxes. Called by main for make install. Must not know
 * any option.
 */
#include "gen/opts.h"

#include "gen/completion.h"

#include <stdio.h>
#include <string.h>

#include "gen/opts_table.h"
#include "runtime/lib/die.h"

/* Between single quotes in all three; colons and brackets part a zsh specification. */
static void put_help(const char *text, bool for_zsh)
{
    for (; *text; text++) {
        if (*text == '\'')
            continue;
        if (for_zsh && strchr("[]:\\", *text))
            putchar('\\');
        putchar(*text);
    }
}

static void put_commands(const char *const *commands)
{
    for (size_t i = 0; commands[i]; i++)
        printf("%s%s", i ? " " : "", commands[i]);
}

static void put_bash(const char *const *commands)
{
    printf("# bash completion for dfgen\n_dfgen() {\n    local word=${COMP_WORDS[COMP_CWORD]#=}\n    local options='");
    const struct option *option;
    for (size_t i = 0; (option = option_at(i)); i = option_number(option) + 1) {
        if (option->name)
            printf("--%s%s ", option->name, option->takes == TAKES_VALUE ? "=" : "");
        if (option->letter)
            printf("-%c ", option->letter);
    }
    printf("'\n    local commands='");
    put_commands(commands);
    printf("'\n    case $word in\n"
           "    --*=*) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"${word#*=}\") ;;\n"
           "    -*) compopt -o nospace; mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\") ;;\n"
           "    *) [ \"$COMP_CWORD\" = 1 ] || commands=\n"
           "       compopt -o filenames; mapfile -t COMPREPLY < <(compgen -W \"$commands\" -f -- \"$word\") ;;\n"
           "    esac\n}\ncomplete -F _dfgen dfgen\n");
}

static void put_zsh(const char *const *commands)
{
    printf("#compdef dfgen\n_arguments \\\n");
    const struct option *option;
    for (size_t i = 0; (option = option_at(i)); i = option_number(option) + 1) {
        const char *value = option->takes == TAKES_VALUE ? ":value:_files" : "";
        if (option->name) {
            printf("    '*--%s%s[", option->name, *value ? "=" : "");
            put_help(option->help, true);
            printf("]%s' \\\n", value);
        }
        if (option->letter) {
            printf("    '*-%c%s[", option->letter, *value ? "+" : "");
            put_help(option->help, true);
            printf("]%s' \\\n", value);
        }
    }
    printf("    '1:command or context:{_values command ");
    put_commands(commands);
    printf("; _files -/}' '*:file:_files'\n");
}

static void put_fish(const char *const *commands)
{
    printf("# fish completion for dfgen\ncomplete -c dfgen -n __fish_use_subcommand -a '");
    put_commands(commands);
    printf("'\n");
    const struct option *option;
    for (size_t i = 0; (option = option_at(i)); i = option_number(option) + 1) {
        printf("complete -c dfgen");
        if (option->name)
            printf(" -l %s", option->name);
        if (option->letter)
            printf(" -s %c", option->letter);
        printf("%s -d '", option->takes == TAKES_VALUE ? " -r" : "");
        put_help(option->help, false);
        printf("'\n");
    }
}

int completion_print(const char *shell, const char *const *commands)
{
    static const struct {
        const char *name;
        void (*put)(const char *const *commands);
    } shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].name, shell))
            continue;
        shells[i].put(commands);
        return EXIT_DONE;
    }
    die_usage("--completion: shells are bash, zsh and fish");
}
