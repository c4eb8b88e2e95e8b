/* A helper that no edge runs but dfgen itself: what it is to do comes on standard input, a JSON object (gen/tell.h is the other side). */
#ifndef DFGEN_REQUEST_H
#define DFGEN_REQUEST_H

#include <stddef.h>

struct json_t;

struct request_form {
    const char *name;   /* becomes program_name */
    const char *help;
    size_t limit;       /* bytes of the request at most */
};

/*
 * First thing in main. --version, --help and any other word end the process, the latter two with the help. NULL: there is no JSON; *error
 * (malloc'd) says what is wrong.
 */
struct json_t *request_read(int argc, char **argv, const struct request_form *form, char **error);

#endif
