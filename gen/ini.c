/*
 * Owns reading dfgen.ini. Called by opts before the command line is applied. Knows no section: opts has the table.
 */
#include "gen/ini.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/opts.h"
#include "gen/opts_images.h"
#include "runtime/lib/die.h"

struct reading {
    struct opts *opts;
    const char *folder;
    char *error;    /* of the first bad line */
};

/* inih: 0 is an error. */
static int on_value(void *data, const char *section, const char *name, const char *value)
{
    struct reading *reading = data;
    if (reading->error)
        return 0;
    const char *error = opts_set_ini(reading->opts, reading->folder, section, name, value ? value : "");
    if (!error)
        return 1;
    reading->error = xstrdup(error);
    return 0;
}

/*
 * Headers of [image "NAME"] sections, in order: inih says nothing of a section without keys, nor where one begins again, and cuts long
 * names off.
 */
static void note_images(struct opts *opts, const char *path, FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    for (int number = 1; (len = getline(&line, &size, file)) > 0; number++) {
        char *start = line + strspn(line, " \t");
        char *end = *start == '[' ? strchr(start, ']') : NULL;
        if (!end)
            continue;
        *end = 0;
        const char *error = opts_images_note(opts, start + 1, number);
        if (error)
            die_usage("%s:%d: %s", path, number, error);
    }
    free(line);
    rewind(file);
}

bool ini_read(struct opts *opts, const char *path, const char *folder)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        if (errno == ENOENT)
            return false;
        die_usage("cannot read %s:", path);
    }
    note_images(opts, path, file);
    struct reading reading = {.opts = opts, .folder = folder};
    int line = ini_parse_file(file, on_value, &reading);
    /* inih takes a read error, of a folder say, for the end. */
    if (ferror(file))
        die_usage("cannot read %s:", path);
    fclose(file);
    if (line < 0)
        die_usage("cannot read %s", path);
    if (line > 0)
        die_usage("%s:%d: %s", path, line, reading.error ? reading.error : "not a section, a key = value, or a comment");
    free(reading.error);
    return true;
}
