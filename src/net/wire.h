/* Big-endian numbers at a place whose bounds the caller has checked with one take_view per header. */
#ifndef DBHOUND_NET_WIRE_H
#define DBHOUND_NET_WIRE_H

#include <stdint.h>

enum { IPV4_MORE_FRAGMENTS = 0x2000, IPV4_FRAGMENT_OFFSET = 0x1fff, IPV6_HEADER = 40, IPV6_FRAGMENT_HEADER = 8 };

static inline uint16_t wire_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t wire_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

#endif
