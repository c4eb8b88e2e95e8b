/*
 * Owns ELF's tables. Called by golang. Must not know what is in a section.
 */
#include "runtime/sbom/elf.h"

#include <elf.h>
#include <string.h>

#include "runtime/lib/fdio.h"

uint64_t elf_number(const struct elf *elf, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | from[elf->is_big ? i : size - 1 - i];
    return value;
}

/* A member of a header in the form that the file has: 32 or 64 bits. */
#define MEMBER_OF(elf, bytes, type, member) elf_number(elf, (bytes) + offsetof(type, member), sizeof(((type *)0)->member))
#define MEMBER(elf, bytes, type, member)                                    \
    ((elf)->is_wide ? MEMBER_OF(elf, bytes, Elf64_##type, member)           \
                    : MEMBER_OF(elf, bytes, Elf32_##type, member))

#define SIZE_OF(elf, type) ((elf)->is_wide ? sizeof(Elf64_##type) : sizeof(Elf32_##type))

static bool is_place(uint64_t offset)
{
    return offset <= INT64_MAX / 2;
}

bool elf_open(int fd, struct elf *elf)
{
    unsigned char bytes[sizeof(Elf64_Ehdr)] = {0};
    *elf = (struct elf){.fd = fd};
    if (fd_pread_all(fd, bytes, sizeof(Elf32_Ehdr), 0) < 0 || memcmp(bytes, ELFMAG, SELFMAG))
        return false;
    elf->is_wide = bytes[EI_CLASS] == ELFCLASS64;
    elf->is_big = bytes[EI_DATA] == ELFDATA2MSB;
    if (fd_pread_all(fd, bytes, SIZE_OF(elf, Ehdr), 0) < 0)
        return false;
    uint64_t segments = MEMBER(elf, bytes, Ehdr, e_phoff), sections = MEMBER(elf, bytes, Ehdr, e_shoff);
    if (!is_place(segments) || !is_place(sections) || MEMBER(elf, bytes, Ehdr, e_phentsize) != SIZE_OF(elf, Phdr))
        return false;
    elf->segments = (int64_t)segments;
    elf->sections = (int64_t)sections;
    elf->segment_count = (unsigned)MEMBER(elf, bytes, Ehdr, e_phnum);
    if (MEMBER(elf, bytes, Ehdr, e_shentsize) == SIZE_OF(elf, Shdr))
        elf->section_count = (unsigned)MEMBER(elf, bytes, Ehdr, e_shnum);
    elf->names = (unsigned)MEMBER(elf, bytes, Ehdr, e_shstrndx);
    return true;
}

static bool set_part(struct elf_part *part, uint64_t offset, uint64_t size)
{
    *part = (struct elf_part){(int64_t)offset, (int64_t)size};
    return is_place(offset) && is_place(size);
}

/* --- sections --- */

static bool read_section(const struct elf *elf, unsigned n, struct elf_part *part, uint32_t *name)
{
    unsigned char bytes[sizeof(Elf64_Shdr)];
    size_t size = SIZE_OF(elf, Shdr);
    if (n >= elf->section_count || fd_pread_all(elf->fd, bytes, size, elf->sections + (int64_t)(n * size)) < 0)
        return false;
    *name = (uint32_t)MEMBER(elf, bytes, Shdr, sh_name);
    return set_part(part, MEMBER(elf, bytes, Shdr, sh_offset), MEMBER(elf, bytes, Shdr, sh_size));
}

bool elf_find_section(const struct elf *elf, const char *name, struct elf_part *part)
{
    struct elf_part names;
    uint32_t at;
    char text[32];
    size_t len = strlen(name) + 1;
    if (len > sizeof text || !read_section(elf, elf->names, &names, &at))
        return false;
    for (unsigned i = 0; read_section(elf, i, part, &at); i++) {
        if ((int64_t)at + (int64_t)len <= names.size && fd_pread_all(elf->fd, text, len, names.offset + at) == 0 &&
            !memcmp(text, name, len))
            return true;
    }
    return false;
}

/* --- segments --- */

struct segment {
    uint64_t address, offset, size;
    uint32_t type, flags;
};

static bool read_segment(const struct elf *elf, unsigned n, struct segment *segment)
{
    unsigned char bytes[sizeof(Elf64_Phdr)];
    size_t size = SIZE_OF(elf, Phdr);
    if (n >= elf->segment_count || fd_pread_all(elf->fd, bytes, size, elf->segments + (int64_t)(n * size)) < 0)
        return false;
    *segment = (struct segment){MEMBER(elf, bytes, Phdr, p_vaddr), MEMBER(elf, bytes, Phdr, p_offset),
                                MEMBER(elf, bytes, Phdr, p_filesz), (uint32_t)MEMBER(elf, bytes, Phdr, p_type),
                                (uint32_t)MEMBER(elf, bytes, Phdr, p_flags)};
    return true;
}

bool elf_find_data(const struct elf *elf, struct elf_part *part)
{
    struct segment segment;
    for (unsigned i = 0; read_segment(elf, i, &segment); i++)
        if (segment.type == PT_LOAD && (segment.flags & (PF_W | PF_X)) == PF_W)
            return set_part(part, segment.offset, segment.size);
    return false;
}

bool elf_find_address(const struct elf *elf, uint64_t address, struct elf_part *part)
{
    struct segment segment;
    for (unsigned i = 0; read_segment(elf, i, &segment); i++) {
        uint64_t at = address - segment.address;
        if (segment.type == PT_LOAD && address >= segment.address && at < segment.size && is_place(segment.offset))
            return set_part(part, segment.offset + at, segment.size - at);
    }
    return false;
}
