/* NH (UMAC, RFC 4418) over five 64-bit words with a secret key: for two connections chosen without knowing the key, the
 * chance to collide before the last step is 2^-64. A fraction of what a cipher-like hash costs, and this runs per packet. */
#ifndef DBHOUND_NET_HASH_H
#define DBHOUND_NET_HASH_H

#include <stdint.h>

enum { HASH_WORDS = 5, HASH_KEYS = HASH_WORDS + 3 };

__extension__ typedef unsigned __int128 hash_wide;

static inline uint64_t hash_words(const uint64_t key[HASH_KEYS], const uint64_t words[HASH_WORDS])
{
    hash_wide sum = (hash_wide)(words[0] + key[0]) * (words[1] + key[1]);
    sum += (hash_wide)(words[2] + key[2]) * (words[3] + key[3]);
    sum += (hash_wide)(words[4] + key[4]) * key[5];
    hash_wide mixed = (hash_wide)((uint64_t)sum ^ key[6]) * ((uint64_t)(sum >> 64) ^ key[7]);
    return (uint64_t)mixed ^ (uint64_t)(mixed >> 64);
}

#endif
