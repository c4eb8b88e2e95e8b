/*
 * Owns the syntax of stanzas. Called by packages, whose table says what keys are called. Must not know which package manager wrote them.
 */
#include "runtime/sbom/stanza.h"

#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/sbom/packages.h"

static struct span take_line(struct span *text)
{
    const char *end = memchr(text->text, '\n', text->len);
    struct span line = {text->text, end ? (size_t)(end - text->text) : text->len};
    size_t used = line.len + (end ? 1 : 0);
    text->text += used;
    text->len -= used;
    if (line.len && line.text[line.len - 1] == '\r')
        line.len--;
    return line;
}

static struct span trim(struct span text)
{
    while (text.len && strchr(" \t", *text.text))
        text.text++, text.len--;
    while (text.len && strchr(" \t", text.text[text.len - 1]))
        text.len--;
    return text;
}

static bool is_installed(struct span status)
{
    static const char word[] = " installed";
    size_t len = strlen(word);
    return status.len > len && !memcmp(status.text + status.len - len, word, len);
}

/* One block, up to its empty line. */
static void read_block(struct packages *packages, const struct stanza_keys *keys, const char *path, struct span *text)
{
    struct package package = {.type = keys->type, .from = path};
    bool is_there = true;
    const struct {
        const char *key;
        const char **value;
    } wanted[] = {{keys->name, &package.name}, {keys->version, &package.version}, {keys->arch, &package.arch},
                  {keys->license, &package.license}, {keys->source, &package.source}};
    while (text->len) {
        struct span line = take_line(text);
        const char *colon = memchr(line.text, ':', line.len);
        if (!line.len)
            break;
        /* A line that goes on begins with a space. */
        if (!colon || strchr(" \t", *line.text))
            continue;
        struct span key = {line.text, (size_t)(colon - line.text)};
        struct span value = trim((struct span){colon + 1, line.len - key.len - 1});
        if (keys->status && span_is_nocase(key, keys->status))
            is_there = is_installed(value);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (wanted[i].key && span_is(key, wanted[i].key) && !*wanted[i].value)
                *wanted[i].value = arena_strndup(packages->arena, value.text, value.len);
    }
    if (package.name && *package.name && is_there)
        packages_add(packages, &package);
}

void stanza_read(struct packages *packages, const struct stanza_keys *keys, const char *path, struct span text)
{
    do
        read_block(packages, keys, path, &text);
    while (text.len && !keys->is_single);
}
