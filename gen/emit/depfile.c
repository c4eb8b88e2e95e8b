/*
 * Owns the syntax of depfiles. Called by the ninja emitter, for build.ninja itself, and for builds that dfgen build is
 * a command of. Must not know who reads it.
 */
#include "gen/emit/depfile.h"

#include <fcntl.h>
#include <string.h>

#include "gen/graph.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"

static void put_name(struct buf *out, const char *name)
{
    for (; *name; name++) {
        if (*name == '$')
            buf_putc(out, '$');
        else if (*name == ' ' || *name == '#' || *name == '\\' || *name == ':')
            buf_putc(out, '\\');
        buf_putc(out, *name);
    }
}

static void put_names(struct buf *out, const graph_paths *paths, const char *prefix)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (strpbrk(paths->items[i], "\r\n"))
            continue;
        buf_puts(out, " \\\n ");
        if (*paths->items[i] != '/')
            put_name(out, prefix);
        put_name(out, paths->items[i]);
    }
}

int depfile_write(const char *path, const char *target, const struct graph *graph, bool with_context,
                  const char *prefix)
{
    struct buf text = {0};
    put_name(&text, target);
    buf_putc(&text, ':');
    put_names(&text, &graph->generator_inputs, prefix);
    for (size_t i = 0; i < graph->edges.count && with_context; i++)
        put_names(&text, &graph->edges.items[i]->context_files, prefix);
    buf_putc(&text, '\n');
    int result = file_write_if_changed_at(AT_FDCWD, path, text.data, text.len, NULL);
    buf_free(&text);
    return result;
}
