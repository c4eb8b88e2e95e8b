/*
 * Owns the syntax of depfiles. Called by the ninja emitter, for build.ninja itself, and for builds that dfgen build is
 * a command of. Must not know who reads it.
 */
#include "gen/emit/depfile.h"

#include <fcntl.h>
#include <string.h>

#include "gen/emit/here.h"
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

/*
 * Readers differ in what they make of other bytes: CMake writes the names into a Makefile, where ":", "|" and ";" mean
 * something, whatever is put before them; samurai refuses a file with a "%". So what is not plain goes by a link of
 * another name. Not so where only ninja reads, since names of another build's outputs must stay theirs.
 */
static bool can_carry(const char *path, bool is_for_all)
{
    for (const char *at = path; *at; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        bool is_plain = is_letter || strchr("+,-./@_", *at) || (*at == ' ' && at[1]);
        if (is_for_all ? !is_plain : (unsigned char)*at < ' ')
            return false;
    }
    return true;
}

struct depfile {
    struct buf text;
    const struct graph *graph;
    const char *prefix;
    bool is_for_all;
};

static void put_names(struct depfile *file, const graph_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        const char *path = paths->items[i];
        if (!can_carry(path, file->is_for_all))
            path = here_by_link(file->graph->arena, path);
        buf_puts(&file->text, " \\\n ");
        if (*path != '/')
            put_name(&file->text, file->prefix);
        put_name(&file->text, path);
    }
}

int depfile_write(const char *path, const char *target, const struct graph *graph, bool with_context,
                  const char *prefix)
{
    struct depfile file = {.graph = graph, .prefix = prefix, .is_for_all = with_context};
    put_name(&file.text, target);
    buf_putc(&file.text, ':');
    put_names(&file, &graph->generator_inputs);
    for (size_t i = 0; i < graph->edges.count && with_context; i++)
        put_names(&file, &graph->edges.items[i]->context_files);
    buf_putc(&file.text, '\n');
    int result = file_write_if_changed_at(AT_FDCWD, path, file.text.data, file.text.len, NULL);
    buf_free(&file.text);
    return result;
}
