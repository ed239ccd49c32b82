/* Every bit of a number changes every bit of the result (the finalizer of SplitMix64); it is a bijection. No secret: where an
 * attacker chooses numbers, mix a key in, or use a keyed hash. */
#ifndef DBHOUND_BASE_HASH_H
#define DBHOUND_BASE_HASH_H

#include <stdint.h>

static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

#endif
