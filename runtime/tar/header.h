/*
 * The 512 bytes before each entry of a tar, as they lie there, and the numbers in them. For the reader and the writer.
 */
#ifndef DFGEN_TAR_HEADER_H
#define DFGEN_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TAR_BLOCK_SIZE = 512 };

struct tar_header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], uname[32], gname[32], major[8], minor[8];
    union {
        char prefix[155];           /* ustar */
        struct {                    /* GNU */
            char atime[12], ctime[12], offset[12], longnames[4], unused;
            struct tar_gnu_piece {
                char offset[12], length[12];
            } pieces[4];
            char is_extended, real_size[12];
        } gnu;
    };
    char rest[12];
};

/* Octal digits between spaces and NULs, or GNU's base 256. False when it is neither or does not fit. An empty field is 0. */
bool header_number(const char *field, size_t len, int64_t *number);
/* Octal, filled with zeros, ended by a NUL. False when it does not fit or is negative. */
bool header_put_number(char *field, size_t len, int64_t number);

/* Sum of the bytes with the checksum's own taken for spaces; is_signed: as old tars did it. */
int64_t header_sum(const struct tar_header *header, bool is_signed);
bool header_is_valid(const struct tar_header *header);

#endif
