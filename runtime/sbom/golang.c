/*
 * Owns the form of Go's build information (package debug/buildinfo): where a program has it, and its lines. Called by packages.
 * Must not know ELF's.
 */
#include "runtime/sbom/golang.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/lib/arena.h"
#include "runtime/lib/fdio.h"
#include "runtime/lib/span.h"
#include "runtime/sbom/elf.h"
#include "runtime/sbom/packages.h"

enum {
    HEADER = 32, ALIGN = 16, LOOK_BYTES = 64 * 1024, /* Go itself looks no further in a program without sections */
    HAS_TEXT = 2, IS_BIG = 1, SENTINEL = 16, TEXT_MAX = 4 << 20,
};

/* 14 bytes, then the size of a pointer, and flags. */
static const char magic[] = "\xff Go buildinf:";

struct build {
    struct arena *arena;
    struct elf elf;
    unsigned char header[HEADER];
    int64_t offset, end;        /* of the header in the file; of what it is in */
};

/* --- where it is --- */

static bool find_header(struct build *build)
{
    struct elf_part part;
    static _Thread_local unsigned char bytes[LOOK_BYTES];
    if (!elf_find_section(&build->elf, ".go.buildinfo", &part) && !elf_find_data(&build->elf, &part))
        return false;
    size_t len = part.size < LOOK_BYTES ? (size_t)part.size : LOOK_BYTES;
    if (fd_pread_all(build->elf.fd, bytes, len, part.offset) < 0)
        return false;
    for (size_t at = 0; at + HEADER <= len; at += ALIGN) {
        if (memcmp(bytes + at, magic, strlen(magic)))
            continue;
        memcpy(build->header, bytes + at, HEADER);
        build->offset = part.offset + (int64_t)at;
        build->end = part.offset + part.size;
        return true;
    }
    return false;
}

static bool read_text(const struct build *build, int64_t offset, uint64_t size, struct span *text)
{
    if (size > TEXT_MAX)
        return false;
    char *bytes = arena_alloc(build->arena, (size_t)size + 1);
    *text = (struct span){bytes, (size_t)size};
    return fd_pread_all(build->elf.fd, bytes, (size_t)size, offset) == 0;
}

/* A length of 7 bits a byte, the lowest first, and so many bytes. */
static bool read_counted(const struct build *build, int64_t *offset, struct span *text)
{
    uint64_t size = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        unsigned char byte;
        if (*offset >= build->end || fd_pread_all(build->elf.fd, &byte, 1, *offset) < 0)
            return false;
        ++*offset;
        size |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (size > (uint64_t)(build->end - *offset) || !read_text(build, *offset, size, text))
            return false;
        *offset += (int64_t)size;
        return true;
    }
    return false;
}

/* Until Go 1.17: an address, at which are the text's address and length. */
static bool read_pointed(const struct build *build, unsigned n, struct span *text)
{
    size_t size = build->header[14];
    struct elf elf = build->elf;
    struct elf_part part;
    unsigned char pair[16];
    elf.is_big = build->header[15] & IS_BIG;
    if (size != 4 && size != 8)
        return false;
    if (!elf_find_address(&elf, elf_number(&elf, build->header + 16 + n * size, size), &part) ||
        part.size < (int64_t)(2 * size) || fd_pread_all(elf.fd, pair, 2 * size, part.offset) < 0)
        return false;
    uint64_t len = elf_number(&elf, pair + size, size);
    return elf_find_address(&elf, elf_number(&elf, pair, size), &part) && len <= (uint64_t)part.size &&
           read_text(build, part.offset, len, text);
}

static bool read_texts(const struct build *build, struct span *version, struct span *modules)
{
    int64_t at = build->offset + HEADER;
    if (build->header[15] & HAS_TEXT)
        return read_counted(build, &at, version) && read_counted(build, &at, modules);
    return read_pointed(build, 0, version) && read_pointed(build, 1, modules);
}

/* --- what it says --- */

/* The next word of a line, behind a tab. */
static struct span take_word(struct span *line)
{
    const char *tab = memchr(line->text, '\t', line->len);
    struct span word = {line->text, tab ? (size_t)(tab - line->text) : line->len};
    *line = span_skip(*line, tab ? word.len + 1 : word.len);
    return word;
}

static void add(struct packages *packages, const char *path, struct span name, struct span version)
{
    struct package package = {.type = "golang", .from = path};
    package.name = arena_strndup(packages->arena, name.text, name.len);
    /* What was built where it lay has no version. */
    if (!span_is(version, "(devel)"))
        package.version = arena_strndup(packages->arena, version.text, version.len);
    if (*package.name)
        packages_add(packages, &package);
}

/* "mod", "dep" and "=>" (what is taken instead of the line before), each with module, version and sum. */
static void add_modules(struct packages *packages, const char *path, struct span text)
{
    struct span name = span_of(""), version = span_of("");
    while (text.len) {
        const char *end = memchr(text.text, '\n', text.len);
        struct span line = {text.text, end ? (size_t)(end - text.text) : text.len};
        text = span_skip(text, end ? line.len + 1 : line.len);
        struct span kind = take_word(&line);
        bool is_new = span_is(kind, "mod") || span_is(kind, "dep");
        if (!is_new && !span_is(kind, "=>"))
            continue;
        if (is_new)
            add(packages, path, name, version);
        struct span module = take_word(&line);
        /* A folder instead of a module has no name that says anything elsewhere. */
        if (span_starts(module, "./") || span_starts(module, "../") || span_starts(module, "/"))
            continue;
        name = module;
        version = take_word(&line);
    }
    add(packages, path, name, version);
}

void golang_read(struct packages *packages, const char *path, int fd)
{
    static const char prefix[] = "go";
    struct build build = {.arena = packages->arena};
    struct span version, modules;
    if (!elf_open(fd, &build.elf) || !find_header(&build))
        return;
    if (!read_texts(&build, &version, &modules)) {
        packages_note(packages, path, "a Go program, whose build information is damaged");
        return;
    }
    if (span_starts(version, prefix)) {
        struct span number = span_skip(version, strlen(prefix));
        const char *space = memchr(number.text, ' ', number.len);
        number.len = space ? (size_t)(space - number.text) : number.len;
        add(packages, path, span_of("stdlib"), number);
    }
    /* Between marks, by which a program finds it in itself. */
    if (modules.len > 2 * SENTINEL && modules.text[modules.len - SENTINEL - 1] == '\n')
        add_modules(packages, path, (struct span){modules.text + SENTINEL, modules.len - 2 * SENTINEL});
}
