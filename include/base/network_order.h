/* Numbers in network byte order, written to memory that has room for them. Reading is base/cursor.h's. */
#ifndef DBHOUND_BASE_NETWORK_ORDER_H
#define DBHOUND_BASE_NETWORK_ORDER_H

#include <stdint.h>

static inline void network_put_16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void network_put_32(uint8_t *at, uint32_t value)
{
    network_put_16(at, value >> 16);
    network_put_16(at + 2, value & 0xffff);
}

#endif
