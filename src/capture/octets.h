/* Integers of a file whose byte order is this machine's or the other one. The caller has checked that they are there. */
#ifndef DBHOUND_CAPTURE_OCTETS_H
#define DBHOUND_CAPTURE_OCTETS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t octets_16(const uint8_t *from, bool swapped)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return swapped ? __builtin_bswap16(value) : value;
}

static inline uint32_t octets_32(const uint8_t *from, bool swapped)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return swapped ? __builtin_bswap32(value) : value;
}

static inline uint64_t octets_64(const uint8_t *from, bool swapped)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return swapped ? __builtin_bswap64(value) : value;
}

/* Reading runs from one end of a file to the other, but a record's place is known only once the one before was read:
 * asking for the bytes some records ahead keeps the next header from waiting for memory. Always inline: gcc takes a
 * function that only prefetches for one without effect and drops the call. */
__attribute__((always_inline)) static inline void octets_expect(const uint8_t *bytes, size_t length, size_t at,
                                                                size_t record)
{
    enum { AHEAD = 1024, LINE = 64, LINES_MOST = 32 };
    if (length - at < AHEAD + LINE * LINES_MOST)
        return;
    size_t lines = record / LINE + 1;
    for (size_t i = 0; i < lines && i < LINES_MOST; i++)
        __builtin_prefetch(bytes + at + AHEAD + i * LINE);
}

#endif
