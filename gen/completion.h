/* Completions for shells, out of the tables of options and commands. */
#ifndef DFGEN_COMPLETION_H
#define DFGEN_COMPLETION_H

/* Print them for "bash", "zsh" or "fish". The exit code: 2 for any other. commands: names, NULL at the end. */
int completion_print(const char *shell, const char *const *commands);

#endif
