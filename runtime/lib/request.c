/*
 * Owns the beginning of helpers that dfgen tells what to do. Called by their mains. Must not know any request.
 */
#include "runtime/lib/request.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/die.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/json.h"

json_t *request_read(int argc, char **argv, const struct request_form *form, char **error)
{
    struct buf text = {0};
    program_name = form->name;
    if (argc == 2 && !strcmp(argv[1], "--version")) {
        printf("%s %s\n", form->name, DFGEN_VERSION);
        exit(EXIT_DONE);
    }
    if (argc > 1) {
        puts(form->help);
        exit(strcmp(argv[1], "--help") ? EXIT_USAGE : EXIT_DONE);
    }
    *error = NULL;
    json_t *request = NULL;
    if (fd_read_all(STDIN_FILENO, &text, form->limit) < 0)
        *error = xstrdup(strerror(errno));
    else
        request = json_parse((struct span){buf_text(&text), text.len}, error);
    buf_free(&text);
    return request;
}
