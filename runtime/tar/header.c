/*
 * Owns the numbers and the checksum of a tar header. Called by the reader and the writer. Must not know what a number is for.
 */
#include "runtime/tar/header.h"

#include <assert.h>

static_assert(sizeof(struct tar_header) == TAR_BLOCK_SIZE, "a tar header is one block");

/* Two's complement, big endian; the topmost bit marks the form, the next is the sign. */
static bool base256(const char *field, size_t len, int64_t *number)
{
    const unsigned char *bytes = (const unsigned char *)field;
    unsigned char sign = bytes[0] & 0x40 ? 0xff : 0;
    uint64_t value = sign ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = i ? bytes[i] : (unsigned char)((bytes[0] & 0x7f) | (sign & 0x80));
        if ((unsigned char)(value >> 56) != sign)
            return false;
        value = value << 8 | byte;
    }
    if ((value >> 63) != (sign >> 7))
        return false;
    *number = (int64_t)value;
    return true;
}

bool header_number(const char *field, size_t len, int64_t *number)
{
    if ((unsigned char)field[0] & 0x80)
        return base256(field, len, number);
    size_t i = 0;
    uint64_t value = 0;
    while (i < len && (field[i] == ' ' || field[i] == 0))
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
        if (value >> 59)
            return false;
        value = value << 3 | (uint64_t)(field[i] - '0');
    }
    if (i < len && field[i] != ' ' && field[i] != 0)
        return false;
    *number = (int64_t)value;
    return true;
}

bool header_put_number(char *field, size_t len, int64_t number)
{
    if (number < 0 || (len - 1 < 21 && number >> (3 * (len - 1))))
        return false;
    field[len - 1] = 0;
    for (size_t i = len - 1; i-- > 0; number >>= 3)
        field[i] = (char)('0' + (number & 7));
    return true;
}

int64_t header_sum(const struct tar_header *header, bool is_signed)
{
    const char *bytes = (const char *)header;
    const char *own = header->checksum;
    int64_t sum = 0;
    for (size_t i = 0; i < TAR_BLOCK_SIZE; i++) {
        char byte = bytes + i >= own && bytes + i < own + sizeof header->checksum ? ' ' : bytes[i];
        sum += is_signed ? (signed char)byte : (unsigned char)byte;
    }
    return sum;
}

bool header_is_valid(const struct tar_header *header)
{
    int64_t claimed;
    return header_number(header->checksum, sizeof header->checksum, &claimed) &&
           (claimed == header_sum(header, false) || claimed == header_sum(header, true));
}
