/*
 * Owns the bytes of a file that has lines, and where each line begins. Called by main for the Dockerfile and by the
 * parser for ONBUILD triggers. Must not know what the lines mean.
 */
#include "gen/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/buf.h"
#include "runtime/lib/fdio.h"

static int read_whole(const char *path, struct buf *out)
{
    autoclose int opened = -1;
    int fd = STDIN_FILENO;
    if (strcmp(path, "-")) {
        /* A fifo is allowed: -f <(generate). */
        fd = opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
            return -1;
    }
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -1;
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    return fd_read_all(fd, out, SOURCE_LIMIT);
}

int source_read(struct source *source, struct arena *arena, const char *path, const char *name)
{
    struct buf text = {0};
    int result = read_whole(path, &text);
    int why = errno;
    if (result >= 0)
        source_from_text(source, arena, arena_span(arena, (struct span){buf_text(&text), text.len}), name);
    buf_free(&text);
    errno = why;
    return result < 0 ? -1 : 0;
}

int source_read_file(struct source *source, struct arena *arena, const char *path)
{
    struct buf text = {0};
    int result = file_read_at(AT_FDCWD, path, &text, SOURCE_LIMIT);
    int why = errno;
    if (result >= 0)
        source_from_text(source, arena, arena_span(arena, (struct span){buf_text(&text), text.len}), path);
    buf_free(&text);
    errno = why;
    return result < 0 ? -1 : 0;
}

static size_t count_lines(struct span text)
{
    size_t count = 0;
    for (const char *at = text.text, *end = at + text.len; at < end; count++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    return count;
}

void source_from_text(struct source *source, struct arena *arena, struct span text, const char *name)
{
    if (span_starts(text, "\xef\xbb\xbf"))
        text = span_skip(text, 3);
    *source = (struct source){.name = arena_strdup(arena, name), .text = text, .line_count = count_lines(text)};
    source->lines = arena_array(arena, source->line_count ? source->line_count : 1, sizeof *source->lines);
    size_t at = 0;
    for (size_t i = 0; i < source->line_count; i++) {
        source->lines[i] = at;
        const char *newline = memchr(text.text + at, '\n', text.len - at);
        at = newline ? (size_t)(newline - text.text) + 1 : text.len;
    }
}

struct span source_line(const struct source *source, int line)
{
    if (line < 1 || (size_t)line > source->line_count)
        return (struct span){"", 0};
    size_t begin = source->lines[line - 1];
    size_t end = (size_t)line < source->line_count ? source->lines[line] : source->text.len;
    while (end > begin && (source->text.text[end - 1] == '\n' || source->text.text[end - 1] == '\r'))
        end--;
    return (struct span){source->text.text + begin, end - begin};
}
