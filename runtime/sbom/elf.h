/* Programs and libraries in ELF: where things lie in the file. Nothing in it is trusted. */
#ifndef DFGEN_SBOM_ELF_H
#define DFGEN_SBOM_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf {
    int fd;
    bool is_wide, is_big;       /* 64 bits, big endian */
    int64_t segments, sections; /* where the tables of headers begin */
    unsigned segment_count, section_count, names; /* names: the section that has those of all */
};

struct elf_part {
    int64_t offset, size;       /* in the file */
};

/* False: it is none. The descriptor stays the caller's. */
bool elf_open(int fd, struct elf *elf);
bool elf_find_section(const struct elf *elf, const char *name, struct elf_part *part);
/* The first segment that is loaded for writing and not for running. */
bool elf_find_data(const struct elf *elf, struct elf_part *part);
/* From an address in memory to the end of its segment in the file. */
bool elf_find_address(const struct elf *elf, uint64_t address, struct elf_part *part);
/* A number of 1 to 8 bytes in the file's byte order. */
uint64_t elf_number(const struct elf *elf, const void *bytes, size_t size);

#endif
